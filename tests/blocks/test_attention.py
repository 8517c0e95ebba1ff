"""Attentions against direct computations, in every block that takes one, and on maps of any size."""

import pytest
import torch
import torch.nn.functional as F
from known_networks import b

from nas import blocks
from nas.arch import MapShape, PyramidShape
from nas.blocks.registry import make
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.testing.cases import Case, example_cases

PLACES = [(8, 8), (7, 9), (1, 5)]
SIZES = [*PLACES, (1, 1)]
HOSTS = [name for name in blocks.names() if "attention" in blocks.block(name).fields]
MAPS = (MapShape(16, 8, 8), MapShape(16, 7, 9), MapShape(24, 5, 5))
PYRAMIDS = (
    PyramidShape((MapShape(16, 8, 8), MapShape(32, 4, 4))),
    PyramidShape((MapShape(16, 12, 10), MapShape(32, 6, 5), MapShape(64, 3, 3))),
)
# Their convolutions belong to the mixer, which is an attention itself.
MIXING = {"strided_transformer", "transformer"}


def attention(kind, channels=32, block_channels=16, **fields):
    torch.manual_seed(0)
    part = blocks.resolve("mbconv", {"attention": {kind: fields}})["attention"]
    module = make("attention", part, channels, block_channels).eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) + 0.1 if tensor.dim() == 1 else torch.randn(tensor.shape) / 3)
    return module


def linear(conv, x):
    """A 1x1 convolution on vectors (..., C)."""
    return F.linear(x, conv.weight[:, :, 0, 0], conv.bias)


def batch_norm(norm, x, dim):
    shape = [1] * x.dim()
    shape[dim] = -1
    mean, var, weight, bias = (t.view(shape) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return (x - mean) / (var + norm.eps).sqrt() * weight + bias


@pytest.mark.parametrize("size", SIZES)
def test_se_is_two_linear_layers_of_the_mean(size):
    module, x = attention("se", ratio=0.25), torch.randn(3, 32, *size)
    gate = torch.sigmoid(linear(module.expand, linear(module.reduce, x.flatten(2).mean(2)).relu()))
    torch.testing.assert_close(module(x), torch.einsum("bchw,bc->bchw", x, gate))


@pytest.mark.parametrize("size", SIZES)
def test_eca_slides_a_kernel_over_the_means_of_neighbouring_channels(size):
    module, x = attention("eca", kernel=5), torch.randn(3, 32, *size)
    weights = module.conv.weight[0, 0]
    means = F.pad(x.flatten(2).mean(2), (2, 2))
    gate = torch.stack([(means[:, c : c + 5] * weights).sum(1) for c in range(32)], 1).sigmoid()
    torch.testing.assert_close(module(x), torch.einsum("bchw,bc->bchw", x, gate))


@pytest.mark.parametrize("size", PLACES)
def test_cbam_gates_channels_then_positions(size):
    module, x = attention("cbam", ratio=0.25, kernel=3), torch.randn(3, 32, *size)

    def excited(vector):
        return linear(module.expand, linear(module.reduce, vector).relu())

    gate = torch.sigmoid(excited(x.flatten(2).mean(2)) + excited(x.flatten(2).max(2).values))
    gated = torch.einsum("bchw,bc->bchw", x, gate)
    seen = F.pad(torch.stack((gated.max(1).values, gated.mean(1)), 1), (1, 1, 1, 1))
    height, width = size
    scores = sum(
        torch.einsum("bkhw,k->bhw", seen[:, :, row : row + height, column : column + width], taps)
        for row in range(3)
        for column in range(3)
        for taps in (module.spatial.weight[0, :, row, column],)
    )
    places = torch.sigmoid(batch_norm(module.norm, scores[:, None], 1))
    torch.testing.assert_close(module(x), gated * places)


@pytest.mark.parametrize("size", PLACES)
def test_coordinate_attention_gates_rows_and_columns(size):
    module, x = attention("coord", ratio=0.25), torch.randn(3, 32, *size)

    def squeezed(means):
        return F.hardswish(batch_norm(module.norm, linear(module.reduce, means), 2))

    rows = torch.sigmoid(linear(module.expand_rows, squeezed(x.mean(3).transpose(1, 2))))
    columns = torch.sigmoid(linear(module.expand_columns, squeezed(x.mean(2).transpose(1, 2))))
    torch.testing.assert_close(module(x), torch.einsum("bchw,bhc,bwc->bchw", x, rows, columns))


@pytest.mark.parametrize("kind", ["cbam", "coord"])
def test_attention_over_positions_needs_more_than_one(kind):
    block = b("mbconv", kernel=3, expand=4, attention=kind)
    with pytest.raises(InvalidArchitecture, match="the map it gets is 1x1; 'se', 'eca' or 'none', a larger") as caught:
        CostTable().place(block, MapShape(16, 1, 1))
    assert caught.value.path == "attention"


def test_a_kernel_over_channels_must_not_reach_beyond_them():
    assert attention("eca", 8, kernel=15).conv.kernel_size == (15,)
    with pytest.raises(InvalidArchitecture, match="channels \\(8\\), but got 17; at most 15 would fit") as caught:
        attention("eca", 8, kernel=17)
    assert caught.value.path == "attention.eca.kernel"


def test_what_is_squeezed_is_as_published():
    assert attention("cbam", 256).reduce.out_channels == 16
    assert attention("cbam", 8).reduce.out_channels == 1
    assert attention("coord", 96).reduce.out_channels == 8  # 96 / 32 = 3, but never below 8
    assert attention("coord", 576).reduce.out_channels == 18
    assert attention("coord", 96, least=1).reduce.out_channels == 3
    gate = attention("coord", gate="hsigmoid").gate
    assert torch.equal(gate(torch.tensor([-3.0, 0.0, 3.0])), torch.tensor([0.0, 0.5, 1.0]))


def test_a_gate_must_be_one():
    with pytest.raises(InvalidArchitecture, match=r"'relu' is not allowed") as caught:
        blocks.resolve("mbconv", {"attention": {"cbam": {"gate": "relu"}}})
    assert caught.value.path == "attention.cbam.gate"


@pytest.mark.parametrize("kind", blocks.part_names("attention"))
@pytest.mark.parametrize("host", HOSTS)
def test_every_attention_works_in_every_block_that_takes_one(host, kind):
    example = {**blocks.BLOCKS[host].examples[0], "attention": kind}
    for shape in PYRAMIDS if blocks.BLOCKS[host].takes == "pyramid" else MAPS:
        case = Case(b(host, **example), shape)
        module, x = case.create(), case.input()
        module.train()(x).sum().backward()
        module.eval()
        with torch.no_grad():
            outputs = torch.cat([module(each[None]) for each in x])
            torch.testing.assert_close(module(x), outputs, rtol=1e-4, atol=1e-5)
            with torch.autocast("cpu", torch.bfloat16):
                assert module(x).isfinite().all()
        assert module.out_shape(outputs).tensor(3) == outputs.shape


def test_every_convolutional_block_takes_one():
    convolutional = {
        name
        for name in blocks.names()
        for case in example_cases(name)
        if any(isinstance(module, torch.nn.Conv2d) for module in case.create().modules())
    }
    assert convolutional >= {"bot", "cell", "conv_ffn", "mobilevit", "multi_scale_dense", "pyramid", "pyramid_conv"}
    assert convolutional - set(HOSTS) == MIXING


class Shut(torch.nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


@pytest.mark.parametrize(
    ("host", "shape", "left"),
    [
        ("bot", MAPS[0], lambda module, x: module.shortcut(x).relu()),
        ("conv_ffn", MAPS[0], lambda module, x: x),
        ("mobilevit", MAPS[0], lambda module, x: torch.zeros_like(x)),
        ("cell", MAPS[0], lambda module, x: torch.zeros_like(x)),
        ("pyramid", MAPS[0], lambda module, x: (x, torch.zeros(3, 32, 4, 4))),
        ("pyramid_conv", PYRAMIDS[0], lambda module, x: tuple(map(torch.zeros_like, x))),
        ("multi_scale_dense", PYRAMIDS[0], lambda module, x: tuple(F.pad(each, (0, 0, 0, 0, 0, 8)) for each in x)),
    ],
)
def test_what_a_shut_attention_leaves_of_a_block(host, shape, left):
    """The shortcut, what came, or nothing: so attention acts on the branch, on what is new, or on the output."""
    fields = {**blocks.BLOCKS[host].examples[0], "attention": "se"} | ({"factors": [1, 1]} if "dense" in host else {})
    module = blocks.create(b(host, **({"factors": [2], "attention": "se"} if host == "pyramid" else fields)), shape)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ == "SqueezeExcite":
                setattr(parent, name, Shut())
    x = torch.randn(shape.tensor(3)) if isinstance(shape, MapShape) else tuple(
        torch.randn(each.tensor(3)) for each in shape.maps
    )  # fmt: skip
    torch.testing.assert_close(module(x), left(module, x))


@pytest.mark.parametrize("host", ["bot", "cell", "conv_ffn", "mobilevit", "multi_scale_dense", "pyramid"])
def test_a_block_without_one_is_named_as_before_it_took_one(host):
    example = {key: value for key, value in blocks.BLOCKS[host].examples[0].items() if key != "attention"}
    plain = b(host, **example)
    assert "attention" not in plain.canonical
    assert b(host, **example, attention="none") == plain
    assert '"attention":{"@se"' in b(host, **example, attention="se").canonical


def test_attention_stands_where_it_is_told():
    end = blocks.create(b("bottleneck", 64, 2, attention="se"), MapShape(16, 8, 8))
    spatial = blocks.create(
        b("bottleneck", 64, 2, attention={"se": {"of": "input", "ratio": 0.25}}, attention_at="spatial", ratio=0.5),
        MapShape(16, 8, 8),
    )
    assert (end.attention.reduce.in_channels, end.attention.reduce.out_channels) == (64, 4)
    assert (spatial.attention.reduce.in_channels, spatial.attention.reduce.out_channels) == (32, 4)
    x = torch.randn(2, 16, 8, 8)
    first, middle, last = spatial.units
    branch = last(spatial.attention(middle(first(x))))
    torch.testing.assert_close(spatial(x), (spatial.shortcut(x) + branch).relu())


@pytest.mark.parametrize("kind", ["cbam", "coord"])
def test_it_exports(kind):
    module, x = attention(kind), torch.randn(2, 32, 7, 9)
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x))
