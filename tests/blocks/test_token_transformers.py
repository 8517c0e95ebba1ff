"""Rotary positions, gated perceptrons, soft split, kernel attention and token pruning against direct computations."""

import math

import pytest
import torch
import torch.nn.functional as F
from known_networks import b

from nas import blocks
from nas.arch import MapShape, TokenShape
from nas.blocks.rope import rotary_cos, rotary_numbers, rotary_sin, rotate
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.files import shipped
from nas.space import load_network

TOKENS = TokenShape(13, 24, (3, 4), ("class",))


def create(block, shape):
    torch.manual_seed(0)
    module = blocks.create(block, shape).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return module


def softmax(**fields):
    return b("transformer", heads=2, mixer={"softmax": fields})


def turned_by_complex_numbers(x, shape, scale=(1.0, 1.0)):
    """Every pair of channels times e^(i angle); x is (B, heads, N, d)."""
    extra, (rows, columns), width = len(shape.extra), shape.grid, x.shape[-1]
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()).clone()
    for token in range(rows * columns):
        row, column = token // columns * scale[0], token % columns * scale[1]
        for pair in range(width // 2):
            place, j = (row, pair) if pair < width // 4 else (column, pair - width // 4)
            angle = torch.tensor(place * 10000.0 ** (-j / (width // 4)))
            pairs[:, :, extra + token, pair] *= torch.polar(torch.tensor(1.0), angle)
    return torch.view_as_real(pairs).flatten(-2)


def rotary_tables(shape, heads, side=None):
    numbers = rotary_numbers(shape, heads, side)
    return rotary_cos(*numbers), rotary_sin(*numbers)


@pytest.mark.parametrize(("side", "scale"), [(None, (1.0, 1.0)), (16, (16 / 3, 16 / 4))])
def test_rope_turns_pairs_as_complex_numbers(side, scale):
    x = torch.randn(2, 3, 13, 8)
    found = rotate(x, *rotary_tables(TOKENS, 3, side))
    torch.testing.assert_close(found, turned_by_complex_numbers(x, TOKENS, scale))
    assert torch.equal(found[:, :, 0], x[:, :, 0]), "the class token has no place"


def test_rope_makes_scores_depend_on_the_distance():
    shape = TokenShape(25, 8, (5, 5))
    q, k = torch.randn(1, 8).expand(25, 8), torch.randn(1, 8).expand(25, 8)
    tables = rotary_tables(shape, 1)
    scores = (rotate(q, *tables) @ rotate(k, *tables).T).unflatten(0, (5, 5)).unflatten(2, (5, 5))
    torch.testing.assert_close(scores[0, 0, 1, 2], scores[3, 1, 4, 3])
    assert not torch.allclose(scores[0, 0, 1, 2], scores[0, 0, 2, 1])


def test_attention_with_rope_against_a_direct_computation():
    mixer, x = (
        create(softmax(rope=True, key_bias=False), TokenShape(13, 16, (3, 4), ("class",))).mixer,
        torch.randn(2, 13, 16),
    )
    biases = (mixer.qkv_bias[0], 0, mixer.qkv_bias[1])
    q, k, v = (
        (x @ w.T + bias).unflatten(2, (2, 8)).transpose(1, 2) for w, bias in zip(mixer.qkv_weight, biases, strict=True)
    )
    q, k = (turned_by_complex_numbers(each, TOKENS) for each in (q, k))
    mixed = (q @ k.transpose(2, 3) / math.sqrt(8)).softmax(3) @ v
    torch.testing.assert_close(mixer(x), mixer.project(mixed.transpose(1, 2).flatten(2)))


def test_the_bias_of_the_keys_does_nothing_without_rope():
    mixer, x = create(softmax(), TOKENS).mixer, torch.randn(2, 13, 24)
    before = mixer(x)
    mixer.qkv_bias.data[1] += 5
    torch.testing.assert_close(mixer(x), before, rtol=1e-4, atol=1e-5)


def test_rope_says_what_must_hold():
    with pytest.raises(InvalidArchitecture, match="must have a grid") as caught:
        blocks.create(softmax(rope=True), TokenShape(6, 16))
    assert caught.value.path == "rope"
    with pytest.raises(InvalidArchitecture, match=r"multiple of 4 .* got 6 .*heads that fit: 1, 2, 3") as caught:
        blocks.create(b("transformer", heads=4, mixer={"softmax": {"rope": True}}), TOKENS)
    assert caught.value.path == "heads"


def test_swiglu_with_sub_norm_against_a_direct_computation():
    module = create(b("transformer", heads=2, mlp_ratio=8 / 3, gated=True, act="silu", inner_norm="layer"), TOKENS)
    x = torch.randn(2, 13, 24)
    gate = x @ module.gate.weight.T + module.gate.bias
    hidden = gate * torch.sigmoid(gate) * (x @ module.expand.weight.T + module.expand.bias)
    hidden = F.layer_norm(hidden, (64,), module.inner_norm.weight, module.inner_norm.bias, 1e-6)
    torch.testing.assert_close(module.perceptron(x), hidden @ module.project.weight.T + module.project.bias)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(7, 4, 2), (3, 2, 1), (2, 2, 0)])
def test_unfold_is_the_soft_split(kernel, stride, padding):
    shape, x = MapShape(3, 18, 23), torch.randn(2, 3, 18, 23)
    module = blocks.create(b("unfold", None, stride, kernel=kernel, padding=padding), shape)
    tokens = module(x)
    assert torch.equal(tokens, F.unfold(x, kernel, padding=padding, stride=stride).transpose(1, 2))
    rows, columns = module.out_shape(tokens).grid
    assert (rows, columns) == tuple(F.avg_pool2d(x, kernel, stride, min(padding, kernel // 2)).shape[2:])


def test_unfold_and_a_linear_layer_are_a_convolution():
    shape, x = MapShape(4, 9, 9), torch.randn(2, 4, 9, 9)
    conv = create(b("conv", 6, 2, norm="none", act="none"), shape).unit.conv
    tokens = blocks.create(b("unfold", None, 2), shape)(x)
    direct = tokens @ conv.weight.flatten(1).T + conv.bias
    torch.testing.assert_close(conv(x).flatten(2).transpose(1, 2), direct)


def test_unfold_says_what_must_hold():
    with pytest.raises(InvalidArchitecture, match="out must be 27"):
        blocks.create(b("unfold", 64), MapShape(3, 8, 8))
    with pytest.raises(InvalidArchitecture, match="as large as the window"):
        blocks.create(b("unfold", kernel=7, padding=0), MapShape(3, 4, 4))


def test_kernel_attention_against_a_direct_computation():
    module = create(b("performer", 16), TOKENS)
    q, k, v = torch.randn(3, 2, 13, 16) / 2

    def features(x):
        return (x @ module.directions.T - (x**2).sum(-1, keepdim=True) / 2).exp() / math.sqrt(8)

    scores = features(q) @ features(k).transpose(1, 2)
    torch.testing.assert_close(module.attend(q, k, v), scores @ v / scores.sum(2, keepdim=True))


def test_kernel_attention_approaches_softmax_with_many_features():
    module = create(b("performer", 4), TOKENS)
    q, k, v = torch.randn(3, 1, 13, 4) / 2
    module.directions = torch.nn.Parameter(torch.randn(200_000, 4))
    exact = F.scaled_dot_product_attention(q, k, v, scale=1.0)
    torch.testing.assert_close(module.attend(q, k, v), exact, rtol=0.05, atol=0.02)


def test_kernel_attention_stands_large_inputs():
    module = create(b("performer", 16), TOKENS)
    q, k, v = 30 * torch.randn(3, 2, 13, 16)
    assert module.attend(q, k, v).isfinite().all()


def test_random_features_are_orthogonal_and_do_not_learn():
    module = blocks.create(b("performer", 16), TOKENS)
    assert not module.directions.requires_grad
    torch.testing.assert_close(module.directions @ module.directions.T, 8 * torch.eye(8), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("keep", [0.5, 0.7, 1.0])
def test_pruning_keeps_the_highest_scores_in_order(keep):
    module, x = create(b("token_prune", keep=keep), TOKENS), torch.randn(3, 13, 24)
    output, scores = module(x), module.scores(x[:, 1:])
    count = round(12 * keep)
    assert module.out_shape(output) == TokenShape(1 + count, 24, None, ("class",))
    for image in range(3):
        kept = sorted(sorted(range(12), key=lambda i: -scores[image, i])[:count])
        assert torch.equal(output[image], torch.cat((x[image, :1], x[image, 1:][kept])))


def test_scores_see_each_token_and_the_mean_of_all():
    module, x = create(b("token_prune"), TOKENS), torch.randn(2, 12, 24)
    embedded = module.embed(x)
    both = torch.cat((embedded[..., :12], embedded[..., 12:].mean(1, keepdim=True).expand(-1, 12, -1)), 2)
    logits = module.judge(both).log_softmax(2)
    torch.testing.assert_close(module.scores(x), logits[..., 0] - logits[..., 1])


def test_training_prunes_as_many_by_chance_and_teaches_the_scores():
    module, x = create(b("token_prune", keep=0.5), TOKENS).train(), torch.randn(2, 13, 24)
    outputs = [module(x) for _ in range(8)]
    assert {output.shape for output in outputs} == {(2, 7, 24)}
    assert not all(torch.equal(outputs[0], output) for output in outputs)
    assert all((x[0] == token).all(1).any() for token in outputs[0][0]), "what is kept is kept as it is"
    outputs[0].square().sum().backward()
    assert module.judge[0].weight.grad.abs().sum() > 0


def test_pruning_says_which_channels_would_fit():
    with pytest.raises(InvalidArchitecture, match="got 18; nearest are 16 and 20"):
        blocks.create(b("token_prune"), TokenShape(6, 18))


def test_positions_by_index_count_the_class_token():
    table = blocks.create(b("position", kind="sincos_1d"), TOKENS).table
    for index, channel in ((0, 0), (1, 1), (5, 6), (12, 23)):
        angle = index / 10000 ** (channel // 2 * 2 / 24)
        assert table[0, index, channel].item() == pytest.approx(
            math.cos(angle) if channel % 2 else math.sin(angle), abs=1e-5
        )
    assert not table.requires_grad


def test_pruning_says_beside_its_macs_what_it_keeps() -> None:
    table = CostTable()
    plan = load_network("zoo/dynamicvit_deit_small", table, roots=[shipped("search_spaces")])
    found = table.profile(plan).to_json()
    assert found["macs_range"] == {
        "least": found["macs"],
        "expected": found["macs"],
        "most": found["macs"],
        "at": {"keeping": [0.7, 0.7, 0.7]},
    }
