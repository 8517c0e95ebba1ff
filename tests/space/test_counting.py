"""Counting agrees with enumeration, with arithmetic by hand and with published numbers; draws are uniform."""

from __future__ import annotations

import pickle
import random
import re
from collections import Counter as Tally
from itertools import product
from math import comb
from pathlib import Path
from typing import Any

import pytest
from enumerate_space import satisfying, walks
from fake_catalogue import FakeCatalogue
from hypothesis import HealthCheck, assume, given, settings
from random_spaces import spaces

from nas.space import EmptySpace, Size, Space, load_space, read_text
from nas.space.counting import Counter
from nas.space.expression import parse
from nas.space.residues import compile_residue

EXAMPLES = Path(__file__).parent / "examples"
KERNEL = {"choice": [3, 5, 7]}


def space_of(*stages: dict[str, Any], **more: Any) -> Space:
    tree = {"input": {"resolution": 32}, "classes": 3, "stages": list(stages), "head": ["pool", "classifier"]}
    return load_space(tree | more, FakeCatalogue())


def stage(name: str, block: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "block": block, **more}


CONV = {"conv": {"kernel": KERNEL}}
TWO_ACTS = {"choice": ["relu", "silu"]}
THREE_ACTS = {"choice": ["relu", "silu", "gelu"]}
BODY = {"choice": {"plain": "basic", "wide": {"mbconv": {"expand": {"choice": [2, 4]}, "kernel": KERNEL}}}}

CASES: dict[str, tuple[int, Space]] = {
    "nothing to decide": (1, space_of(stage("a", "basic", repeat=4))),
    "once a stage": (3, space_of(stage("a", CONV, repeat=4))),
    "once a block": (3**4, space_of(stage("a", CONV, repeat=4, per="block"))),
    "by depth": (1 + 3 + 9 + 27, space_of(stage("a", CONV, repeat={"range": [0, 3]}, per="block"))),
    "nested, once a stage": (1 + 6, space_of(stage("a", BODY, repeat=2))),
    "nested, the type once a stage, the rest for each block": (
        1 + 6**2,
        space_of(stage("a", {**BODY, "per": "stage"}, repeat=2, per="block")),
    ),
    "nested, for each block": (7**2, space_of(stage("a", BODY, repeat=2, per="block"))),
    "a shared var counts once": (3, space_of(stage("a", "$c", repeat=2), stage("b", "$c"), vars={"c": CONV})),
    "a var that only some networks use": (
        1 + 3 + 3 + 3,  # neither, a, b, both: it is decided once
        space_of(
            stage("a", {"choice": {"p": "basic", "c": "$c"}}), stage("b", {"choice": {"p": "basic", "c": "$c"}}),
            vars={"c": CONV},
        ),
    ),
    "a var inside a var": (
        2 * 3 + 1,
        space_of(
            stage("a", "$outer"),
            stage("b", "basic"),
            vars={"outer": {"choice": {"p": "basic", "c": "$inner"}}, "inner": [CONV, {"optional": "basic"}]},
        ),
    ),
    "each": (
        2 + 2 * 3, space_of(stage("a", {"conv": {"act": {"each": [TWO_ACTS, THREE_ACTS]}}}, repeat={"range": [1, 2]})),
    ),
    "downsample stays without blocks": (
        3 * (1 + 3),
        space_of(stage("a", CONV, repeat={"choice": [0, 1]}, downsample={"conv": {"kernel": KERNEL}})),
    ),
    "without one the out goes too": (
        1 + 2 * 3, space_of(stage("a", CONV, repeat={"choice": [0, 1]}, out={"choice": [8, 16]}), stem=["conv"]),
    ),
    "a repeat by a var, which the blocks use too": (
        2 + 2**2 + 2**3, space_of(
            stage("a", {"conv": {"act": {"choice": ["relu", "silu"]}}}, repeat="$depth", per="block"),
            vars={"depth": {"range": [1, 3]}},
        ),
    ),
    "training decisions do not count": (
        3, space_of(stage("a", CONV), train={"lr": {"range": [1e-4, 1e-1], "log": True}, "drop": {"choice": [0, 0.1]}})
    ),
    "a sum over stages": (
        sum(1 for depths in product(range(4), repeat=3) if sum(depths) <= 5),
        space_of(*(stage(n, "basic", repeat={"range": [0, 3]}) for n in "abc"), stem=["conv"],
                 constraints=["a.repeat + b.repeat + c.repeat <= 5"]),
    ),
    "outs that grow": (
        comb(4 + 3 - 1, 3),
        space_of(*(stage(n, "basic", out={"choice": [8, 16, 24, 32]}) for n in "abc"),
                 constraints=["b.out >= a.out", "c.out >= b.out"]),
    ),
    "absent, so it holds": (
        1 + 3 * 2 - 1,
        space_of(stage("a", BODY), constraints=["a.block.wide.mbconv.kernel < 7 or a.block.wide.mbconv.expand > 2"]),
    ),
    "one block's own": (
        3**3 - 3,
        space_of(stage("a", CONV, repeat=3, per="block"),
                 constraints=["not (a.0.block.conv.kernel == 7 and a.2.block.conv.kernel == 7)"]),
    ),
    "nothing satisfies": (0, space_of(stage("a", CONV), constraints=["a.block.conv.kernel > 7"])),
    "an integral width only": (
        2, space_of(stage("a", "basic", out="$8 * wide"), vars={"wide": {"choice": [0.5, 0.7, 1]}},
                    constraints=["a.out >= 1"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_space_counted_by_hand(name: str) -> None:
    expected, space = CASES[name]
    assert space.size() == Size(expected, True)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0]])
def test_a_space_counted_by_enumeration(name: str) -> None:
    space = CASES[name][1]
    found = satisfying(space)
    if name == "an integral width only":  # one cannot be built, so its width is none and does not satisfy anything
        found = [decisions for decisions in found if space.contains(decisions)]
    assert space.size().value == len(found)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces())
def test_counting_agrees_with_enumeration(space: Space) -> None:
    free = Counter(space.network, space.decisions)
    assert free.table is not None
    total = 0
    for total, _ in enumerate(walks(space), 1):
        assume(total <= 600)
    found = satisfying(space)
    size = space.size()
    if size.exact:
        assert size.value == len(found)
    else:
        assert len(found) <= size.value <= total
    rng = random.Random(1)
    for _ in range(10 if any(map(space.contains, found)) else 0):  # scaled too small, none may be buildable
        decisions = space.sample(rng)
        assert space.walk(lambda decision, made=decisions: made[decision.name]) == decisions  # type: ignore[misc]
        assert space.contains(decisions)


def test_nasbench201_has_its_published_size() -> None:
    """Dong and Yang, 2020: 5 operations on 6 edges."""
    assert load_space(EXAMPLES / "nasbench201.yaml", FakeCatalogue()).size() == Size(15_625, True)


def test_the_hybrid_space_counted_by_hand() -> None:
    """Sums over what its constraints name; everything else is a factor."""
    early = 3 * 3 * 3
    inside = {"mbconv": 2 * 2 * 2, "transformer": 2 * 2}
    total = 0
    for s1, s2, s3, s4 in product(range(1, 4), range(2, 5), range(2, 7), range(5)):
        if s1 + s2 + s3 + s4 > 14:
            continue
        types = 0
        for one in inside:
            # without blocks the last stage has no type, and what names it holds
            last = [(inside[two], two) for two in inside] if s4 else [(1, None)]
            types += sum(inside[one] ** s3 * ways**s4 for ways, two in last if one == "mbconv" or two != "mbconv")
        outs = sum(a <= b for a, b in product((96, 128, 160), (160, 256)))
        total += early ** (s1 + s2) * types * outs
    total *= 3 * 3 * 3  # resolution, width, act
    assert load_space(EXAMPLES / "hybrid.yaml", FakeCatalogue()).size() == Size(total, True)
    assert total == 32_233_943_282_775_222_240


def test_samples_are_uniform() -> None:
    """Pearson's chi-square on a space where a walk would not be: deep networks have more vectors."""
    space = space_of(
        stage("a", {**BODY, "per": "stage"}, repeat={"range": [1, 2]}, per="block"),
        stage("b", {"choice": {"p": "basic", "c": "$c"}}),
        vars={"c": {"conv": {"kernel": {"choice": [3, 5]}}}},
        constraints=["a.repeat < 2 or b.block == 'c' or a.block == 'wide'"],
        train={"dropout": {"range": [0.0, 0.5]}},
    )
    vectors = {tuple((k, v) for k, v in sorted(each.items()) if k != "train.dropout") for each in satisfying(space)}
    assert len(vectors) == space.size().value
    rng = random.Random(7)
    each = 40
    drawn = Tally(
        tuple((k, v) for k, v in sorted(space.sample(rng).items()) if k != "train.dropout")
        for _ in range(each * len(vectors))
    )
    assert set(drawn) <= vectors
    chi_square = sum((drawn[vector] - each) ** 2 / each for vector in vectors)
    freedom = len(vectors) - 1
    assert abs(chi_square - freedom) < 3.5 * (2 * freedom) ** 0.5


def test_what_cannot_be_built_is_counted_but_never_drawn() -> None:
    space = space_of(stage("a", {"mbconv": {"kernel": {"choice": [3, 4, 5]}}}))
    assert space.size() == Size(3, True)
    rng = random.Random(0)
    assert {space.sample(rng)["a.block.mbconv.kernel"] for _ in range(50)} == {3, 5}


def test_a_space_that_nothing_satisfies_says_so() -> None:
    with pytest.raises(EmptySpace, match="no decisions satisfy the structural constraints"):
        CASES["nothing satisfies"][1].sample(random.Random(0))


def test_an_empty_space_says_which_constraints_empty_it_and_where() -> None:
    text = """name: t
input: {resolution: 16}
classes: 3
stages: [{name: a, repeat: {range: [1, 2]}, out: {choice: [8, 16]}, block: basic}]
head: [pool, classifier]
constraints:
  - a.out >= 8
  - a.out > 16
  - a.repeat <= 1
"""
    space = Space(read_text(text, "t.yaml"), FakeCatalogue())
    for ask in (space.sample, space.draw):
        with pytest.raises(EmptySpace) as empty:
            ask(random.Random(0))
        said = str(empty.value)
        assert "of 500 vectors drawn at random t.yaml:8:5: at constraints.1: a.out > 16 fails for 500; " in said
        [some] = re.findall(r"t.yaml:9:5: at constraints.2: a.repeat <= 1 fails for (\d+);", said)
        assert 150 < int(some) < 350
        assert "a.out >= 8" not in said


def test_a_long_sum_needs_few_states() -> None:
    names = [f"s{index}" for index in range(16)]
    space = space_of(
        *(stage(name, "basic", repeat={"range": [1, 4]}) for name in names),
        constraints=[f"{' + '.join(f'{name}.repeat' for name in names)} <= 40"],
    )
    ways = [1] + [0] * 64
    for _ in names:
        ways = [sum(ways[total - depth] for depth in range(1, 5) if total >= depth) for total in range(65)]
    assert space.size() == Size(sum(ways[:41]), True)


def test_beyond_the_cap_the_size_is_an_upper_bound_and_says_so() -> None:
    names = [f"s{index}" for index in range(5)]
    space = space_of(
        *(stage(name, {"mbconv": {"expand": {"range": [1, 8]}}}) for name in names),
        constraints=[
            f"{' * '.join(f'(1 + {name}.block.mbconv.expand ** 0.5)' for name in names)} < 60",
            "s0.block.mbconv.expand > 4",
        ],
    )
    exact = Counter(space.network, space.decisions, limit=1_000_000).size
    capped = Counter(space.network, space.decisions, limit=100).size
    assert exact.exact
    assert not capped.exact
    assert exact.value < capped.value == 8**4 * 4  # the second constraint is still counted
    assert str(capped) == "at most 16,384"
    none = Counter(space.network, space.decisions, limit=0)
    assert none.table is None
    assert none.size == Size(8**5, False)


def test_an_out_that_only_building_tells_is_not_guessed() -> None:
    space = space_of(stage("a", {"dense": {"growth": {"choice": [8, 16]}}}, repeat=2), constraints=["a.out <= 30"])
    assert space.size() == Size(2, False)
    assert space.sample(random.Random(0)) == {"a.block.dense.growth": 8}


def test_a_constraint_that_was_not_counted_is_met_all_the_same() -> None:
    """Deep networks are nearly all of this space, and the constraint that forbids them names too much to count."""
    depth = {"repeat": {"range": [1, 150]}, "per": "block"}
    space = space_of(
        *(stage(name, CONV, **depth) for name in "ab"), constraints=["a.repeat * 1.1 + b.repeat ** 0.5 * 7 <= 80"]
    )
    assert not space.size().exact
    decisions = space.sample(random.Random(0))
    assert decisions["a.repeat"] * 1.1 + decisions["b.repeat"] ** 0.5 * 7 <= 80  # type: ignore[operator]


def test_counting_survives_another_process() -> None:
    space = load_space(EXAMPLES / "hybrid.yaml", FakeCatalogue())
    copy = pickle.loads(pickle.dumps(space))
    assert copy.size() == space.size()
    assert copy.sample(random.Random(5)) == space.sample(random.Random(5))


def test_what_is_left_of_an_expression() -> None:
    left = compile_residue(parse("a + b + c <= 9 and (d == 'x' or a > 1)").term)
    assert left({"a": 2, "b": 3}) == left({"a": 3, "b": 2})
    assert left({"a": 1, "b": 4}) != left({"a": 2, "b": 3})
    assert left({"a": 9, "b": 3, "c": 1}) == ("value", "bool", False)
    assert left({"a": 2, "b": 3, "c": 1}) == left({"a": 3, "b": 2, "c": 4})
    assert left({"a": 2, "b": 3, "c": 1, "d": "x"}) == ("value", "bool", True)
    assert left({"c": 1}) != left({"c": True})
