"""Patch merging and post-norm against direct computations."""

import pytest
import torch
import torch.nn.functional as F
from known_networks import b

from nas import blocks
from nas.arch import TokenShape
from nas.errors import InvalidArchitecture

SHAPE = TokenShape(24, 8, (4, 6))


def create(block, shape=SHAPE):
    torch.manual_seed(0)
    return blocks.create(block, shape).eval()


@torch.no_grad()
@pytest.mark.parametrize(("norm_at", "width"), [("pre", 32), ("post", 16)])
def test_patch_merging_is_a_linear_layer_of_four_neighbours(norm_at, width):
    module, x = create(b("patch_merging", None, 2, norm_at=norm_at)), torch.randn(3, 24, 8)
    merged = module(x)
    assert module.out_shape(merged) == TokenShape(6, 16, (2, 3))
    assert module.norm.normalized_shape == (width,)
    for row in range(2):
        for column in range(3):
            corner = 12 * row + 2 * column
            four = torch.cat([x[:, corner + step] for step in (0, 1, 6, 7)], 1)
            if norm_at == "pre":
                expected = F.linear(F.layer_norm(four, (32,), eps=1e-6), module.linear.weight)
            else:
                expected = F.layer_norm(F.linear(four, module.linear.weight), (16,), eps=1e-6)
            torch.testing.assert_close(merged[:, 3 * row + column], expected)


def test_patch_merging_takes_a_width_and_any_stride_that_divides_the_grid():
    assert create(b("patch_merging", 20, 1)).linear.weight.shape == (20, 8)
    assert create(b("patch_merging", 20, 2)).linear.weight.shape == (20, 32)
    with pytest.raises(InvalidArchitecture, match=r"\(4x6\), but got 3; 1, 2 would fit"):
        create(b("patch_merging", None, 3))
    for shape in (TokenShape(24, 8), TokenShape(25, 8, (4, 6), ("class",))):
        with pytest.raises(InvalidArchitecture, match="a grid and no extra tokens"):
            create(b("patch_merging", None, 2), shape)


@torch.no_grad()
def test_a_transformer_normalises_before_or_after_its_branches():
    x = torch.randn(3, 24, 8)
    pre, post = (create(b("transformer", heads=2, norm_at=norm_at)) for norm_at in ("pre", "post"))
    y = x + pre.mixer(pre.mixer_norm(x))
    torch.testing.assert_close(pre(x), y + pre.project(F.gelu(pre.expand(pre.mlp_norm(y)))))
    y = x + post.mixer_norm(post.mixer(x))
    torch.testing.assert_close(post(x), y + post.mlp_norm(post.project(F.gelu(post.expand(y)))))
