"""Dynamic convolution against a computation image by image."""

import pytest
import torch
import torch.nn.functional as F

from nas import blocks
from nas.arch import Block, MapShape
from nas.cost import CostTable
from nas.errors import InvalidArchitecture

MAP = MapShape(8, 9, 7)


def b(type, out=None, stride=1, **fields):
    return Block(type, blocks.resolve(type, fields), out, stride)


@pytest.mark.parametrize(("groups", "bias", "stride"), [(1, False, 1), (4, True, 2), (8, False, 1)])
def test_every_image_has_the_mixture_that_its_mean_asks_for(groups, bias, stride):
    fields = {"conv": {"dynamic": {"kernels": 3, "ratio": 0.5}}, "groups": groups, "bias": bias}
    module = blocks.create(b("conv", 16, stride, norm="none", act="none", **fields), MAP).eval()
    conv = module.unit.conv
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        images = torch.randn(4, *MAP.tensor()[1:], generator=generator)
        kernels = conv.bank.weight.reshape(3, 16, 8 // groups, 3, 3)
        biases = conv.bank.bias.reshape(3, 16) if bias else torch.zeros(3, 16)
        for image, found in zip(images, module(images), strict=True):
            squeezed = conv.reduce.weight[:, :, 0, 0] @ image.mean((1, 2))
            scores = conv.weigh.weight[:, :, 0, 0] @ squeezed.relu() + conv.weigh.bias
            share = scores.softmax(0)
            kernel = sum(share[k] * kernels[k] for k in range(3))
            shift = sum(share[k] * biases[k] for k in range(3))
            expected = F.conv2d(image[None], kernel, shift, stride, 1, 1, groups)[0]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_starts_as_the_mean_of_its_kernels():
    conv = blocks.create(b("conv", 16, conv="dynamic"), MAP).unit.conv
    x = torch.randn(2, *MAP.tensor()[1:])
    mean = conv.bank.weight.reshape(4, 16, 8, 3, 3).mean(0)
    torch.testing.assert_close(conv(x), F.conv2d(x, mean, padding=1), rtol=1e-4, atol=1e-5)
    assert 0.1 < mean.std() / (2 / (16 * 9)) ** 0.5 < 1.2  # He's standard deviation


@pytest.mark.parametrize("block", ["basic", "bottleneck", "mbconv"])
def test_all_convolutions_of_a_block_are_dynamic(block):
    module = blocks.create(b(block, 16, 2, conv="dynamic"), MAP)
    kinds = {type(each).__name__ for each in module.modules()}
    assert "DynamicConv" in kinds
    assert "PlainConv" not in kinds


def test_mixing_is_counted():
    table = CostTable()
    plain, dynamic = (table.step(table.place(b("conv", 16, conv=kind), MAP)[-1]) for kind in ("plain", "dynamic"))
    weights, squeezed = 16 * 8 * 9, 3
    attention = 8 * squeezed + squeezed * 4
    assert dynamic.macs - plain.macs == attention + 4 * weights
    assert dynamic.params - plain.params == attention + 4 + 3 * weights


def test_an_unknown_kind_is_answered_with_the_nearest():
    with pytest.raises(InvalidArchitecture, match="did you mean 'dynamic'"):
        b("basic", conv="dynamik")
