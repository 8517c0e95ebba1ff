"""Scaling: every network of the zoo, to networks that can be built and have the numbers that the rules give."""

from __future__ import annotations

from functools import cache
from itertools import groupby

import pytest
import torch

from nas.build import build
from nas.errors import InvalidArchitecture, NasError
from nas.files import shipped
from nas.scale import Factors, compound, fast, rounding, scale, scale_along_line, single
from nas.space import load_network
from nas.study.spaces import catalogue

ZOO = shipped("search_spaces") / "zoo"
NAMES = sorted(path.stem for path in ZOO.glob("*.yaml"))
BOTH = Factors(depth=1.2, width=1.25, resolution=1.15)


@cache
def zoo(name, **given):
    return load_network(ZOO / f"{name}.yaml", catalogue(), roots=[shipped("search_spaces")], **given)


def network(stages, resolution=32, head=("pool", "classifier"), **rest):
    tree = {
        "nas": 1, "name": "net", "input": {"resolution": resolution}, "classes": 10,
        "stem": [{"conv": {"out": 16, "stride": 2}}], "stages": stages, "head": list(head), **rest,
    }  # fmt: skip
    return load_network(tree, catalogue())


def layers(plan, *types):
    """Type, channels and stride of the blocks of these types, in order."""
    return [(s.block.type, s.out_shape.channels, s.block.stride) for s in plan.steps if s.block.type in types]


def fields(plan, block, *names):
    return [tuple(step.block.fields[name] for name in names) for step in plan.steps if step.block.type == block]


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_the_zoo_can_be_scaled_and_stays_itself_at_factors_of_one(name):
    plan = zoo(name)
    assert scale(plan, Factors(), catalogue()).arch_id == plan.arch_id
    factors = BOTH if name != "lenet5" else Factors(width=1.5)
    scaled = scale(plan, factors, catalogue(), rules="fast")
    before, after = catalogue().plan(plan), catalogue().plan(scaled)
    assert after.params > before.params
    # Small numbers of layers, heads and windows round far, and heads of classes do not grow.
    assert 0.6 < after.macs / before.macs / factors.macs < 1.8
    assert scaled.steps[-1].out_shape == plan.steps[-1].out_shape
    assert [span.name for span in scaled.spans] == [span.name for span in plan.spans]


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v3_small", "swin_tiny", "regnet_x_004", "vit_tiny_16"])
def test_one_dimension_changes_that_one_only(name):
    plan = zoo(name)
    for dimension in ("depth", "width", "resolution"):
        scaled = scale(plan, single(dimension, 2.25), catalogue(), rules="fast")
        changed = {
            "depth": len(scaled.steps) != len(plan.steps),
            "width": {s.out_shape.channels for s in scaled.steps} != {s.out_shape.channels for s in plan.steps},
            "resolution": scaled.input != plan.input,
        }
        assert [key for key, value in changed.items() if value] == [dimension]


def test_what_takes_channels_away_is_not_repeated():
    plan = zoo("msdnet_step4")
    deeper = scale(plan, Factors(depth=1.5), catalogue())
    assert len(layers(deeper, "pyramid_conv")) == len(layers(plan, "pyramid_conv")) == 3
    assert len(layers(deeper, "multi_scale_dense")) > len(layers(plan, "multi_scale_dense"))


@pytest.mark.parametrize("rules", ["efficientnet", "fast", "nearest"])
@pytest.mark.parametrize("width", [0.25, 0.7, 0.909, 1.1, 1.25, 2.0])
def test_heads_go_on_dividing_a_bottleneck(rules, width):
    scaled = scale(zoo("botnet50"), Factors(width=width), catalogue(), rules=rules)
    wanted = 4 * width
    assert all(abs(heads - wanted) <= max(1.0, wanted / 2) for (heads,) in fields(scaled, "bot", "heads"))


def test_a_scaled_network_runs():
    plan = scale(zoo("mobilevit_xxs", classes=5), compound(1), catalogue())
    size = plan.input.height
    with torch.no_grad():
        assert build(plan, seed=0).eval()(torch.zeros(1, 3, size, size)).shape == (1, 5)


def test_repeated_blocks_follow_the_first_which_keeps_stride_and_change_of_width():
    plan = network(
        [
            {"name": "s1", "out": 24, "stride": 2, "block": "mbconv"},
            {"name": "s2", "out": 24, "repeat": 2, "block": "mbconv"},
        ]
    )
    scaled = scale(plan, Factors(depth=2.5), catalogue())
    assert layers(scaled, "mbconv") == [("mbconv", 24, 2), *[("mbconv", 24, 1)] * 7]
    assert [span.stop - span.start for span in scaled.spans if span.name in ("s1", "s2")] == [3, 5]


def test_a_stage_of_different_blocks_keeps_their_order():
    block = {"mbconv": {"kernel": {"each": [3, 5, 7]}}}
    plan = network([{"name": "s1", "repeat": 3, "block": block, "out": 16}])

    def kernels(depth):
        return [kernel for (kernel,) in fields(scale(plan, Factors(depth=depth), catalogue()), "mbconv", "kernel")]

    assert kernels(5 / 3) == [3, 3, 5, 5, 7]
    assert kernels(2) == [3, 3, 5, 5, 7, 7]
    assert kernels(2 / 3) == [3, 5]


def test_units_of_several_blocks_are_repeated_as_units():
    def shifts(plan):
        return [mixer.fields["shift"] > 0 for (mixer,) in fields(plan, "transformer", "mixer")]

    scaled = scale(zoo("swin_tiny"), Factors(depth=1.5), catalogue())
    assert shifts(scaled) == [False, True] * (len(shifts(scaled)) // 2)
    assert len(shifts(scaled)) == 2 * (2 + 2 + 5 + 2)
    maxvit = scale(zoo("maxvit_tiny"), Factors(depth=2), catalogue())
    assert [t for t, *_ in layers(maxvit, "mbconv", "transformer")] == ["mbconv", "transformer", "transformer"] * 22


def test_separable_convolutions_stay_depthwise():
    scaled = scale(zoo("mobilenet_v1"), Factors(depth=2, width=1.5), catalogue())
    groups = [
        (step.block.fields["groups"], step.in_shape.channels) for step in scaled.steps if step.block.type == "conv"
    ]
    assert all(g in (1, channels) for g, channels in groups)
    assert sum(g == channels for g, channels in groups) == 26


def test_heads_keep_their_width():
    def widths(plan):
        blocks = [step for step in plan.steps if step.block.type == "transformer"]
        return {step.out_shape.channels // step.block.fields["heads"] for step in blocks}

    for name in ("vit_tiny_16", "swin_tiny", "cswin_tiny"):
        plan, scaled = zoo(name), scale(zoo(name), Factors(width=1.5), catalogue())
        assert widths(scaled) == widths(plan)
        assert len(scaled.steps) == len(plan.steps)


def test_groups_keep_their_width_or_grow_with_it():
    plan = zoo("regnet_x_016")  # groups of 24

    def width(plan):
        blocks = [step for step in plan.steps if step.block.type == "bottleneck"]
        return {step.out_shape.channels // step.block.fields["groups"] for step in blocks}

    assert width(plan) == {24}
    assert width(scale(plan, Factors(width=1.5), catalogue())) == {24}
    assert width(scale(plan, Factors(width=1.5, group_width=1.5), catalogue(), rules="fast")) == {40}


def test_windows_grow_with_the_image():
    scaled = scale(zoo("swin_tiny"), Factors(resolution=1.15), catalogue())
    assert scaled.input.height == 256
    mixers = [mixer.fields for (mixer,) in fields(scaled, "transformer", "mixer")]
    assert {(each["size"], each["shift"]) for each in mixers} == {(8, 0), (8, 4)}
    assert scale(zoo("swin_tiny"), Factors(), catalogue(), side=288).input.height == 288
    with pytest.raises(InvalidArchitecture, match=r"250 pixels do not suit .*, the nearest that fit are 224 and 256"):
        scale(zoo("swin_tiny"), Factors(), catalogue(), side=250)


def test_patches_divide_the_scaled_image():
    assert scale(zoo("vit_tiny_16"), Factors(resolution=1.15), catalogue()).input.height == 256
    assert (
        scale(zoo("mobilevit_xs"), Factors(resolution=1.15), catalogue()).input.height == 320
    )  # 288 has 9 x 9 at last


def test_layers_inside_a_block_are_counted_there():
    plan = zoo("mobilevit_s")
    assert fields(plan, "mobilevit", "depth") == [(2,), (4,), (3,)]
    assert fields(scale(plan, Factors(depth=1.5), catalogue()), "mobilevit", "depth") == [(3,), (6,), (5,)]


def test_segments_may_keep_their_width_and_depth():
    ends, outer = frozenset({"stem", "head"}), frozenset({"s1"})
    scaled = scale(zoo("efficientnet_b0"), Factors(2.0, 2.0, fixed_width=ends, fixed_depth=outer), catalogue())
    assert layers(scaled, "conv") == [("conv", 32, 2), ("conv", 1280, 1)]
    counts = {span.name: span.stop - span.start for span in scaled.spans}
    assert (counts["s1"], counts["s2"], counts["s6"]) == (1, 4, 8)


def test_exits_stay_where_they_are():
    scaled = scale(zoo("msdnet_step4"), Factors(depth=2), catalogue())
    assert len(scaled.exits) == len(zoo("msdnet_step4").exits)


def test_what_would_vanish_is_refused():
    with pytest.raises(InvalidArchitecture, match=r"at least one channel, but 16 times 0\.05 is 0\.8; scale less"):
        scale(zoo("efficientnet_b0"), Factors(width=0.05), catalogue())
    with pytest.raises(
        InvalidArchitecture, match=r"at least one layer, but the deepest has 4, and 4 times 0\.1 is 0\.4"
    ):
        scale(zoo("efficientnet_b0"), Factors(depth=0.1), catalogue())
    with pytest.raises(InvalidArchitecture, match=r"at least one pixel, but 224 times 0\.001 is 0\.224"):
        scale(zoo("efficientnet_b0"), Factors(resolution=0.001), catalogue())
    with pytest.raises(InvalidArchitecture, match="lenet5 has no block that could be repeated"):
        scale(zoo("lenet5"), compound(1), catalogue())
    assert scale(zoo("lenet5"), single("width", 4), catalogue()).steps[0].out_shape.channels == 16


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf")])
def test_factors_are_positive_numbers(bad):
    with pytest.raises(NasError, match="the factor of group width must be a positive number"):
        Factors(group_width=bad)
    with pytest.raises(NasError, match="must be a positive number"):
        fast(bad)


def test_fast_scaling_lets_activations_grow_least():
    s = 4.0
    chosen = fast(s)
    assert chosen.macs == pytest.approx(s)
    assert chosen.depth * chosen.width * chosen.resolution**2 == pytest.approx(s**0.6)  # elements written
    assert fast(s, 1).width == pytest.approx(2)
    uniform = fast(s, 1 / 3)
    assert uniform.depth == pytest.approx(uniform.width**2)
    plan = zoo("efficientnet_b0")
    grown = {
        name: catalogue().plan(scale(plan, factors, catalogue(), rules="fast")).activations
        for name, factors in (("fast", chosen), ("depth", single("depth", s)), ("compound", compound(2)))
    }
    assert grown["fast"] < min(grown["depth"], grown["compound"])


def test_the_rounding_rules():
    efficientnet, quick, nearest = rounding("efficientnet"), rounding("fast"), rounding("nearest")
    assert [efficientnet.width(value, 8) for value in (3.0, 12.0, 18.9, 19.2, 26.4, 123.2)] == [8, 16, 24, 24, 24, 120]
    assert [efficientnet.depth(value) for value in (1.1, 2.0, 0.2 * 15, 4.4)] == [2, 2, 3, 5]
    assert [quick.group_width(value) for value in (1.4, 2.0, 4.9, 11.0, 13.0)] == [1, 2, 4, 8, 16]
    assert [quick.side(value) for value in (257.6, 258.0)] == [256, 260]
    assert [nearest.width(value, 1) for value in (0.4, 6.6)] == [1, 7]
    with pytest.raises(NasError, match="no rounding is called 'round'"):
        rounding("round")


def stages_of(plan):
    widths = [step.out_shape.channels for step in plan.steps if step.block.type == "bottleneck"]
    return [(width, len(list(group))) for width, group in groupby(widths)]


def test_the_quantised_line_keeps_stages_and_their_shape():
    plan = zoo("regnet_x_016")
    assert stages_of(plan) == [(72, 2), (168, 4), (408, 10), (912, 2)]
    near = scale_along_line(plan, Factors(depth=1.0001), catalogue(), rules="fast")
    assert near.arch_id == plan.arch_id
    wide = stages_of(scale_along_line(plan, Factors(depth=1.25, width=1.5), catalogue(), rules="fast"))
    assert sum(count for _, count in wide) == 23  # 22.5
    assert [width for width, _ in wide] == pytest.approx([108, 252, 612, 1368], rel=0.15)
    with pytest.raises(InvalidArchitecture, match="each wider than the one before, but vit_tiny_16 has 192"):
        scale_along_line(zoo("vit_tiny_16"), Factors(depth=2), catalogue())
    with pytest.raises(InvalidArchitecture, match="those of efficientnet_b0 are off by"):
        scale_along_line(zoo("efficientnet_b0"), Factors(depth=2), catalogue())


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        (Factors(depth=1e6), "a stage must have at most 1,000 layers, but 2 times 1e.06 is 2e.06; scale less"),
        (Factors(width=1e12), "a width must be at most 1,000,000 channels, but 64 times 1e.12 is 6.4e.13; scale less"),
        (
            Factors(resolution=1e9),
            "a side must have at most 100,000 pixels, but 224 times 1e.09 is 2.24e.11; scale less",
        ),
    ],
)
def test_nothing_grows_beyond_what_the_language_takes(factors, words):
    with pytest.raises(InvalidArchitecture, match=words):
        scale(zoo("resnet18"), factors, catalogue())
