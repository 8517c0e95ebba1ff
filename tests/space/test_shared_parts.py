"""Shared parts in the language: decided once, written out again, and mistakes with their place."""

from __future__ import annotations

import random

import pytest
from jsonschema import Draft202012Validator

from nas.arch import Architecture, SharedPart
from nas.build import build, lower
from nas.cost import CostTable
from nas.errors import InvalidArchitecture, SpecError
from nas.space import Space, load_space, network_tree, network_yaml, read_text
from nas.study.schema import json_schema

TABLE = CostTable()
HEAD = "input: {resolution: 16}\nclasses: 5\nstem: [conv: {out: 8}]\n"
SPACE = f"""{HEAD}
vars: {{ratio: {{choice: [0.25, 0.5]}}}}
shared:
  gate: {{choice: [none, recurrent: {{hidden: {{choice: [4, 8, 16]}}}}]}}
  squeeze: {{se: {{ratio: $ratio}}}}
defaults: {{gate: $gate}}
stages:
  - {{name: s1, repeat: 2, block: {{choice: [{{basic: {{attention: {{optional: $squeeze}}}}}}, bottleneck]}}}}
  - {{name: s2, repeat: {{range: [0, 2]}}, out: 12, stride: 2, block: basic}}
head: [pool, classifier]
constraints: [shared.gate != 'recurrent' or s2.repeat > 0]
"""


@pytest.fixture(scope="module")
def space() -> Space:
    text = SPACE.replace("{optional: $squeeze}", "{choice: {no: none, yes: $squeeze}}")
    return Space(read_text(text, "space.yaml"), TABLE)


def test_what_is_inside_is_decided_once(space: Space) -> None:
    assert {decision.name for decision in space.decisions} == {
        *("s1.block", "shared.gate", "shared.gate.recurrent.hidden", "s1.block.basic.attention", "ratio", "s2.repeat")
    }
    # blocks (bottleneck, basic without or with attention of two ratios) x gates with repeats (3 without, 3 * 2 with)
    assert space.size().value == (1 + 1 + 2) * (3 + 3 * 2)
    seen = {tuple(sorted(space.sample(random.Random(seed)).items())) for seed in range(400)}
    assert len(seen) == 36


def test_all_users_have_the_same_part(space: Space) -> None:
    made = {"s1.block": "basic", "s1.block.basic.attention": "yes", "ratio": 0.5, "s2.repeat": 1,
            "shared.gate": "recurrent", "shared.gate.recurrent.hidden": 8}  # fmt: skip
    plan = space.decode(made)
    body = [step.block.fields for name, steps in plan.by_span() if name in ("s1", "s2") for step in steps]
    gates = {fields["gate"] for fields in body}
    assert len(gates) == 1
    (gate,) = gates
    assert isinstance(gate, SharedPart)
    assert (gate.name, gate.kind, gate.part.fields["hidden"]) == ("gate", "recurrent", 8)
    network = build(plan)
    assert sorted(network.shared) == ["gate", "squeeze"]
    assert TABLE.plan(plan).params == sum(parameter.numel() for parameter in network.parameters())
    assert {use.name: use.params for step in plan.steps for use in step.shared} == {
        name: sum(parameter.numel() for parameter in module.parameters()) for name, module in network.shared.items()
    }


@pytest.mark.parametrize("seed", range(8))
def test_round_trips(space: Space, seed: int) -> None:
    plan = space.decode(space.sample(random.Random(seed)))
    text = network_yaml(plan)
    written = Space(read_text(text, "written.yaml"), TABLE).decode({})
    assert written.arch_id == plan.arch_id
    assert load_space(network_tree(plan), TABLE).decode({}).arch_id == plan.arch_id
    Draft202012Validator(json_schema("space")).validate(network_tree(plan))
    architecture = Architecture.from_json(plan.architecture.to_json())
    assert lower(architecture, TABLE).steps == plan.steps or lower(architecture, TABLE).arch_id == plan.arch_id


def test_the_written_network_reads_as_one_would_write_it(space: Space) -> None:
    made = {"s1.block": "bottleneck", "s2.repeat": 1, "shared.gate": "recurrent", "shared.gate.recurrent.hidden": 4}
    lines = network_yaml(space.decode(made)).splitlines()
    assert "shared: {gate: {recurrent: {features: 10, hidden: 4, share: 0.5}}}" in lines
    assert sum("gate: $gate" in line for line in lines) == 3


def test_an_extending_space_may_share(tmp_path: object) -> None:
    plan = load_space({"extends": "zoo/resnet8", "shared": {"gate": "recurrent"}, "defaults": {"gate": "$gate"}}, TABLE,
                      roots=[_spaces()]).decode({})  # fmt: skip
    assert TABLE.plan(plan).dynamic is not None


def _spaces() -> object:
    from pathlib import Path

    return Path(__file__).parents[2] / "search_spaces"


STAGE = "stages:\n  - {name: s1, block: {basic: {gate: $gate}}}\nhead: [pool, classifier]\n"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (f"{HEAD}shared: {{gate: recurrent, spare: se}}\n{STAGE}", (4, 34), "'spare' is used by nothing"),
        (f"{HEAD}shared: {{gate: {{recurrent: {{hiden: 4}}}}}}\n{STAGE}", (4, 29), "did you mean 'hidden'"),
        (f"{HEAD}shared: {{gate: se}}\n{STAGE}", (4, 16), "no gate is called 'se'"),
        (f"{HEAD}shared: {{in: recurrent}}\n{STAGE}", (4, 10), "a shared part must not be called 'in'"),
        (f"{HEAD}vars: {{gate: 3}}\nshared: {{gate: recurrent}}\n{STAGE}", (5, 10), "which is a var"),
        (f"{HEAD}shared: {{gate: 3}}\nstages:\n  - {{name: s1, block: {{basic: {{kernel: $gate}}}}}}\n", (4, 16),
         "must stand where a block takes a part"),
        (f"{HEAD}shared: {{gate: conv}}\nstages:\n  - {{name: s1, block: $gate}}\n", (4, 16),
         "must stand where a block takes a part"),
        (f"{HEAD}shared: {{gate: recurrent}}\nstages:\n  - {{name: gate, block: {{basic: {{gate: $gat}}}}}}\n", (6, 40),
         "no var is called 'gat'; did you mean 'gate'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        Space(read_text(text, "bad.yaml"), TABLE)
    assert caught.value.mark is not None
    assert (caught.value.mark.line, caught.value.mark.column) == place


def test_a_gate_that_is_not_shared_is_told_where_it_stands() -> None:
    space = Space(read_text(HEAD + STAGE.replace("$gate", "recurrent"), "bad.yaml"), TABLE)
    with pytest.raises(InvalidArchitecture, match="write it under 'shared'") as caught:
        space.decode({})
    assert caught.value.path == "s1.0.block.basic.gate"
    assert str(caught.value.mark) == "bad.yaml:5:38"


def test_a_part_that_would_differ_between_blocks_is_infeasible() -> None:
    text = f"{HEAD}shared: {{squeeze: se}}\nstages:\n  - {{name: s1, out: {{choice: [8, 16]}}, repeat: 2, "
    space = Space(read_text(text + "block: {basic: {attention: $squeeze}}}\nhead: [pool, classifier]\n"), TABLE)
    assert space.contains({"s1.out": 8})
    with pytest.raises(InvalidArchitecture, match=r"shared\.squeeze: .* but is attention se") as caught:
        space.decode({"s1.out": 16})
    assert caught.value.path == "shared.squeeze"
