"""What single blocks and parts compute, beyond the contract."""

import math

import pytest
import torch
import torch.nn.functional as F
from known_networks import b

from nas import blocks
from nas.arch import Block, MapShape, Part, TokenShape, VectorShape
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock, drop_path
from nas.blocks.rounding import round8, whole
from nas.errors import InvalidArchitecture

MAP = MapShape(16, 8, 8)


def create(block, shape):
    torch.manual_seed(0)
    return blocks.create(block, shape)


def test_widths_round_as_published():
    assert [round8(width) for width in (1, 12, 18, 20, 32 * 1.1, 88.08, 112 * 1.4)] == [8, 16, 24, 24, 32, 88, 160]
    assert [whole(width) for width in (0.2, 80 * 2.3, 24 * (88 / 24))] == [1, 184, 88]


def test_mbconv_expands_only_where_the_hidden_width_differs():
    hidden = {expand: create(b("mbconv", expand=expand), MAP).project.conv.in_channels for expand in (1, 1.01, 2.3, 6)}
    assert hidden == {1: 16, 1.01: 16, 2.3: 37, 6: 96}
    assert not list(create(b("mbconv", expand=1.01), MAP).expand.parameters())


@pytest.mark.parametrize("type", ["mbconv", "fused_mbconv"])
def test_the_input_is_added_only_where_shapes_agree(type):
    assert create(b(type), MAP).residual
    assert create(b(type, 16), MAP).residual
    assert not create(b(type, 24), MAP).residual
    assert not create(b(type, 16, 2), MAP).residual


def test_bottleneck_strides_where_it_is_told():
    for at, strides in (("spatial", [1, 2, 1]), ("reduce", [2, 1, 1])):
        module = create(b("bottleneck", 32, 2, stride_at=at), MAP)
        assert [unit.conv.stride[0] for unit in module.units] == strides


@pytest.mark.parametrize(("stride", "side"), [(2, 4), (3, 3)])
@pytest.mark.parametrize("shortcut", ["conv", "pool"])
def test_a_shortcut_fits_its_branch_at_any_size(stride, side, shortcut):
    for size in (8, 7):
        output = create(b("basic", 24, stride, shortcut=shortcut), MapShape(16, size, size))(
            torch.randn(2, 16, size, size)
        )
        assert output.shape == (2, 24, side, side)


def test_se_squeezes_as_published():
    def squeezed(**fields):
        return make(
            "attention", blocks.resolve("mbconv", {"attention": {"se": fields}})["attention"], 72, 24
        ).reduce.out_channels

    assert squeezed() == 4  # 72 / 16, rounded down
    assert squeezed(of="input", ratio=0.25) == 6  # EfficientNet
    assert squeezed(ratio=0.25, round=True) == 24  # MobileNetV3: 18 would be rounded to 16, below 0.9 of it
    assert squeezed(ratio=0.001) == 1


def test_eca_takes_its_kernel_from_the_channels():
    kernels = {
        channels: make("attention", Part("eca"), channels, 0).conv.kernel_size[0] for channels in (16, 64, 256, 512)
    }
    assert kernels == {16: 3, 64: 3, 256: 5, 512: 5}


def test_softmax_mixer_is_multi_head_attention():
    mixer = make("mixer", Part("softmax"), TokenShape(5, 8), 2).eval()
    ours = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        mixer.qkv_bias.normal_()
        ours.in_proj_weight.copy_(mixer.qkv_weight.flatten(0, 1))
        ours.in_proj_bias.copy_(mixer.qkv_bias.flatten())
        ours.out_proj.load_state_dict(mixer.project.state_dict())
        x = torch.randn(3, 5, 8)
        torch.testing.assert_close(mixer(x), ours(x, x, x, need_weights=False)[0])


def test_norms_agree_on_maps_tokens_and_vectors():
    x = torch.randn(4, 16, 3, 5)
    tokens = x.flatten(2).transpose(1, 2)
    for kind in ("batch", "layer", "group"):
        norm = make("norm", Part(kind), 16)
        torch.testing.assert_close(norm(tokens), norm(x).flatten(2).transpose(1, 2))
    norm = make("norm", Part("batch"), 16)
    torch.testing.assert_close(norm(x[:, :, 0, 0]), F.batch_norm(x[:, :, 0, 0], None, None, training=True))


def test_a_classifier_of_two_vectors_averages_in_evaluation_and_returns_both_in_training():
    module = create(b("classifier", 10), VectorShape(16, 2))
    x = torch.randn(3, 2, 16)
    assert module.train()(x).shape == (3, 2, 10)
    torch.testing.assert_close(module(x).mean(1), module.eval()(x))


def test_dropout_acts_in_training_only():
    module = create(b("classifier", 10, bias=False), VectorShape(16))
    module.dropout = 0.5
    x = torch.ones(1, 16)
    assert not torch.equal(module.train()(x), module(x))
    assert torch.equal(module.eval()(x), module(x))


def test_drop_path_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = drop_path(torch.ones(20_000, 2), 0.25, training=True)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)  # a standard error of 0.004
    assert torch.equal(drop_path(dropped, 0.25, training=False), dropped)


@pytest.mark.parametrize("name", [name for name in blocks.names() if issubclass(blocks.BLOCKS[name], ResidualBlock)])
def test_a_zeroed_branch_leaves_the_input(name):
    shape = TokenShape(16, 16, (4, 4)) if blocks.BLOCKS[name].takes == "tokens" else MAP
    module = create(Block(name, blocks.resolve(name, blocks.BLOCKS[name].examples[0])), shape).train()
    module.drop_path = 1 - 1e-9  # every image skips its branch
    x = torch.randn(shape.tensor(4)).relu()
    torch.testing.assert_close(module(x), x)
    if module.last_norm() is not None:
        module.drop_path = 0.0
        module.zero_branch()
        torch.testing.assert_close(module(x), x)


def test_pool_reads_the_grid_and_the_tokens():
    shape = TokenShape(6, 4, (2, 2), ("class", "distill"))
    x = torch.randn(2, 6, 4)
    output = create(b("pool", read=["distill", "mean", "class", "max"]), shape)(x)
    expected = (x[:, 1], x[:, 2:].mean(1), x[:, 0], x[:, 2:].amax(1))
    torch.testing.assert_close(output, torch.stack(expected, 1))
    with pytest.raises(InvalidArchitecture, match="did you mean 'class'"):
        create(b("pool", read="clas"), shape)


def test_extra_tokens_stand_first_and_have_their_own_names():
    module = create(b("extra_tokens", names="class"), TokenShape(4, 8, (2, 2), ()))
    x = torch.randn(3, 4, 8)
    assert module.out_shape(module(x)) == TokenShape(5, 8, (2, 2), ("class",))
    assert torch.equal(module(x)[:, 1:], x)
    for names, shape in ((["a", "a"], ()), (["a"], ("a",)), (["mean"], ())):
        with pytest.raises(InvalidArchitecture, match="name"):
            create(b("extra_tokens", names=names), TokenShape(4 + len(shape), 8, (2, 2), shape))


def test_sincos_positions_are_those_of_rows_and_columns():
    module = create(b("position", kind="sincos"), TokenShape(7, 8, (2, 3), ("class",)))
    table = module.table[0]
    assert not module.table.requires_grad
    assert torch.equal(table[0], torch.zeros(8))
    row, column = 1, 2
    waves = [math.sin(row), math.sin(row / 100), math.cos(row), math.cos(row / 100)]
    waves += [math.sin(column), math.sin(column / 100), math.cos(column), math.cos(column / 100)]
    torch.testing.assert_close(table[1 + 3 * row + column], torch.tensor(waves))
    with pytest.raises(InvalidArchitecture, match="multiple of 4"):
        create(b("position", kind="sincos"), TokenShape(6, 6, (2, 3)))


def test_a_cell_sums_its_edges():
    module = create(b("cell", edges={"0>1": "skip", "0>2": "skip", "1>2": "skip", "1>3": "pool3", "2>3": "skip"}), MAP)
    x = torch.randn(2, 16, 8, 8)
    expected = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) + 2 * x
    torch.testing.assert_close(module(x), expected)
    dead = create(b("cell", edges={"0>1": "conv3", "1>2": "none"}), MAP)
    assert not dead(x).any()
    assert sum(parameter.numel() for parameter in dead.parameters()) == 9 * 16 * 16 + 32


def test_adapters_stand_where_forms_differ():
    tokens, vector = TokenShape(4, 16, (2, 2)), VectorShape(16)

    def types(block, shape):
        return [each.type for each in blocks.adapters(block, shape)]

    assert types(b("transformer", heads=2), MAP) == ["to_tokens"]
    assert types(b("conv"), tokens) == ["to_map"]
    assert types(b("classifier"), MAP) == types(b("linear"), tokens) == ["pool"]
    assert types(b("norm"), tokens) == types(b("conv"), MAP) == types(b("conv"), vector) == []


@pytest.mark.parametrize(
    ("block", "shape", "message"),
    [
        (b("conv", groups=3), MAP, "groups must divide"),
        (b("conv", norm="group"), MapShape(12, 8, 8), "groups must divide the channels, but got 8 groups for 12"),
        (b("conv", kernel=7, padding=0), MapShape(3, 4, 4), "at least as large as the window"),
        (b("transformer", heads=3), TokenShape(4, 16), r"must divide the channels \(16\), but got 3"),
        (b("maxpool", kernel=3, padding=2), MAP, "at most half the kernel"),
        (b("to_map"), TokenShape(4, 16), "must have a grid"),
        (b("to_map"), TokenShape(5, 16, (2, 2), ("class",)), "no extra tokens"),
        (b("pool"), VectorShape(16), "pooled already"),
        (b("conv"), VectorShape(16), "must be a map, but got a vector"),
        (b("convnext", stride=2), MAP, "add a downsample"),
        (b("convnext", 24), MAP, "keeps its channels"),
        (b("linear"), VectorShape(16), "out must be given"),
        (b("flatten", 7), MAP, "out must be 1024"),
    ],
)
def test_what_cannot_be_built_says_why(block, shape, message):
    with pytest.raises(InvalidArchitecture, match=message):
        create(block, shape)
