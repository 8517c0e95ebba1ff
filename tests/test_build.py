"""Lowering and building whole networks."""

import copy

import pytest
import torch

from nas import blocks
from nas.arch import Architecture, Block, MapShape, Segment, TokenShape, VectorShape
from nas.build import build, lower
from nas.errors import InvalidArchitecture
from nas.testing.catalogue import MetaCatalogue


def b(type, out=None, stride=1, **fields):
    return Block(type, blocks.resolve(type, fields), out, stride)


def hybrid(**changes):
    """Convolutions, then a transformer, then convolutions again."""
    parts = {
        "stem": (b("conv", 8, 2),),
        "s1": (b("mbconv", 16, 2, expand=2), b("mbconv", expand=2, attention="se")),
        "s2": (b("conv", 24, 2), b("transformer", heads=2), b("transformer", heads=2)),
        "s3": (b("conv", 32, 2), b("convnext")),
        "head": (b("classifier"),),
    } | changes
    segments = tuple(Segment(name, each) for name, each in parts.items())
    return Architecture("hybrid", MapShape(3, 32, 32), 10, segments)


@pytest.fixture(scope="module")
def plan():
    return lower(hybrid(), MetaCatalogue())


def test_adapters_are_inserted_and_marked(plan):
    assert [step.block.type for step in plan.steps] == [
        *("conv", "mbconv", "mbconv", "conv", "to_tokens", "transformer", "transformer", "to_map", "conv", "convnext"),
        *("pool", "classifier"),
    ]
    assert [step.block.type for step in plan.steps if step.inserted] == ["to_tokens", "to_map", "pool"]
    assert [(span.name, span.start, span.stop) for span in plan.spans] == [
        *(("stem", 0, 1), ("s1", 1, 3), ("s2", 3, 7), ("s3", 7, 10), ("head", 10, 12)),
    ]
    assert plan.steps[5].out_shape == TokenShape(16, 24, (4, 4))
    assert plan.steps[-1].out_shape == VectorShape(10)
    assert plan.steps[-1].block.out == 10
    assert [step.inputs for step in plan.steps] == [(i - 1,) for i in range(12)]


def test_lowering_a_plan_again_inserts_nothing(plan):
    again = lower(plan.architecture, MetaCatalogue())
    assert [step.block for step in again.steps] == [step.block for step in plan.steps]
    assert again.arch_id == plan.arch_id
    assert lower(Architecture.from_json(plan.architecture.to_json()), MetaCatalogue()).arch_id == plan.arch_id


def test_modules_are_named_by_segment(plan):
    network = build(plan)
    assert [name for name, _ in network.named_children()] == ["stem", "s1", "s2", "s3", "head"]
    assert "s1.1.attention.reduce.weight" in network.state_dict()
    assert [type(module).__name__ for _, module in network.steps][4:6] == ["ToTokens", "Transformer"]
    assert network.plan is plan


def test_a_seed_repeats_the_weights_and_leaves_the_callers_random_state(plan):
    state = torch.random.get_rng_state()
    first, again, other = (build(plan, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["stem.0.unit.conv.weight"], other["stem.0.unit.conv.weight"])
    build(plan)
    assert not torch.equal(torch.random.get_rng_state(), state)


def test_a_network_learns_and_evaluates(plan):
    network = build(plan, 0)
    x = torch.randn(4, 3, 32, 32)
    network(x).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    network.eval()
    with torch.no_grad():
        together = network(x)
        torch.testing.assert_close(together, torch.cat([network(image[None]) for image in x]), rtol=1e-4, atol=1e-5)
        last = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(together, last, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(copy.deepcopy(network)(x), last)
    assert together.shape == (4, 10)
    assert together.std() > 1e-3, "untrained outputs must not vanish: they would be timed as denormal numbers"


def test_a_network_can_be_built_without_memory_and_exported(plan):
    with torch.device("meta"):
        assert all(parameter.is_meta for parameter in build(plan).parameters())
    network, x = build(plan, 0).eval(), torch.randn(2, 3, 32, 32)
    exported = torch.export.export(network, (x,)).module()
    torch.testing.assert_close(exported(x), network(x))


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"s1": (b("mbconv"), Block("mbcon"))}, "s1.1.mbcon", "no block is called 'mbcon'"),
        ({"s2": (b("transformer", heads=3),)}, "s2.0.transformer.heads", "must divide the channels"),
        ({"s2": (b("pool"), b("conv"))}, "s2.1.conv", "must be a map, but got a vector"),
        ({"s1": (b("maxpool", 99),)}, "s1.0.maxpool", "keeps its channels"),
        ({"head": (b("pool"),)}, None, "must end in one vector of 10 classes, but got 32; add a classifier"),
        ({"head": (b("classifier", 9),)}, None, "must end in one vector of 10 classes, but got 9"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(changes, path, message):
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        lower(hybrid(**changes), MetaCatalogue())
    assert caught.value.path == path


def test_a_segment_may_not_hide_a_method_of_the_network():
    plan = lower(hybrid(train=()), MetaCatalogue())
    with pytest.raises(InvalidArchitecture, match="may not be called 'train'"):
        build(plan)
