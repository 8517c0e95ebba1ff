"""The blocks of BoTNet, CoAtNet, MaxViT, MobileViT and EfficientFormer against direct computations."""

import math

import pytest
import torch
import torch.nn.functional as F
from known_networks import b
from torch import nn

from nas import blocks
from nas.arch import MapShape, TokenShape
from nas.blocks.fields import resolve_part
from nas.blocks.registry import make
from nas.errors import InvalidArchitecture

CHANNELS, HEADS, GRID = 12, 2, (3, 4)
TOKENS = TokenShape(12, CHANNELS, GRID)
PLACES = [(row, column) for row in range(GRID[0]) for column in range(GRID[1])]


def moved(module):
    """In evaluation mode, none of its parameters at the initial value."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return module.eval()


def mixer(kind, shape=TOKENS, heads=HEADS, out=None, **fields):
    torch.manual_seed(0)
    return moved(make("mixer", resolve_part("mixer", {kind: fields}, "mixer"), shape, heads, *([out] if out else [])))


def create(block, shape):
    torch.manual_seed(0)
    return moved(blocks.create(block, shape))


def attention_by_pairs(module, x, extra_score):
    """Softmax attention, one image, head, query and key at a time; `extra_score(head, q, i, j)` is added to a score."""
    key, value = module.key_dim, module.value_dim
    q, k, v = module.qkv(x).split([module.heads * key, module.heads * key, module.heads * value], 2)
    rows = []
    for image in range(len(x)):
        for i in range(x.shape[1]):
            heads = []
            for head in range(module.heads):
                query = q[image, i, head * key : (head + 1) * key] / math.sqrt(key)
                scores = [
                    query @ k[image, j, head * key : (head + 1) * key] + extra_score(head, query, PLACES[i], PLACES[j])
                    for j in range(x.shape[1])
                ]
                weights = torch.stack(scores).softmax(0)
                heads.append(weights @ v[image, :, head * value : (head + 1) * value])
            rows.append(module.project(torch.cat(heads)))
    return torch.stack(rows).view(len(x), x.shape[1], -1)


@torch.no_grad()
def test_a_signed_bias_is_the_one_of_each_offset():
    module, x = mixer("relative"), torch.randn(2, 12, CHANNELS)
    table = module.bias.table.view(5, 7, HEADS)  # offsets -2..2 and -3..3
    expected = attention_by_pairs(module, x, lambda head, q, i, j: table[i[0] - j[0] + 2, i[1] - j[1] + 3, head])
    torch.testing.assert_close(module(x), expected)


@torch.no_grad()
def test_an_absolute_bias_is_the_one_of_each_distance_and_values_may_be_wider_than_keys():
    module, x = mixer("relative", offsets="absolute", head_dim=3, value_ratio=4.0), torch.randn(2, 12, CHANNELS)
    assert module.qkv.weight.shape == (HEADS * (3 + 3 + 12), CHANNELS)
    table = module.bias.table.view(HEADS, *GRID)
    expected = attention_by_pairs(module, x, lambda head, q, i, j: table[head, abs(i[0] - j[0]), abs(i[1] - j[1])])
    torch.testing.assert_close(module(x), expected)


@torch.no_grad()
@pytest.mark.parametrize("project", [False, True])
def test_embeddings_of_relative_positions_meet_the_queries(project):
    module, x = mixer("relative_embedding", project=project), torch.randn(2, 12, CHANNELS)
    assert (module.rows.shape, module.columns.shape) == ((5, 6), (7, 6))
    expected = attention_by_pairs(
        module, x, lambda head, q, i, j: q @ (module.rows[j[0] - i[0] + 2] + module.columns[j[1] - i[1] + 3])
    )
    torch.testing.assert_close(module(x), expected)


@torch.no_grad()
def test_one_window_over_the_grid_is_relative_attention():
    window, relative = mixer("window", size=4), mixer("relative")
    relative.qkv.weight.copy_(window.qkv_weight.flatten(0, 1))
    relative.qkv.bias.copy_(window.qkv_bias.flatten())
    relative.project.load_state_dict(window.project.state_dict())
    relative.bias.load_state_dict(window.bias.state_dict())
    x = torch.randn(2, 12, CHANNELS)
    torch.testing.assert_close(relative(x), window(x))


@torch.no_grad()
def test_relative_attention_widens_by_itself_and_others_behind_a_projection():
    assert mixer("relative", out=24)(torch.randn(1, 12, CHANNELS)).shape == (1, 12, 24)
    count = {}
    for kind in ("relative", "softmax"):
        module = create(b("strided_transformer", 24, 2, heads=2, mixer=kind), TOKENS)
        count[kind] = sum(parameter.numel() for parameter in module.mixer.parameters())
    assert count["relative"] == 3 * 24 * (12 + 1) + 24 * 25 + 3 * 3 * 2  # the pooled grid is 2x2
    assert count["softmax"] == 24 * (12 + 1) + 3 * 24 * 25 + 24 * 25


def test_relative_attention_says_what_it_needs():
    with pytest.raises(InvalidArchitecture, match=r"heads: must divide the channels \(12\), but got 5; 4 or 6 would"):
        mixer("relative", heads=5)
    with pytest.raises(InvalidArchitecture, match="must have a grid"):
        mixer("relative", TokenShape(6, CHANNELS))
    with pytest.raises(InvalidArchitecture, match="no extra tokens"):
        mixer("relative_embedding", TokenShape(13, CHANNELS, GRID, ("class",)))
    with pytest.raises(InvalidArchitecture, match=r"must be 12 where nothing is projected, but got 2 \* 4"):
        mixer("relative_embedding", head_dim=4)


@torch.no_grad()
def test_pooling_takes_the_neighbours_mean_less_the_token():
    module, x = mixer("pool"), torch.randn(2, 12, CHANNELS)
    expected = torch.empty_like(x)
    for i, (row, column) in enumerate(PLACES):
        near = [j for j, place in enumerate(PLACES) if abs(place[0] - row) <= 1 and abs(place[1] - column) <= 1]
        expected[:, i] = x[:, near].mean(1) - x[:, i]
    torch.testing.assert_close(module(x), expected)


@torch.no_grad()
def test_norms_in_layers_are_those_of_efficientformers_block_on_maps():
    fields = {"heads": 1, "mixer": "pool", "norm": "batch", "norm_at": "layers", "layer_scale": True}
    block = create(b("transformer", **fields), TOKENS)
    x = torch.randn(2, CHANNELS, *GRID)
    y = x + block.mixer_scale[:, None, None] * (F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) - x)
    hidden = block.hidden_norm(F.conv2d(y, block.expand.weight[..., None, None], block.expand.bias))
    last = block.mlp_norm(F.conv2d(F.gelu(hidden), block.project.weight[..., None, None], block.project.bias))
    expected = y + block.mlp_scale[:, None, None] * last
    torch.testing.assert_close(block(x.flatten(2).transpose(1, 2)), expected.flatten(2).transpose(1, 2))


@pytest.mark.parametrize(("stride", "grid"), [(1, (5, 4)), (2, (3, 2)), (3, (2, 2))])
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_strided_transformer_pools_the_grid(stride, grid, pool):
    block = create(b("strided_transformer", 24, stride, heads=2, pool=pool), TokenShape(20, CHANNELS, (5, 4)))
    output = block(torch.randn(2, 20, CHANNELS))
    assert block.out_shape(output) == TokenShape(grid[0] * grid[1], 24, grid)
    assert output.shape == (2, grid[0] * grid[1], 24)


@torch.no_grad()
def test_a_strided_transformer_pools_between_norm_and_mixer_and_on_the_shortcut():
    block = create(b("strided_transformer", 24, 2, heads=2, mixer="relative"), TokenShape(16, CHANNELS, (4, 4)))
    x = torch.randn(2, 16, CHANNELS)

    def halved(tokens):
        return F.avg_pool2d(tokens.transpose(1, 2).view(2, CHANNELS, 4, 4), 2).flatten(2).transpose(1, 2)

    project = block.shortcut.project
    y = F.linear(halved(x), project.weight[..., 0, 0], project.bias) + block.mixer(halved(block.mixer_norm(x)))
    expected = y + block.project(F.gelu(block.expand(block.mlp_norm(y))))
    torch.testing.assert_close(block(x), expected)


@torch.no_grad()
def test_a_strided_transformer_that_changes_nothing_is_a_transformer():
    strided, plain = (
        create(b(name, heads=2, mixer="relative"), TOKENS) for name in ("strided_transformer", "transformer")
    )
    plain.load_state_dict(strided.state_dict())
    x = torch.randn(2, 12, CHANNELS)
    torch.testing.assert_close(strided(x), plain(x))


@torch.no_grad()
@pytest.mark.parametrize(("in_channels", "out", "stride"), [(16, 16, 1), (16, 16, 2), (16, 24, 2)])
def test_a_pre_norm_inverted_residual_is_the_formula(in_channels, out, stride):
    fields = {
        "pre_norm": True,
        "expand_of": "output",
        "shortcut": "pool",
        "stride_at": "expand",
        "expand": 4.0,
        "act": "gelu",
    }
    block = create(b("mbconv", out, stride, **fields), MapShape(in_channels, 8, 8))
    x = torch.randn(2, in_channels, 8, 8)
    y = block.expand.norm(F.conv2d(block.norm(x), block.expand.conv.weight, stride=stride))
    y = block.depthwise.norm(F.conv2d(F.gelu(y), block.depthwise.conv.weight, padding=1, groups=4 * out))
    y = F.conv2d(F.gelu(y), block.project.conv.weight, block.project.conv.bias)
    shortcut = F.avg_pool2d(x, stride)
    if out != in_channels:
        shortcut = F.conv2d(shortcut, block.shortcut.project.weight, block.shortcut.project.bias)
    torch.testing.assert_close(block(x), shortcut + y)


@torch.no_grad()
def test_botnets_bottleneck_mixes_between_two_projections():
    block = create(b("bot", 32, 2, heads=2, mixer="softmax"), MapShape(16, 4, 4))
    x = torch.randn(2, 16, 4, 4)
    mixed = block.mixer(block.reduce(x).flatten(2).transpose(1, 2)).transpose(1, 2).view(2, 8, 4, 4)
    branch = block.project(F.relu(block.mixer_norm(F.avg_pool2d(mixed, 2))))
    torch.testing.assert_close(block(x), F.relu(block.shortcut(x) + branch))


@torch.no_grad()
def test_unfolding_is_undone_by_folding():
    block = create(b("mobilevit", width=8, heads=2, patch=2), MapShape(6, 4, 6))
    block.transformers, block.norm = nn.Identity(), nn.Identity()
    x = torch.randn(3, 8, 4, 6)
    assert torch.equal(block.across(x), x)


@torch.no_grad()
def test_pixels_of_one_position_in_their_patches_meet():
    block = create(b("mobilevit", width=8, heads=2, patch=2, depth=1), MapShape(6, 4, 6))
    x = torch.randn(3, 8, 4, 6)
    together = block.across(x)
    for row in range(2):
        for column in range(2):
            pixels = x[:, :, row::2, column::2].flatten(2).transpose(1, 2)
            alone = block.norm(block.transformers(pixels)).transpose(1, 2).view(3, 8, 2, 3)
            torch.testing.assert_close(together[:, :, row::2, column::2], alone)


def test_patches_must_divide_the_map():
    with pytest.raises(InvalidArchitecture, match=r"patch: must divide the map \(4x6\), but got 4; 1, 2 would fit"):
        create(b("mobilevit", width=8, heads=2, patch=4), MapShape(6, 4, 6))
