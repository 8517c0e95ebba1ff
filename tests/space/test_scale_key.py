"""The key `scale`: decided like all else, at work behind it, counted exactly, written out as the scaled network."""

from __future__ import annotations

import pickle
import random
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest
from enumerate_space import satisfying, walks
from fake_catalogue import FakeCatalogue
from fake_scaler import FakeScaler

from nas.arch import Plan
from nas.errors import InvalidArchitecture, SpecError
from nas.space import BadDecisions, EmptySpace, NotInside, Space, load_network, load_space, locate, read_text

HEAD = """\
name: scaled
classes: 10
input: {resolution: 32}
stem: [conv: {out: 8}]
stages:
  - {name: s1, repeat: {range: [1, 2]}, out: {choice: [8, 12]}, block: {mbconv: {kernel: {choice: [3, 5]}}}}
head: [pool, classifier]
"""
BOTH = "scale: {way: {choice: [wide, fine]}, times: {choice: [1, 2, 0.5]}}\n"
WIDE = "scale: {way: wide, times: {choice: [1, 2]}}\n"


def space_of(more: str, head: str = HEAD, file: str = "space.yaml") -> Space:
    return Space(read_text(head + more, file), FakeCatalogue(), scaler=FakeScaler())


def first(space: Space, **answers: Any) -> dict[str, Any]:
    wanted = {name.replace("__", "."): label for name, label in answers.items()}
    return space.walk(lambda decision: wanted.get(decision.name, decision.values[0]))


def outs(plan: Plan) -> list[int | None]:
    return [step.block.out for step in plan.steps]


def test_decisions_are_called_by_their_keys_and_stand_behind_the_structure() -> None:
    space = space_of(BOTH + "train: {rate: {choice: [0.1, 0.2]}}\n")
    assert [decision.name for decision in space.decisions] == [
        "s1.repeat", "s1.out", "s1.block.mbconv.kernel", "scale.way", "scale.times", "train.rate",
    ]  # fmt: skip
    assert [decision.name for decision in space.decisions if decision.scale] == ["scale.way", "scale.times"]
    assert not any(decision.train for decision in space.decisions if decision.scale)
    assert all(decision.when is None for decision in space.decisions)
    assert space.scales
    assert not space_of("").scales


def test_what_all_else_gives_is_scaled() -> None:
    space, plain = space_of(BOTH), space_of("")
    for decisions in walks(plain):
        base = plain.decode(decisions)
        for times in (1, 2, 0.5):
            wide = space.decode(decisions | {"scale.way": "wide", "scale.times": times})
            fine = space.decode(decisions | {"scale.way": "fine", "scale.times": times})
            assert outs(wide)[:-2] == [int(out * times) for out in outs(base)[:-2] if out]
            assert wide.input == base.input
            assert (fine.input.height, outs(fine)) == (int(32 * times), outs(base))
            assert (wide.arch_id == base.arch_id) == (fine.arch_id == base.arch_id) == (times == 1)
            assert wide.name == fine.name == "scaled"
    assert space.input == plain.input  # before scaling


def test_an_answer_that_is_missing_too_many_or_unknown() -> None:
    space = space_of(BOTH)
    whole = first(space)
    with pytest.raises(BadDecisions, match=r"scale\.times: the decisions must answer this"):
        space.decode({name: label for name, label in whole.items() if name != "scale.times"})
    with pytest.raises(BadDecisions, match=r"scale\.times: must be one of 1, 2, 0\.5, but got 3"):
        space.decode(whole | {"scale.times": 3})
    with pytest.raises(BadDecisions, match=r"scale\.unit: .*none of this space"):
        space.decode(whole | {"scale.unit": 1})


def test_what_cannot_be_scaled_is_told_at_scale() -> None:
    space = space_of("scale: {way: {choice: [wide, fine]}, times: {choice: [1, 0.01]}, unit: 4}\n")
    with pytest.raises(InvalidArchitecture) as caught:
        space.decode(first(space, scale__times=0.01))
    assert caught.value.path == "scale"
    assert str(caught.value.mark) == "space.yaml:8:8"
    assert caught.value.reason == "conv: channels must be a multiple of 4, but are 0"
    with pytest.raises(InvalidArchitecture, match="a side must stay a pixel"):
        space.decode(first(space, scale__way="fine", scale__times=0.01))
    assert {space.sample(random.Random(seed))["scale.times"] for seed in range(20)} == {1}
    assert all(near["scale.times"] == 1 for near in space.neighbours(first(space)))


def test_a_resolution_that_would_suit_the_scaled_network_is_named() -> None:
    space = space_of("scale: {way: fine, times: 0.03}\n")
    decisions = first(space)
    with pytest.raises(InvalidArchitecture) as caught:
        space.decode(decisions)
    told = str(space.told(decisions, caught.value))
    assert told.startswith("space.yaml:8:8: at scale: a side must stay a pixel, but 32 times 0.03 is none")
    assert told.endswith("or change the resolution 32 (space.yaml:3:21): the nearest that fits is 64")


@pytest.mark.parametrize(
    ("more", "size"),
    [
        (BOTH, 8 * 6),
        (WIDE, 8 * 2),
        ("scale: {way: wide, times: 2}\n", 8),
        ("scale: {way: wide, times: $s1.repeat}\n", 8),
        ("scale: {way: wide, times: $t, unit: {range: [1, 4]}}\nvars: {t: {choice: [1, 2, 4]}}\n", 8 * 12),
        (BOTH + "constraints: [scale.times > 0.5 or s1.repeat == 1]\n", 8 * 6 - 4 * 2),
        (BOTH + "constraints: [scale.way == 'wide', s1.out * scale.times >= 12]\n", 4 * (1 + 2 + 0)),
        (BOTH + "train: {rate: $scale.times / 4, more: {choice: [1, 2]}}\n", 8 * 6),
    ],
)
def test_counting_is_exact(more: str, size: int) -> None:
    space = space_of(more)
    assert space.size().exact
    assert space.size().value == size == len(satisfying(space))


def test_draws_are_uniform_over_what_can_be_built() -> None:
    space = space_of(BOTH + "constraints: [scale.times > 0.5 or s1.repeat == 1]\n")
    good = [tuple(decisions.items()) for decisions in satisfying(space) if space.contains(decisions)]
    rng, draws = random.Random(3), 8_000
    tally = Tally(tuple(space.sample(rng).items()) for _ in range(draws))
    assert tally.keys() == set(good)
    mean = draws / len(good)
    assert sum((count - mean) ** 2 / mean for count in tally.values()) < 2 * len(good)  # chi squared


def test_an_empty_space_says_so() -> None:
    space = space_of("scale: {way: wide, times: 2}\nconstraints: [scale.times < 2]\n")
    assert space.size().value == 0
    with pytest.raises(EmptySpace, match=r"scale\.times < 2 fails for 500"):
        space.sample(random.Random(0))


def test_moves_vectors_and_pickles() -> None:
    space = space_of(BOTH)
    rng = random.Random(1)
    a, b = space.sample(rng), space.sample(rng)
    near = list(space.neighbours(a))
    assert len(near) == 3 + 1 + 2
    assert all(space.contains(point) for point in near)
    assert space.contains(space.crossover(a, b, rng))
    assert space.decode_vector(space.encode(a)) == a
    again = pickle.loads(pickle.dumps(space))
    assert again.decode(a).arch_id == space.decode(a).arch_id
    assert again.size() == space.size()
    other = space.at_resolutions([16, 64])
    assert other.decode(a | {"input.resolution": 64}).input.height in (32, 64, 128)


def test_the_scaled_network_is_written() -> None:
    space = space_of(BOTH)
    for decisions in walks(space):
        tree = space.to_tree(decisions)
        assert "scale" not in tree
        assert read_text(space.write(decisions)).plain() == tree
        assert load_network(tree, FakeCatalogue()).arch_id == space.decode(decisions).arch_id


def test_a_network_may_be_scaled_as_it_is_written() -> None:
    tree = read_text(HEAD).plain() | {"stages": [], "scale": {"way": "wide", "times": 2}}
    plan = load_network(tree, FakeCatalogue(), scaler=FakeScaler())
    assert outs(plan)[0] == 16
    assert load_space(tree, FakeCatalogue(), scaler=FakeScaler(), resolution=64).input.height == 64


def test_training_and_constraints_may_name_it_blocks_may_not() -> None:
    space = space_of("scale: {way: wide, times: {choice: [1, 2]}}\ntrain: {rate: $0.1 * scale.times}\n")
    assert space.decode(first(space, scale__times=2)).train["rate"] == 0.2
    told = r"scale\.times' has no value here: a value may name only what comes before it"
    with pytest.raises(SpecError, match=told):
        space_of(WIDE, HEAD.replace("out: 8}", "out: $8 * scale.times}"))
    with pytest.raises(SpecError, match=told):
        space_of("scale: {way: wide, times: 2, unit: $scale.times}\n")
    with pytest.raises(SpecError, match=r"'scale\.times' is not a name here"):
        space_of("train: {rate: $scale.times}\n")


def test_it_sees_the_network_before_it_is_scaled() -> None:
    space = space_of("scale: {way: wide, times: $s1.out // 4}\nconstraints: [s1.out == 8]\n")
    plan = space.decode(first(space))
    assert outs(plan)[:2] == [16, 16]
    with pytest.raises(InvalidArchitecture, match=r"s1\.out == 8 must hold, but s1\.out = 12"):
        space.decode(first(space, s1__out=12))


def test_an_expression_must_fit_the_field() -> None:
    space = space_of("scale: {way: wide, times: $40 * s1.repeat}\n")
    assert space.contains(first(space))
    with pytest.raises(InvalidArchitecture, match=r"scale\.times: '\$40 \* s1\.repeat' must be a number from 0 to 64"):
        space.decode(first(space, s1__repeat=2))


WRONG = {
    "an unknown key": ("scale: {@tims: 2}", "scale.tims", "did you mean 'times'"),
    "an unknown word": ("scale: {way: @wild, times: 2}", "scale.way", "did you mean 'wide'"),
    "an unknown option": ("scale: {way: {choice: [wide, @thin]}, times: 2}", "scale.way.choice.1", "one of wide, fine"),
    "no number": ("scale: {way: wide, times: @much}", "scale.times", "a number from 0 to 64, but got 'much'"),
    "no scalar": ("scale: {way: wide, times: @[1, 2]}", "scale.times", "a list of 2"),
    "out of bounds": ("scale: {way: wide, times: {choice: [1, @65]}}", "scale.times.choice.1", "from 0 to 64"),
    "a range out of bounds": ("scale: {way: wide, times: {range: @[0, 65]}}", "scale.times.range", "from 0 to 64"),
    "a continuous range": ("scale: {way: wide, times: {range: @[0.5, 1.5]}}", "scale.times.range", "must have a step"),
    "nothing": ("scale: {way: wide, times: @{optional: 2}}", "scale.times", "a number from 0 to 64, but got 'none'"),
    "one value a block": ("scale: {way: wide, times: @{each: [1, 2]}}", "scale.times", "one value a block"),
    "for each block": ("scale: {way: wide, times: {choice: [1], per: @block}}", "scale.times.per", "'per' must stand"),
    "what is missing": ("scale: @{way: wide}", "scale", "'times' must be written"),
    "what does not go together": ("scale: {way: fine, times: 1, @unit: 2}", "scale.unit", "belongs to the way 'wide'"),
    "a choice of it all": ("scale: {@choice: [{way: wide}]}", "scale.choice", "choose inside it"),
    "a word": ("scale: @wide", "scale", "scale must be a mapping, but got 'wide'"),
    "a text that never is": (WIDE + "constraints: [@scale.way == 'wild']", "constraints.0", "can never be 'wild'"),
    "a fact that is not written": (
        WIDE + "constraints: [@scale.unit == 2]",
        "constraints.0",
        "'scale.unit' is unknown",
    ),
}


@pytest.mark.parametrize(("more", "path", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_told_with_its_place(more: str, path: str, words: str) -> None:
    before, _, after = (HEAD + more).partition("@")
    with pytest.raises(SpecError, match=words) as caught:
        space_of("", before + after)
    error = caught.value
    assert error.mark is not None
    column = len(before) - (before.rfind("\n") + 1) + 1
    assert (error.mark.line, error.mark.column) == (before.count("\n") + 1, column)
    assert error.path == path


def test_a_var_or_a_stage_is_not_called_so() -> None:
    with pytest.raises(SpecError, match="a var must not be called 'scale'"):
        space_of("vars: {scale: 2}\n")
    with pytest.raises(SpecError, match="a stage must not be called 'scale'"):
        space_of("", HEAD.replace("name: s1", "name: scale"))


def test_without_a_scaler_it_is_refused() -> None:
    with pytest.raises(SpecError, match=r"space\.yaml:8:8: at scale: 'scale' must be opened with a scaler"):
        Space(read_text(HEAD + BOTH, "space.yaml"), FakeCatalogue())
    with pytest.raises(SpecError, match="must be opened with a scaler"):
        load_network(read_text(HEAD + WIDE).plain(), FakeCatalogue())
    assert not Space(read_text(HEAD + "scale:\n"), FakeCatalogue()).scales


def test_what_extends_another_may_scale_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + "vars: {t: {choice: [1, 2]}}\nscale: {way: fine, times: $t}\n")

    def extended(more: str) -> Space:
        return load_space({"extends": "base"} | read_text(more).plain(), FakeCatalogue(),
                          roots=[tmp_path], scaler=FakeScaler())  # fmt: skip

    assert {d.name for d in extended("name: same").decisions if d.scale} == {"t"}
    assert {d.name for d in extended(BOTH).decisions if d.scale} == {"scale.way", "scale.times"}
    assert not extended("scale: null").scales


def test_a_network_is_found_in_a_space_that_scales() -> None:
    space, plain = space_of(BOTH), space_of("")
    for decisions in walks(space):
        network = space.decode(decisions)
        assert space.decode(locate(space, network)).arch_id == network.arch_id
    for decisions in walks(plain):
        assert space.decode(locate(space, plain.decode(decisions))).arch_id == plain.decode(decisions).arch_id
    with pytest.raises(NotInside, match="must be a network of scaled"):
        locate(space, space_of("", HEAD.replace("resolution: 32", "resolution: 40")).decode(decisions))


def test_many_ways_to_scale_are_tried_at_random() -> None:
    space = space_of("scale: {way: {choice: [wide, fine]}, times: {range: [1, 40]}}\n")
    network = space.decode(first(space, s1__repeat=2, scale__times=2))
    assert space.decode(locate(space, network)).arch_id == network.arch_id
