"""Windowed attention against direct computations of its definition."""

import math

import pytest
import torch
import torch.nn.functional as F

from nas.arch import TokenShape
from nas.blocks.fields import resolve_part
from nas.blocks.partition import Partition
from nas.blocks.registry import make
from nas.errors import InvalidArchitecture

CHANNELS, HEADS = 12, 2


def mixer(grid, kind="window", heads=HEADS, extra=(), **fields):
    """A mixer none of whose parameters is at its initial value."""
    torch.manual_seed(0)
    shape = TokenShape(grid[0] * grid[1] + len(extra), CHANNELS, grid, extra)
    module = make("mixer", resolve_part("mixer", {kind: fields}, "mixer"), shape, heads).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    return module


def tokens(grid, batch=3):
    return torch.randn(batch, grid[0] * grid[1], CHANNELS)


def heads_of(module, x, heads=HEADS):
    """Queries, keys and values, (B, heads, N, D), from the module's weights."""
    bias = module.qkv_bias if module.qkv_bias is not None else torch.zeros(3, CHANNELS)
    bias = bias if len(bias) == 3 else torch.stack((bias[0], torch.zeros(CHANNELS), bias[1]))
    every = [F.linear(x, w, b) for w, b in zip(module.qkv_weight, bias, strict=True)]
    return [each.unflatten(2, (heads, -1)).transpose(1, 2) for each in every]


def full_attention(module, x, meets, bias=0.0):
    """Attention of every token to every token that it meets, (N, N); `bias` is (heads, N, N)."""
    q, k, v = heads_of(module, x)
    scores = q @ k.transpose(2, 3) / math.sqrt(CHANNELS // HEADS)
    if module.scale is not None:
        scores = (
            F.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1) * module.scale.clamp(max=math.log(100)).exp()
        )
    weights = (scores + bias).masked_fill(~meets, -math.inf).softmax(3)
    return module.project((weights @ v).transpose(1, 2).flatten(2))


def pairs(grid, meet):
    """(N, N): whether two tokens, given as (row, column), meet."""
    places = [(row, column) for row in range(grid[0]) for column in range(grid[1])]
    return torch.tensor([[meet(a, b) for b in places] for a in places])


def offset_bias(module, grid, side):
    """The bias of every pair by its offset inside a window, one pair at a time; (heads, N, N)."""
    places = [(row, column) for row in range(grid[0]) for column in range(grid[1])]
    bias = torch.zeros(HEADS, len(places), len(places))
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            down, across = (x - y for x, y in zip(a, b, strict=True))
            if max(abs(down), abs(across)) < side:
                bias[:, i, j] = module.bias.table[(down + side - 1) * (2 * side - 1) + across + side - 1]
    return bias


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_one_window_is_full_attention():
    grid = (3, 5)
    module = mixer(grid, size=5, shift=2, position="none")
    x = tokens(grid)
    everywhere = torch.ones(15, 15, dtype=torch.bool)
    close(module(x), full_attention(module, x, everywhere))
    ours = torch.nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True).eval()
    ours.in_proj_weight.copy_(module.qkv_weight.flatten(0, 1))
    ours.in_proj_bias.copy_(module.qkv_bias.flatten())
    ours.out_proj.load_state_dict(module.project.state_dict())
    close(module(x), ours(x, x, x, need_weights=False)[0])


@torch.no_grad()
@pytest.mark.parametrize("cosine", [False, True])
def test_windows_are_full_attention_that_sees_its_window(cosine):
    grid = (4, 6)
    module, x = mixer(grid, size=2, cosine=cosine), tokens(grid)
    meets = pairs(grid, lambda a, b: a[0] // 2 == b[0] // 2 and a[1] // 2 == b[1] // 2)
    close(module(x), full_attention(module, x, meets, offset_bias(module, grid, 2)))


@torch.no_grad()
@pytest.mark.parametrize("position", ["relative", "none"])
@pytest.mark.parametrize(("size", "shift"), [(2, 1), (4, 1), (4, 3)])
def test_shifted_windows_are_full_attention_with_a_mask(size, shift, position):
    grid = (4, 8) if size == 2 else (8, 8)
    module, x = mixer(grid, size=size, shift=shift, position=position), tokens(grid)

    def window(place):  # borders at shift, shift + size, ...: the first and the last windows are cut off, not joined
        return [(each - shift) // size for each in place]

    bias = offset_bias(module, grid, size) if position == "relative" else 0.0
    close(module(x), full_attention(module, x, pairs(grid, lambda a, b: window(a) == window(b)), bias))


@torch.no_grad()
def test_an_axis_as_long_as_the_window_is_not_shifted():
    grid = (2, 4)
    module, x = mixer(grid, size=2, shift=1, position="none"), tokens(grid)
    close(module(x), full_attention(module, x, pairs(grid, lambda a, b: (a[1] - 1) // 2 == (b[1] - 1) // 2)))
    shifted, same = mixer((2, 2), size=2, shift=1), mixer((2, 2), size=2)
    x = tokens((2, 2))
    close(shifted(x), same(x))


@torch.no_grad()
def test_a_dilated_grid_joins_tokens_that_are_far_apart():
    grid = (4, 6)
    module, x = mixer(grid, size=2, partition="grid"), tokens(grid)
    q, k, v = heads_of(module, x)
    expected = torch.zeros(3, HEADS, *grid, CHANNELS // HEADS)
    q, k, v = (each.unflatten(2, grid) for each in (q, k, v))
    index = torch.tensor([[1, 0], [2, 1]])  # along one axis of the table: from place 0 or 1 to place 0 or 1
    bias = module.bias.table.view(3, 3, HEADS)
    bias = bias[index[:, None, :, None], index[None, :, None, :]].permute(4, 0, 1, 2, 3).flatten(3).flatten(1, 2)
    for row in range(2):
        for column in range(3):
            a, b, c = (each[:, :, row::2, column::3].flatten(2, 3) for each in (q, k, v))
            weights = (a @ b.transpose(2, 3) / math.sqrt(CHANNELS // HEADS) + bias).softmax(3)
            expected[:, :, row::2, column::3] = (weights @ c).unflatten(2, (2, 2))
    close(module(x), module.project(expected.flatten(2, 3).transpose(1, 2).flatten(2)))


@torch.no_grad()
def test_the_continuous_bias_is_that_of_swin_v2():
    side = 3
    module = mixer((side, side), size=side, cosine=True, position="continuous")
    bias = module.bias()
    assert bias.shape == (HEADS, 9, 9)
    places = [(row, column) for row in range(side) for column in range(side)]
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            scaled = [8 * (x - y) / (side - 1) for x, y in zip(a, b, strict=True)]
            logs = torch.tensor([math.copysign(math.log2(1 + abs(each)) / 3, each) for each in scaled])
            hidden = (module.bias.expand.weight @ logs + module.bias.expand.bias).relu()
            close(bias[:, i, j], 16 * (module.bias.project.weight @ hidden).sigmoid())
    x = tokens((side, side))
    close(module(x), full_attention(module, x, torch.ones(9, 9, dtype=torch.bool), bias))
    assert module.qkv_bias.shape == (2, CHANNELS)


@torch.no_grad()
def test_the_scale_of_cosines_is_at_most_a_hundred():
    module, x = mixer((4, 4), size=4, cosine=True), tokens((4, 4))
    module.scale.fill_(math.log(100))
    at_most = module(x)
    module.scale.fill_(50.0)
    close(module(x), at_most)


def test_a_partition_joins_what_it_split():
    x = torch.randn(2, 24, 3, 2)
    for dilated in (False, True):
        partition = Partition((4, 6), 2, 3, dilated)
        groups = partition.split(x)
        assert groups.shape == (2, partition.count, 6, 3, 2)
        assert torch.equal(partition.join(groups), x)
    first = [Partition((4, 6), 2, 3, dilated).split(torch.arange(24)[None])[0, 0].tolist() for dilated in (False, True)]
    assert first == [[0, 1, 2, 6, 7, 8], [0, 2, 4, 12, 14, 16]]


@torch.no_grad()
@pytest.mark.parametrize("stripe", [1, 2])
def test_cross_windows_are_full_attention_that_sees_its_stripe(stripe):
    grid = (4, 6)
    module, x = mixer(grid, "cross_window", stripe=stripe), tokens(grid)
    q, k, v = heads_of(module, x)
    mixed = []
    for head, axis in ((0, 1), (1, 0)):  # vertical stripes hold all rows of some columns
        meets = pairs(grid, lambda a, b, axis=axis: a[axis] // stripe == b[axis] // stripe)
        scores = (q[:, head] @ k[:, head].transpose(1, 2) / math.sqrt(6)).masked_fill(~meets, -math.inf)
        values = v[:, head]
        local = torch.zeros_like(values).unflatten(1, grid)
        conv, plane = module.local[head], values.transpose(1, 2).unflatten(2, grid)
        for start in range(0, grid[axis], stripe):
            part = conv(plane.narrow(2 + axis, start, stripe))
            local.narrow(1 + axis, start, stripe).copy_(part.permute(0, 2, 3, 1))
        mixed.append(scores.softmax(2) @ values + local.flatten(1, 2))
    close(module(x), module.project(torch.cat(mixed, 2)))


@torch.no_grad()
def test_a_stripe_as_wide_as_the_grid_is_full_attention():
    grid = (4, 4)
    module, x = mixer(grid, "cross_window", heads=1, stripe=4), tokens(grid)
    q, k, v = (each[:, 0] for each in heads_of(module, x, 1))
    (conv,) = module.local
    local = conv(v.transpose(1, 2).unflatten(2, grid)).flatten(2).transpose(1, 2)
    mixed = (q @ k.transpose(1, 2) / math.sqrt(CHANNELS)).softmax(2) @ v + local
    close(module(x), module.project(mixed))


@pytest.mark.parametrize(
    ("grid", "kind", "heads", "extra", "fields", "path", "message"),
    [
        ((14, 14), "window", 2, (), {"size": 5}, "mixer.window.size", r"\(14x14\), but got 5; 2, 7, 14 would fit"),
        ((4, 6), "window", 2, (), {"size": 4}, "mixer.window.size", "but got 4; 2, 6 would fit"),
        ((8, 8), "window", 2, (), {"size": 9}, "mixer.window.size", r"at most .* \(8x8\), but got 9; 2, 4, 8 would"),
        ((4, 6), "window", 2, (), {"size": 12}, "mixer.window.size", r"at most .* \(4x6\), but got 12; 2, 6 would"),
        ((8, 8), "cross_window", 2, (), {"stripe": 16}, "mixer.cross_window.stripe", "got 16; 1, 2, 4, 8 would fit"),
        ((8, 8), "window", 2, (), {"size": 4, "shift": 4}, "mixer.window.shift", r"less than the size \(4\)"),
        ((8, 8), "window", 2, (), {"size": 4, "shift": 1, "partition": "grid"}, "mixer.window.shift", "0 for a grid"),
        ((4, 4), "window", 5, (), {"size": 2}, "heads", r"\(12\), but got 5; 4 or 6 would fit"),
        ((4, 4), "window", 2, ("class",), {"size": 2}, "mixer", "no extra tokens for windows, but got class"),
        ((14, 14), "cross_window", 2, (), {"stripe": 4}, "mixer.cross_window.stripe", "1, 2, 7, 14 would fit"),
        ((4, 4), "cross_window", 3, (), {"stripe": 2}, "heads", "even, one half for each direction"),
        ((1, 1), "softmax", 2, (), {}, "mixer", "needs at least two tokens that see each other"),
        ((1, 1), "relative_embedding", 2, (), {}, "mixer", "needs at least two tokens that see each other"),
        ((1, 1), "window", 2, (), {"size": 2}, "mixer", "needs at least two tokens that see each other"),
        ((1, 1), "cross_window", 2, (), {"stripe": 1}, "mixer", "needs at least two tokens that see each other"),
    ],
)
def test_what_does_not_fit_says_what_would(grid, kind, heads, extra, fields, path, message):
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        mixer(grid, kind, heads, extra, **fields)
    assert caught.value.path == path


def test_tokens_without_a_grid_have_no_windows():
    with pytest.raises(InvalidArchitecture, match="must have a grid for windows"):
        make("mixer", resolve_part("mixer", "window", "mixer"), TokenShape(6, CHANNELS), 2)
