"""DenseNet's layer and ShuffleNetV2's unit against direct computations."""

import pytest
import torch
import torch.nn.functional as F
from known_networks import b

from nas import blocks
from nas.arch import MapShape
from nas.errors import InvalidArchitecture

SHAPE = MapShape(16, 7, 9)


def create(block, shape=SHAPE):
    """The block in evaluation mode with norms that do something."""
    torch.manual_seed(0)
    module = blocks.create(block, shape).train()
    for _ in range(3):
        module(torch.randn(shape.tensor(8)) * 2 + 1)
    return module.eval()


def norm(unit, x):
    found = unit.norm
    return F.batch_norm(x, found.running_mean, found.running_var, found.weight, found.bias, eps=found.eps)


def conv(unit, x, stride=1):
    weight = unit.conv.weight
    return F.conv2d(x, weight, None, stride, weight.shape[2] // 2, groups=x.shape[1] // weight.shape[1])


def test_a_dense_layer_appends_what_it_grows():
    module, x = create(b("dense", growth=12)), torch.randn(SHAPE.tensor(3))
    narrow = conv(module.reduce, norm(module.reduce, x).relu())
    new = conv(module.spatial, norm(module.spatial, narrow).relu())
    assert (narrow.shape[1], new.shape[1]) == (48, 12)
    torch.testing.assert_close(module(x), torch.cat((x, new), 1))
    assert torch.equal(module(x)[:, :16], x)


def test_a_dense_layer_without_the_first_convolution():
    module, x = create(b("dense", growth=12, ratio=None)), torch.randn(SHAPE.tensor(3))
    new = conv(module.spatial, norm(module.spatial, x).relu())
    torch.testing.assert_close(module(x), torch.cat((x, new), 1))


def test_a_dense_layer_decides_its_width():
    assert blocks.create(b("dense", 48), SHAPE)(torch.randn(SHAPE.tensor())).shape[1] == 48
    with pytest.raises(InvalidArchitecture, match=r"out must be 48 \(.*16.*32\), but got 32; leave it out"):
        blocks.create(b("dense", 32), SHAPE)


def shuffled(left, right):
    """Channels of both in turn."""
    return torch.stack([half[:, c] for c in range(left.shape[1]) for half in (left, right)], 1)


def test_a_shuffle_unit_leaves_one_half_and_works_on_the_other():
    module, x = create(b("shuffle")), torch.randn(SHAPE.tensor(3))
    narrow, depthwise, wide = module.second
    right = norm(narrow, conv(narrow, x[:, 8:])).relu()
    right = norm(depthwise, conv(depthwise, right))
    right = norm(wide, conv(wide, right)).relu()
    torch.testing.assert_close(module(x), shuffled(x[:, :8], right))


@pytest.mark.parametrize(("out", "stride"), [(24, 2), (16, 2), (24, 1)])
def test_a_shuffle_unit_that_changes_the_shape_works_on_all_channels_twice(out, stride):
    module, x = create(b("shuffle", out, stride, kernel=5)), torch.randn(SHAPE.tensor(3))
    depthwise, wide = module.first
    left = norm(wide, conv(wide, norm(depthwise, conv(depthwise, x, stride)))).relu()
    narrow, depthwise, wide = module.second
    right = norm(narrow, conv(narrow, x)).relu()
    right = norm(wide, conv(wide, norm(depthwise, conv(depthwise, right, stride)))).relu()
    assert left.shape == right.shape == (3, out // 2, -(-7 // stride), -(-9 // stride))
    torch.testing.assert_close(module(x), shuffled(left, right))


def test_two_branches_need_an_even_width():
    with pytest.raises(InvalidArchitecture, match="out must be even, half for each branch, but got 25; 24 or 26 would"):
        blocks.create(b("shuffle", 25, 2), SHAPE)


@pytest.mark.parametrize("block", [b("dense", growth=8), b("shuffle"), b("shuffle", 32, 2)])
def test_it_exports(block):
    module, x = create(block), torch.randn(SHAPE.tensor(2))
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x))
