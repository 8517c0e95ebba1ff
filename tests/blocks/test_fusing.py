"""Structural re-parametrisation: the fused form against its branches, and against a convolution written out."""

import copy

import pytest
import torch
import torch.nn.functional as F

from nas import blocks
from nas.arch import Architecture, Block, MapShape, Segment
from nas.blocks.branches import ParallelConv
from nas.build import build, fused, lower
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.measure.networks import from_architecture, settle


def b(type, out=None, stride=1, **fields):
    return Block(type, blocks.resolve(type, fields), out, stride)


def architecture():
    parts = {
        "stem": (b("rep_conv", 8, 2),),
        "s1": (b("rep_conv", 16, 2), b("rep_conv", kernel=5, small_kernel=3, groups=4, attention="se")),
        "s2": (b("replk", kernel=7, small_kernel=3), b("conv_ffn", mlp_ratio=2.0)),
        "head": (b("pool"), b("classifier")),
    }
    segments = tuple(Segment(name, each) for name, each in parts.items())
    return Architecture("branched", MapShape(3, 32, 32), 10, segments)


@pytest.fixture
def network():
    """With batch norms that have seen images and are not the identity."""
    network = build(lower(architecture(), CostTable()), seed=0)
    settle(network, (3, 32, 32), seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return network


def normalised(x, norm):
    x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
    return x * norm.weight[:, None, None] + norm.bias[:, None, None]


@pytest.mark.parametrize(("groups", "stride", "identity"), [(1, 1, True), (4, 1, True), (8, 1, False), (2, 2, False)])
def test_one_convolution_computes_what_the_branches_do(groups, stride, identity):
    unit = ParallelConv(8, 8, (5, 3, 1), stride=stride, groups=groups, identity=identity)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in (branch.norm for branch in unit.branches):
            for tensor in (norm.weight, norm.bias, norm.running_mean):
                tensor.copy_(torch.randn(8, generator=generator))
            norm.running_var.copy_(torch.rand(8, generator=generator) + 0.5)
        x = torch.randn(3, 8, 9, 7, generator=generator)
        expected = normalised(x, unit.branches[3].norm) if identity else 0
        for branch, kernel in zip(unit.branches, (5, 3, 1), strict=False):
            y = F.conv2d(x, branch.conv.weight, None, stride, kernel // 2, 1, groups)
            expected = expected + normalised(y, branch.norm)
        one = unit.eval().fused()
        assert isinstance(one, torch.nn.Conv2d)
        for found in (unit(x), one(x)):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_network_is_fused_in_a_copy(network):
    network.train()
    before = copy.deepcopy(network.state_dict())
    twin = fused(network)
    assert network.training
    assert not any(module.training for module in twin.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(isinstance(module, blocks.Fusible) for module in twin.modules())
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected, found = network.eval()(x), twin(x)
        exported = torch.export.export(twin, (x,)).module()(x)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    torch.testing.assert_close(exported, found)


def test_cost_and_measured_module_are_those_of_the_fused_network(network):
    table = CostTable()
    cost, twin = table.plan(network.plan), fused(network)
    assert cost.params == sum(parameter.numel() for parameter in twin.parameters())
    assert cost.params < sum(parameter.numel() for parameter in network.parameters())
    measured, _ = from_architecture(architecture().to_json(), seed=0)
    assert list(measured.state_dict()) == list(twin.state_dict())


def test_a_small_kernel_is_at_most_the_large_one():
    for name in ("rep_conv", "replk"):
        with pytest.raises(InvalidArchitecture, match="at most the kernel, but got 5 for a kernel of 3") as caught:
            blocks.create(b(name, kernel=3, small_kernel=5), MapShape(8, 8, 8))
        assert caught.value.path == "small_kernel"
    assert b("rep_conv", small_kernel=None).fields["small_kernel"] is None
