"""What holds for every space: generated spaces and the worked examples alike."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fake_catalogue import FakeCatalogue
from fake_scaler import FakeScaler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.arch import Architecture, Plan
from nas.errors import InvalidArchitecture, SpecError
from nas.space import EmptySpace, Space, load_network, read_text, wrap, write
from nas.space.operators import choice, each, optional, range_
from nas.space.sampling import draw_uniformly
from nas.space.yaml_out import network_tree, network_yaml

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.yaml"))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def maybe(draw: st.DrawFn, value: Any) -> bool:
    return draw(st.integers(0, 2)) == value


@st.composite
def numbers(draw: st.DrawFn, options: tuple[int, ...], most: int | None, per: tuple[str | None, ...]) -> Any:
    """A field's value: a number, a choice, a var, one by block, or computed."""
    number = st.sampled_from(options)
    kinds = ["fixed", "choice", "var"] + (["each", "computed"] if most else [])
    match draw(st.sampled_from(kinds)):
        case "fixed":
            return draw(number)
        case "choice":
            labels = draw(st.lists(number, min_size=1, max_size=3, unique=True))
            return choice(*labels, per=draw(st.sampled_from(per)))
        case "var":
            return draw(st.sampled_from(["$common", "$common + 2"]))
        case "each":
            return each(*draw(st.lists(number, min_size=most, max_size=most)))
        case _:
            return draw(st.sampled_from(["$3 + 2 * (i % 2)", "$min(h, 5)", "$n + 1", "$2 * common - 1"]))


@st.composite
def blocks(draw: st.DrawFn, most: int | None, per: tuple[str | None, ...], depth: int = 0) -> Any:
    """A node."""
    match draw(st.sampled_from(["basic", "conv", "mbconv", "transformer", "choice", "list", "optional"])):
        case "conv":
            return {"conv": {"kernel": draw(numbers((1, 3, 5), most, per))}}
        case "mbconv":
            attention = choice("none", {"se": {"ratio": choice(0.25, 0.5)}}, "eca")
            kernel = draw(numbers((3, 5), most, per))
            return {"mbconv": {"kernel": kernel, "attention": draw(st.sampled_from(["se", attention]))}}
        case "transformer":
            return {"transformer": {"heads": choice(1, 2, 3), "mixer": choice("softmax", {"window": {"size": 4}})}}
        case "choice" if depth < 2:
            inside = draw(st.lists(blocks(most, (None,), depth + 1), min_size=1, max_size=3))
            return choice(**{f"o{at}": item for at, item in enumerate(inside)}, per=draw(st.sampled_from(per)))
        case "list" if depth < 2:
            return draw(st.lists(blocks(most, per, depth + 1), min_size=1, max_size=2))
        case "optional" if depth:
            return optional("basic")
    return "basic"


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A space that loads."""
    stages = []
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        repeat, most = draw(st.sampled_from([(1, 1), (2, 2), (range_(0, 2), 2), (choice(1, 3), 3), ("$common - 2", 3)]))
        stage: dict[str, Any] = {"name": name, "repeat": repeat}
        per: tuple[str | None, ...] = (None, "block")
        if draw(st.booleans()):
            stage["per"] = draw(st.sampled_from(["stage", "block"]))
        stage["block"] = draw(blocks(most, per))
        if draw(st.booleans()):
            stage["out"] = draw(st.sampled_from([8, choice(8, 12), range_(8, 16, 4), "$4 * common", "$in + 4"]))
        if draw(st.booleans()):
            stage["stride"] = 2
        if "stride" in stage or draw(st.booleans()):
            stage["downsample"] = draw(st.sampled_from(["conv", optional("conv"), {"conv": {"kernel": choice(1, 3)}}]))
        stages.append(stage)
    scale = {"way": choice("wide", "fine"), "times": draw(st.sampled_from([2, choice(1, 2, 0.5), "$common / 2"]))}
    return {
        **draw(st.sampled_from([{}, {}, {"scale": scale}])),
        "classes": 10,
        "name": draw(st.sampled_from(["plain", "a b", "$money", "true", "1e3"])),
        "input": {"resolution": choice(16, 24)},
        "vars": {"common": choice(3, 5), "spare": {"se": {"ratio": choice(0.25, 0.5)}}},
        "defaults": {"conv.act": choice("relu", "silu")},
        "stem": [{"conv": {"out": choice(8, 12), "kernel": "$common"}}, {"mbconv": {"attention": "$spare"}}],
        "stages": stages,
        "head": ["pool", "classifier"],
        "constraints": [f"{stages[0]['name']}.repeat <= 2 or common == 3"],
        "train": {"dropout": choice(0.0, 0.5), "rate": range_(0.1, 1.0)},
    }


spaces = trees().map(lambda tree: Space(wrap(tree), FakeCatalogue(), scaler=FakeScaler()))
seeds = st.integers(0, 2**32 - 1)


def decoded(space: Space, decisions: dict[str, Any]) -> Plan | str:
    try:
        return space.decode(decisions)
    except InvalidArchitecture as error:
        return error.reason


@given(spaces, seeds)
@quick
def test_a_walk_decodes_or_says_why(space: Space, seed: int) -> None:
    known = {decision.name for decision in space.decisions}
    for step in range(5):
        asked: list[str] = []
        draw = draw_uniformly(random.Random(seed + step))
        decisions = space.walk(lambda decision, asked=asked, draw=draw: asked.append(decision.name) or draw(decision))
        assert list(decisions) == asked
        assert len(set(asked)) == len(asked)
        assert known >= set(asked)
        plan = decoded(space, decisions)
        assert plan if isinstance(plan, str) else plan.steps[-1].out_shape.channels == 10
        assert space.contains(decisions) == isinstance(plan, Plan)


@given(trees(), seeds)
@quick
def test_what_is_remembered_never_leaks(tree: dict[str, Any], seed: int) -> None:
    """A space that has decoded others before gives what a fresh one gives."""
    used = Space(wrap(tree), FakeCatalogue(), scaler=FakeScaler())
    draw = draw_uniformly(random.Random(seed))
    for _ in range(8):
        decisions = used.walk(draw)
        warm, cold = (
            decoded(used, decisions),
            decoded(Space(wrap(tree), FakeCatalogue(), scaler=FakeScaler()), decisions),
        )
        assert warm == cold
        assert decoded(used, decisions) == cold


@given(spaces, seeds)
@quick
def test_decisions_survive_json_and_vectors(space: Space, seed: int) -> None:
    decisions = space.walk(draw_uniformly(random.Random(seed)))
    assert json.loads(json.dumps(decisions)) == decisions
    vector = space.encode(decisions)
    assert len(vector) == len(space.decisions)
    assert all(0 <= place <= 1 for place in vector)
    again = space.decode_vector(vector)
    assert again.pop("train.rate") == pytest.approx(decisions.pop("train.rate"))
    assert again == decisions


@given(spaces, st.data())
@quick
def test_every_point_of_the_cube_is_a_walk(space: Space, data: st.DataObject) -> None:
    vector = data.draw(st.lists(st.floats(0, 1), min_size=len(space.decisions), max_size=len(space.decisions)))
    decisions = space.decode_vector(vector)
    plan = decoded(space, decisions)
    assert isinstance(plan, Plan) or plan


@given(spaces, seeds)
@quick
def test_a_network_survives_json_and_yaml(space: Space, seed: int) -> None:
    plan = decoded(space, space.walk(draw_uniformly(random.Random(seed))))
    if isinstance(plan, str):
        return
    stored = json.loads(json.dumps(plan.architecture.to_json()))
    assert Architecture.from_json(stored) == plan.architecture
    text = network_yaml(plan)
    assert read_text(text).plain() == network_tree(plan) == read_text(write(network_tree(plan))).plain()
    again = load_network(network_tree(plan), FakeCatalogue())
    assert again.arch_id == plan.arch_id
    assert again.train == plan.train
    assert network_yaml(again) == text  # the canonical form is its own canonical form
    assert again.name == plan.name


@given(spaces, seeds)
@quick
def test_moves_stay_in_the_space(space: Space, seed: int) -> None:
    rng = random.Random(seed)
    try:
        a, b = space.sample(rng), space.sample(rng)
    except EmptySpace:
        return
    for count, near in enumerate(space.neighbours(a)):
        changed = [name for name in near if name in a and near[name] != a[name]]
        assert len(changed) == 1
        assert space.contains(near)
        if count == 20:
            break
    child = space.crossover(a, b, rng)
    assert space.contains(child)
    assert all(child[name] in (a.get(name), b.get(name)) for name in child if name in a or name in b)


@cache
def example(path: Path) -> Space:
    return Space(read_text(path.read_text(), path.name), FakeCatalogue())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_move_and_survive(path: Path) -> None:
    space = example(path)
    rng = random.Random(5)
    a, b = space.sample(rng), space.sample(rng)
    near = list(space.neighbours(a))
    assert all(space.contains(point) for point in near)
    assert space.contains(space.crossover(a, b, rng))
    plan = space.decode(a)
    assert load_network(read_text(network_yaml(plan)).plain(), FakeCatalogue()).arch_id == plan.arch_id
    assert read_text(space.write(a)).plain() == space.to_tree(a)
    assert Architecture.from_json(json.loads(json.dumps(plan.architecture.to_json()))).arch_id == plan.arch_id
    assert space.decode_vector(space.encode(a)) == a
    assert len(near) >= len(a) * (len(a) > 0) / 2


def test_neighbours_of_a_cell_are_all_others() -> None:
    space = example(EXAMPLES[[path.stem for path in EXAMPLES].index("nasbench201")])
    assert len(list(space.neighbours(space.sample(random.Random(0))))) == 6 * 4


def test_a_longer_stage_goes_on_as_it_was() -> None:
    block = {"mbconv": {"kernel": choice(3, 5, 7)}}
    tree = {
        "classes": 10,
        "input": {"resolution": 32},
        "stages": [{"name": "s1", "repeat": range_(1, 2), "per": "block", "block": block}],
        "train": {"rate": range_(0.1, 1.0)},
    }
    space = Space(wrap(tree), FakeCatalogue(), scaler=FakeScaler())
    here = {"s1.repeat": 1, "s1.0.block.mbconv.kernel": 5, "train.rate": 0.5}
    near = list(space.neighbours(here))
    assert near[0] == {**here, "s1.repeat": 2, "s1.1.block.mbconv.kernel": 5}
    assert [point["train.rate"] for point in near[-2:]] == pytest.approx([0.41, 0.59])


SCALARS = (None, True, -1, 0, 3, 2.5, "", "none", "conv", "$", "$i", "$common", "$h // 0", "$2 ** 99", "$a.out", "$$x")
PICKS = (choice(1, 2), choice("conv", "none"), each(1), optional(3), range_(1, 3), {"choice": 3}, {"each": {}})
NODES = ([], {}, {"conv": None}, {"conv": {"out": "$in"}}, ["conv", ["basic"]], {"mbconv": {"kernel": "$out"}})
STUFF = st.sampled_from((*SCALARS, *PICKS, *NODES)).map(deepcopy)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@given(st.one_of(trees(), st.sampled_from([read_text(path.read_text()).plain() for path in EXAMPLES])), st.data())
@settings(quick, max_examples=150)
def test_any_tree_loads_or_is_refused(tree: dict[str, Any], data: st.DataObject) -> None:
    """No tree, however odd, ends in anything but a space or an error of the user's."""
    tree = json.loads(json.dumps(tree))
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(tree)[1:]))
        here = tree
        for step in place[:-1]:
            here = here[step]
        match data.draw(st.sampled_from(["put", "drop", "rename"])):
            case "drop":
                del here[place[-1]]
            case "rename" if isinstance(here, dict):
                here[data.draw(st.sampled_from(["choice", "per", "out", "name", "zzz"]))] = here.pop(place[-1])
            case _:
                here[place[-1]] = data.draw(STUFF)
    try:
        space = Space(wrap(tree), FakeCatalogue(), scaler=FakeScaler())
    except SpecError:
        return
    for seed in range(3):
        plan = decoded(space, space.walk(draw_uniformly(random.Random(seed))))
        assert plan
