"""Recurrent gates: SkipNet's rule against a direct computation, and what is really skipped."""

import copy
import pickle

import pytest
import torch
from torch import nn

from nas import blocks
from nas.arch import Block, MapShape, Part, SharedPart, VectorShape
from nas.blocks.fields import resolve_part
from nas.blocks.gate import RecurrentGate
from nas.build import adaptive, build
from nas.cost import CostTable
from nas.cost.count import count
from nas.errors import InvalidArchitecture
from nas.space import load_network

NETWORK = {
    "input": {"resolution": 16},
    "classes": 5,
    "shared": {"gate": {"recurrent": {"features": 6, "hidden": 4}}},
    "defaults": {"gate": "$gate"},
    "stem": [{"conv": {"out": 8}}],
    "stages": [
        {"name": "s1", "repeat": 3, "block": "basic"},
        {"name": "s2", "repeat": 2, "out": 12, "stride": 2, "block": "bottleneck"},
    ],
    "head": ["pool", "classifier"],
}
TABLE = CostTable()


def network(seed=0):
    torch.manual_seed(seed)
    made = build(load_network(NETWORK, TABLE), seed)
    with torch.no_grad():  # gates of an untrained network hardly differ
        made.shared["gate"].decide.bias.zero_()
        for module in made.modules():
            if isinstance(module, nn.Conv2d) and module.out_channels == 6:
                module.weight.mul_(100)
    return made


def test_the_gate_is_torchs_lstm():
    part = resolve_part("gate", {"recurrent": {"features": 6, "hidden": 4}}, "gate")
    gate = RecurrentGate(RecurrentGate.Config(**part.fields)).eval()
    lstm = nn.LSTMCell(6, 4)
    with torch.no_grad():
        lstm.weight_ih.copy_(gate.read.weight)
        lstm.bias_ih.copy_(gate.read.bias)
        lstm.weight_hh.copy_(gate.recall.weight)
        lstm.bias_hh.copy_(gate.recall.bias)
    first, second = torch.randn(2, 3, 6)
    state = gate(second, gate(first, None))
    hidden, cell = lstm(second, lstm(first))
    wanted = torch.sigmoid(gate.decide(hidden))
    torch.testing.assert_close(state, torch.cat((hidden, cell, wanted), 1))
    assert torch.equal(gate.opening(state), (wanted[:, 0] > 0.5).float())


def test_the_yes_or_no_has_the_gradient_of_the_probability():
    gate = RecurrentGate(RecurrentGate.Config()).train()
    state = torch.rand(3, 21, requires_grad=True)
    gate.opening(state).sum().backward()
    assert torch.equal(state.grad[:, -1], torch.ones(3))


def test_an_image_keeps_the_shortcut_where_the_gate_is_shut():
    """The whole network block by block, as the paper has it: x = gate * block(x) + (1 - gate) * shortcut(x)."""
    made = network().eval()
    x = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        expected, state, shut = made.stem[0](x), None, 0
        for block in (*made.s1, *made.s2):
            ran, skipped = block.run(expected), block.shortcut(expected)
            if state is None:
                expected = ran
            else:
                gate = (state[:, -1] > 0.5).float()[:, None, None, None]
                shut += int((gate == 0).sum())
                expected = gate * ran + (1 - gate) * skipped
            state = made.shared["gate"](block.gating.read(expected.mean((2, 3), keepdim=True)).flatten(1), state)
        assert 0 < shut < 16, "the test must see both"
        expected = made.head[1](expected.mean((2, 3)))
        torch.testing.assert_close(made(x), expected)


def test_a_shared_part_is_one_module_named_once():
    made = network()
    state = made.state_dict()
    assert [key for key in state if "recall" in key] == ["shared.gate.recall.weight", "shared.gate.recall.bias"]
    assert sum(parameter.numel() for parameter in made.parameters()) == TABLE.plan(made.plan).params
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        twin.eval()
        with torch.no_grad():
            for parameter in twin.shared.parameters():
                parameter.zero_()
            twin.shared["gate"].decide.bias.fill_(9)  # the copy's blocks must use the copy's gate, which is always open
            x = torch.randn(2, 3, 16, 16)
            assert not torch.equal(twin(x), made.eval()(x))


def test_one_image_is_really_not_sent_through_a_shut_block():
    made = network().eval()
    lean = adaptive(made)
    ran = []
    for block in (*lean.s1, *lean.s2):
        block.run = lambda x, run=block.run: (ran.append(1), run(x))[1]
    with torch.no_grad():
        for x in torch.randn(6, 1, 3, 16, 16):
            torch.testing.assert_close(lean(x), made(x))
    assert 6 <= len(ran) < 30
    assert made.s1[1].gating.adaptive is False


def test_a_gated_network_can_be_exported():
    made, x = network().eval(), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        for each in (made, adaptive(made)):
            exported = torch.export.export(each, (x,)).module()
            torch.testing.assert_close(exported(x), made(x))


def test_every_parameter_of_a_gated_network_learns():
    made = network().train()
    made(torch.randn(4, 3, 16, 16)).square().sum().backward()
    idle = {key for key, parameter in made.named_parameters() if parameter.grad is None}
    assert idle == {"s2.1.gating.read.weight", "s2.1.gating.read.bias"}, "only what the last gate reads decides nothing"


def test_costs_are_those_of_the_network_that_runs():
    """Memory too: the gate's state is alive between the blocks."""
    plan = load_network(NETWORK, TABLE)
    with torch.device("meta"):
        made = build(plan)
    assert count(made, plan.input).cost.counts() == TABLE.plan(plan).counts()
    assert str(plan.steps[2].in_shape) == "8x16x16, gate 9"
    assert plan.steps[-1].in_shape == VectorShape(12)


def test_the_range_of_costs_by_hand():
    plan = load_network(NETWORK, TABLE)
    cost = TABLE.plan(plan)
    body = [step for name, steps in plan.by_span() if name in ("s1", "s2") for step in steps]
    gated = [TABLE.step(step) for step in body[1:]]
    optional = [3 * 3 * 8 * 8 * 16 * 16 * 2] * 2
    project = 8 * 12 * 8 * 8
    optional += [8 * 3 * 256 + 3 * 3 * 9 * 64 + 3 * 12 * 64 + project, 12 * 3 * 64 + 3 * 3 * 9 * 64 + 3 * 12 * 64]
    assert [each.macs - each.dynamic.least for each in gated] == optional
    assert cost.dynamic.least == cost.macs - sum(optional)
    assert cost.dynamic.expected == cost.macs - sum(optional) / 2
    assert cost.dynamic.shares == (0.5,)
    assert TABLE.profile(plan).to_json()["macs_range"] == {
        "least": cost.macs - sum(optional),
        "expected": cost.macs - sum(optional) // 2,
        "most": cost.macs,
        "at": {"shares": [0.5]},
    }


def test_the_costs_of_dynamic_blocks_survive_on_disk(tmp_path):
    plan = load_network(NETWORK, TABLE)
    first = CostTable(tmp_path / "costs.sqlite")
    assert first.plan(load_network(NETWORK, first)) == TABLE.plan(plan)
    first.close()
    again = CostTable(tmp_path / "costs.sqlite")
    assert again.plan(load_network(NETWORK, again)) == TABLE.plan(plan)
    assert load_network(NETWORK, again) == plan
    assert again._disk.broken is None


def test_a_gate_must_be_shared():
    fields = blocks.resolve("basic", {"gate": "recurrent"})
    with pytest.raises(InvalidArchitecture, match="must be shared") as caught:
        blocks.create(Block("basic", fields), MapShape(8, 8, 8))
    assert caught.value.path == "gate"


def test_a_shared_part_without_a_gate_is_no_gate():
    assert resolve_part("gate", {"@@gate": "none"}, "gate") == Part("none")
    assert isinstance(resolve_part("gate", {"@@gate": "recurrent"}, "gate"), SharedPart)


def test_any_part_can_be_shared_and_must_be_the_same_everywhere():
    tree = {**NETWORK, "shared": {"squeeze": "se"}, "defaults": {"basic.attention": "$squeeze"}}
    tree["stages"] = [{"name": "s1", "repeat": 3, "block": "basic"}]
    plan = load_network(tree, TABLE)
    made = build(plan, 0)
    assert len([key for key in made.state_dict() if "squeeze" in key]) == len(made.shared["squeeze"].state_dict())
    assert sum(parameter.numel() for parameter in made.parameters()) == TABLE.plan(plan).params
    assert TABLE.plan(plan).dynamic is None
    tree["stages"].append({"name": "s2", "out": 16, "block": "basic"})
    with pytest.raises(Exception, match=r"shared\.squeeze: a shared part must be the same wherever it is used"):
        load_network(tree, TABLE)
