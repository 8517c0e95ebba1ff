"""Exits, from the language to the network: side chains, what training and evaluation return, costs, storing."""

import copy
import random

import pytest
import torch

from nas.arch import Architecture
from nas.build import adaptive, build, lower
from nas.cost import CostTable
from nas.cost.count import count
from nas.errors import InvalidArchitecture, SpecError
from nas.space import Space, load_network, load_space, network_tree, network_yaml, read_text
from nas.train.loss import Target, training_loss

SPACE = """
input: {resolution: 16}
classes: 5
stem: [conv: {out: {choice: [8, 16]}}]
stages:
  - {name: s1, repeat: {range: [0, 2]}, block: basic, leave: 0.5,
     exit: {choice: {none: none, list: [{conv: {stride: 2}}, pool, classifier]}}}
  - name: s2
    out: 16
    stride: 2
    block: basic
    exit:
      choice:
        plain: [pool, classifier]
        wide: [conv: {out: {choice: [8, 24]}, kernel: $h // 4}, pool, linear: {out: $2 * s2.out}, classifier]
  - {name: s3, repeat: 2, out: 24, stride: 2, block: basic}
head: [pool, classifier]
constraints: [s1.exit != 'none' or s2.exit == 'wide']
"""
TABLE = CostTable()
BOTH = {"stem.0.conv.out": 8, "s1.repeat": 1, "s1.exit": "list", "s2.exit": "plain"}


@pytest.fixture(scope="module")
def space():
    return Space(read_text(SPACE, "space.yaml"), TABLE)


def both(space):
    return space.decode(BOTH)


def test_decisions_and_size(space):
    assert [decision.name for decision in space.decisions] == [
        *("stem.0.conv.out", "s1.repeat", "s1.exit", "s2.exit", "s2.exit.wide.0.conv.out"),
    ]
    # widths x repeats x (first exit with three second ones, or no first one and two second ones)
    assert (space.size().value, space.size().exact) == (2 * 3 * (3 + 2), True)
    seen = {tuple(sorted(space.sample(random.Random(seed)).items())) for seed in range(300)}
    assert len(seen) == 30
    for made in map(dict, seen):
        plan = space.decode(made)
        assert len(plan.exits) == 1 + (made["s1.exit"] == "list")
        assert all(space.contains(near) for near in space.neighbours(made))


def test_what_follows_an_exit_goes_on_from_before_it(space):
    plan = both(space)
    assert [span.name for span in plan.spans] == ["stem", "s1", "s1.exit", "s2", "s2.exit", "s3", "head"]
    assert [step.inputs[0] for step in plan.steps] == [-1, 0, 1, 2, 3, 1, 5, 6, 5, 8, 9, 10]
    assert plan.exits == (4, 7)
    assert [span.leave for span in plan.spans if span.exit] == [0.5, None]


def test_names_of_the_stage_may_be_used_in_its_exit(space):
    plan = space.decode(BOTH | {"s2.exit": "wide", "s2.exit.wide.0.conv.out": 24})
    steps = dict(plan.by_span())["s2.exit"]
    assert [step.out_shape.channels for step in steps] == [24, 24, 32, 5]
    assert steps[0].block.fields["kernel"] == 2


def test_an_exit_behind_a_stage_without_blocks(space):
    plan = space.decode(BOTH | {"s1.repeat": 0})
    assert [span.name for span in plan.spans][:3] == ["stem", "s1", "s1.exit"]
    assert [step.inputs[0] for step in plan.steps][:5] == [-1, 0, 1, 2, 0]
    again = load_network(network_tree(plan), TABLE)
    assert again.arch_id == plan.arch_id


@pytest.mark.parametrize("seed", range(6))
def test_round_trips(space, seed):
    decisions = space.sample(random.Random(seed))
    plan = space.decode(decisions)
    written = load_network_text(network_yaml(plan))
    assert written.arch_id == plan.arch_id
    assert [span.leave for span in written.spans if span.exit] == [span.leave for span in plan.spans if span.exit]
    architecture = plan.architecture
    assert Architecture.from_json(architecture.to_json()) == architecture
    lowered = lower(architecture, TABLE)
    assert (lowered.arch_id, lowered.exits) == (plan.arch_id, plan.exits)
    assert [(step.block, step.inputs) for step in lowered.steps] == [(step.block, step.inputs) for step in plan.steps]
    assert architecture.arch_id == plan.arch_id


def load_network_text(text):
    return Space(read_text(text, "written.yaml"), TABLE).decode({})


def test_where_an_exit_stands_is_part_of_the_arch_id(space):
    plan = both(space)
    chain = copy.copy(plan.architecture)
    flat = Architecture(chain.name, chain.input, chain.classes, tuple(
        type(each)(each.name, each.blocks) for each in chain.segments))  # fmt: skip
    assert flat.arch_id != plan.arch_id


def test_training_returns_all_exits_and_evaluation_the_last(space):
    network, x = build(both(space), 0), torch.randn(3, 3, 16, 16)
    assert network.train()(x).shape == (3, 3, 5)
    logits, labels = network(x), torch.tensor([0, 3, 1])
    losses = [torch.nn.functional.cross_entropy(logits[:, at], labels) for at in range(3)]
    torch.testing.assert_close(training_loss(logits, Target(labels)), sum(losses) / 3)
    network.eval()
    with torch.no_grad():
        body = network.s1[0](network.stem[0](x))
        first = network.s1_exit[2](network.s1_exit[1](network.s1_exit[0](body)))
        last = network.head[1](network.head[0](network.s3[1](network.s3[0](network.s2[0](body)))))
        torch.testing.assert_close(network(x), last)
        exported = torch.export.export(network, (x,)).module()
        torch.testing.assert_close(exported(x), last)
        torch.testing.assert_close(adaptive(network, 0.0)(x[:1]), first[:1])
        torch.testing.assert_close(adaptive(network, 1.1)(x[:1]), last[:1])
        torch.testing.assert_close(adaptive(network, 0.0)(x), last)  # of several images each would go another way


def test_costs_are_those_of_the_network_that_runs(space):
    plan = both(space)
    with torch.device("meta"):
        network = build(plan)
    counts, cost = count(network, plan.input), TABLE.plan(plan)
    assert counts.cost.counts() == cost.counts()


def test_the_range_of_macs_by_hand(space):
    plan = both(space)
    macs = {name: sum(TABLE.step(step).macs for step in steps) for name, steps in plan.by_span()}
    first = macs["stem"] + macs["s1"] + macs["s1.exit"]
    second = macs["s2"] + macs["s2.exit"]
    rest = macs["s3"] + macs["head"]
    dynamic = TABLE.plan(plan).dynamic
    # half of the images leave first; the other exits share the rest equally
    assert (dynamic.least, dynamic.leaving) == (first, (0.5, 0.25, 0.25))
    assert dynamic.expected == pytest.approx(first + 0.5 * second + 0.25 * rest)
    assert TABLE.plan(plan).macs == first + second + rest
    values = TABLE.plan(plan).values()
    assert (values["macs_least"], values["macs_expected"]) == (first, round(dynamic.expected))
    span = {"least": first, "expected": round(dynamic.expected), "most": first + second + rest}
    assert TABLE.plan(plan).to_json() == {"params": values["params"], "macs": values["macs"], "macs_range": span}
    document = TABLE.profile(plan).to_json()
    assert document["macs_range"] == span | {"at": {"leaving": [0.5, 0.25, 0.25]}}
    assert [stage["name"] for stage in document["stages"]][2] == "s1.exit"


def test_static_networks_have_no_range():
    plan = load_network(
        {"input": {"resolution": 8}, "classes": 5, "stem": ["conv"], "head": ["pool", "classifier"]}, TABLE
    )
    assert TABLE.plan(plan).dynamic is None
    assert "macs_range" not in TABLE.profile(plan).to_json()


HEAD = "input: {resolution: 16}\nclasses: 5\nstem: [conv: {out: 8}]\n"


@pytest.mark.parametrize(
    ("stage", "place", "message"),
    [
        ("exit: [pool], block: conv", None, "an exit must end in one vector of 5 classes, but got 8; add a classifier"),
        ("block: conv, leave: 0.5", (5, 36), "leave must stand beside 'exit'"),
        ("block: conv, exit: [pool, classifier], leave: 1.5", (5, 62), "number from 0 to 1"),
        ("block: conv, exit: [pool, classifier], leave: {choice: [0.1, 0.2]}", (5, 62), "leave must be a number"),
        ("block: conv, exit: [pool, clasifier]", (5, 42), "did you mean 'classifier'"),
        ("block: conv, exit: [{conv: {kernel: $i + 1}}, pool, classifier]", (5, 52), "'i' has no value here"),
        ("block: conv, exit: [{conv: {padding: 3, kernel: 63}}, pool, classifier]", (5, 64), "as large as the window"),
    ],
)
def test_mistakes_are_told_with_their_place(stage, place, message):
    text = f"{HEAD}stages:\n  - {{name: s1, {stage}}}\nhead: [pool, classifier]\n"

    def decode():
        space = Space(read_text(text, "bad.yaml"), TABLE)
        space.decode(space.walk(lambda decision: decision.values[0]))

    with pytest.raises((SpecError, InvalidArchitecture), match=message) as caught:
        decode()
    if place is not None:
        assert (caught.value.mark.line, caught.value.mark.column) == place


def test_more_than_all_images_cannot_leave():
    stages = [{"name": name, "block": "conv", "exit": ["pool", "classifier"], "leave": 0.6} for name in ("a", "b")]
    tree = {"input": {"resolution": 8}, "classes": 5, "stages": stages, "head": ["pool", "classifier"]}
    with pytest.raises(SpecError, match=r"at most 1, all images, but to 1\.2"):
        load_space(tree, TABLE)
