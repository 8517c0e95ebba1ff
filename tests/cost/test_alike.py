"""Blocks that one other block is counted for: those that differ only in activations which count alike."""

import pytest
import torch
from torch import Tensor

from nas import blocks
from nas.arch import Block, MapShape, Part
from nas.blocks import PARTS
from nas.blocks.base import PartModule
from nas.cost import CostTable
from nas.cost.alike import counts_like_relu, representative
from nas.cost.table import learn
from nas.testing.cases import example_cases, varied_cases


class Gated(PartModule):
    """Half the channels gate the other half."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.glu(x, 1)


class Wide(PartModule):
    """Holds more memory on the way than its output."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, x), 1).amax(1, keepdim=True) * x


@pytest.mark.parametrize("name", blocks.names())
def test_a_block_costs_what_the_one_counted_in_its_place_costs(name):
    for case in (*example_cases(name), *varied_cases(name)):
        counted = representative(case.block)
        assert representative(counted) is counted
        if counted is not case.block:
            assert learn(counted, case.in_shape) == learn(case.block, case.in_shape)


def test_activations_that_count_like_relu():
    assert {kind for kind in blocks.part_names("act") if not counts_like_relu(Part(kind))} == {"none"}


@pytest.mark.parametrize("act", [Gated, Wide])
def test_an_activation_that_counts_otherwise_is_counted_by_itself(act, monkeypatch):
    monkeypatch.setitem(PARTS["act"]._classes, act.__name__, act)
    assert not counts_like_relu(Part(act.__name__))
    block = Block("conv", blocks.resolve("conv", {"act": act.__name__}), 16, 1)
    assert representative(block) is block


def test_a_block_is_built_once_for_all_activations_that_count_alike(monkeypatch):
    learned = []
    monkeypatch.setattr("nas.cost.table.learn", lambda *args: learned.append(args) or learn(*args))
    table = CostTable()
    steps = [
        table.place(Block("mbconv", blocks.resolve("mbconv", {"act": act}), 16, 1), MapShape(16, 8, 8))[0]
        for act in ("relu6", "hswish", "silu", "none")
    ]
    assert [block.fields["act"].kind for block, _ in learned] == ["relu", "none"]
    assert [step.block.fields["act"].kind for step in steps] == ["relu6", "hswish", "silu", "none"]
    assert len({table.step(step) for step in steps[:3]}) == 1
