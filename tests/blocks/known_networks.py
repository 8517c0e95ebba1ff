"""Published networks in terms of the blocks, as lists of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nas import blocks
from nas.arch import Architecture, Block, MapShape, Segment


def b(type: str, out: int | None = None, stride: int = 1, **fields: Any) -> Block:
    return Block(type, blocks.resolve(type, fields), out, stride)


def network(
    name: str, resolution: int, parts: Mapping[str, Iterable[Block]], classes: int = 1000, channels: int = 3
) -> Architecture:
    segments = tuple(Segment(segment, tuple(each)) for segment, each in parts.items())
    return Architecture(name, MapShape(channels, resolution, resolution), classes, segments)


def repeat(type: str, out: int, count: int, stride: int = 1, **fields: Any) -> list[Block]:
    """The first one carries the stride."""
    return [b(type, out, stride if i == 0 else 1, **fields) for i in range(count)]


def resnet(
    name: str, type: str, counts: tuple[int, ...], attentions: tuple[Any, ...] = ("none",) * 4, **fields: Any
) -> Architecture:
    widths = (64, 128, 256, 512) if type == "basic" else (256, 512, 1024, 2048)
    stages = {
        f"s{i + 1}": repeat(type, widths[i], counts[i], 1 if i == 0 else 2, attention=attentions[i], **fields)
        for i in range(4)
    }
    stem = [b("conv", 64, 2, kernel=7), b("maxpool", stride=2)]
    return network(name, 224, {"stem": stem, **stages, "head": [b("pool"), b("classifier")]})


def mobilenet_v2() -> Architecture:
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    stages = {
        f"s{i}": repeat("mbconv", out, count, stride, expand=expand)
        for i, (expand, out, count, stride) in enumerate(rows, 1)
    }
    stem, last = b("conv", 32, 2, act="relu6"), b("conv", 1280, kernel=1, act="relu6")
    return network("mobilenet_v2", 224, {"stem": [stem], **stages, "head": [last, b("pool"), b("classifier")]})


SE_V3 = {"se": {"of": "hidden", "ratio": 0.25, "round": True, "gate": "hsigmoid"}}
NORM_V3 = {"batch": {"eps": 1e-3}}


def _v3(name: str, rows: str, last: int, hidden: int) -> Architecture:
    """Rows of kernel, hidden width, out, se, act, stride as in the paper's Tables 1 and 2."""
    body, channels = [], 16
    for row in rows.strip().splitlines():
        kernel, width, out, se, act, stride = row.split()
        body.append(
            b(
                "mbconv",
                int(out),
                int(stride),
                kernel=int(kernel),
                expand=int(width) / channels,
                attention=SE_V3 if se == "se" else "none",
                act={"re": "relu", "hs": "hswish"}[act],
                norm=NORM_V3,
            )
        )
        channels = int(out)
    head = [b("conv", last, kernel=1, act="hswish", norm=NORM_V3), b("pool"), b("linear", hidden, act="hswish")]
    stem = [b("conv", 16, 2, act="hswish", norm=NORM_V3)]
    return network(name, 224, {"stem": stem, "body": body, "head": [*head, b("classifier")]})


def mobilenet_v3_large() -> Architecture:
    rows = """
        3 16 16 - re 1
        3 64 24 - re 2
        3 72 24 - re 1
        5 72 40 se re 2
        5 120 40 se re 1
        5 120 40 se re 1
        3 240 80 - hs 2
        3 200 80 - hs 1
        3 184 80 - hs 1
        3 184 80 - hs 1
        3 480 112 se hs 1
        3 672 112 se hs 1
        5 672 160 se hs 2
        5 960 160 se hs 1
        5 960 160 se hs 1
    """
    return _v3("mobilenet_v3_large", rows, 960, 1280)


def mobilenet_v3_small() -> Architecture:
    rows = """
        3 16 16 se re 2
        3 72 24 - re 2
        3 88 24 - re 1
        5 96 40 se hs 2
        5 240 40 se hs 1
        5 240 40 se hs 1
        5 120 48 se hs 1
        5 144 48 se hs 1
        5 288 96 se hs 2
        5 576 96 se hs 1
        5 576 96 se hs 1
    """
    return _v3("mobilenet_v3_small", rows, 576, 1024)


SE_EFFICIENTNET = {"se": {"of": "input", "ratio": 0.25, "act": "silu"}}


def efficientnet_b0() -> Architecture:
    rows = (
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    )
    stages = {
        f"s{i}": repeat(
            "mbconv", out, count, stride, expand=expand, kernel=kernel, act="silu", attention=SE_EFFICIENTNET
        )
        for i, (expand, kernel, stride, out, count) in enumerate(rows, 1)
    }
    head = [b("conv", 1280, kernel=1, act="silu"), b("pool"), b("classifier")]
    return network("efficientnet_b0", 224, {"stem": [b("conv", 32, 2, act="silu")], **stages, "head": head})


def efficientnet_v2_s() -> Architecture:
    fused = ((1, 1, 24, 2), (4, 2, 48, 4), (4, 2, 64, 4))
    rows = ((4, 2, 128, 6), (6, 1, 160, 9), (6, 2, 256, 15))
    norm = {"batch": {"eps": 1e-3}}
    stages = {
        f"s{i}": repeat("fused_mbconv", out, count, stride, expand=expand, act="silu", norm=norm)
        for i, (expand, stride, out, count) in enumerate(fused, 1)
    } | {
        f"s{i}": repeat("mbconv", out, count, stride, expand=expand, act="silu", attention=SE_EFFICIENTNET, norm=norm)
        for i, (expand, stride, out, count) in enumerate(rows, 4)
    }
    head = [b("conv", 1280, kernel=1, act="silu", norm=norm), b("pool"), b("classifier")]
    stem = [b("conv", 24, 2, act="silu", norm=norm)]
    return network("efficientnet_v2_s", 384, {"stem": stem, **stages, "head": head})


def convnext(name: str, widths: tuple[int, ...], counts: tuple[int, ...]) -> Architecture:
    plain = {"padding": 0, "norm": "layer", "act": "none", "bias": True}
    parts: dict[str, list[Block]] = {"stem": [b("conv", widths[0], 4, kernel=4, **plain)]}
    for i, (width, count) in enumerate(zip(widths, counts, strict=True)):
        down = [b("conv", width, 2, kernel=2, order="norm_act_conv", **plain)] if i else []
        parts[f"s{i + 1}"] = down + [b("convnext")] * count
    return network(name, 224, parts | {"head": [b("pool"), b("norm"), b("classifier")]})


def vit(name: str, dim: int, heads: int, extra: tuple[str, ...]) -> Architecture:
    patches = b("conv", dim, 16, kernel=16, padding=0, norm="none", act="none")
    stem = [patches, b("extra_tokens", names=extra), b("position")]
    body = [b("transformer", heads=heads)] * 12
    return network(name, 224, {"stem": stem, "body": body, "head": [b("norm"), b("pool", read=extra), b("classifier")]})


def lenet5() -> Architecture:
    def conv(out: int) -> Block:
        return b("conv", out, kernel=5, padding=0, norm="none", act="tanh")

    pool = b("avgpool", stride=2, kernel=2)
    body = [conv(6), pool, conv(16), pool, conv(120)]
    head = [b("flatten"), b("linear", 84, act="tanh"), b("classifier")]
    return network("lenet5", 32, {"body": body, "head": head}, classes=10, channels=1)


OPS = ("none", "skip", "conv1", "conv3", "pool3")
EDGES = ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")


def nasbench201(ops: str, classes: int = 10) -> Architecture:
    """`ops` has a digit for each edge, in the order of `EDGES`, counting through `OPS`."""
    cell = b("cell", edges={edge: OPS[int(op)] for edge, op in zip(EDGES, ops, strict=True)})
    reduction = {"order": "act_conv_norm", "shortcut": "pool", "shortcut_norm": "none"}
    parts = {
        "stem": [b("conv", 16, act="none")],
        "s1": [cell] * 5,
        "s2": [b("basic", 32, 2, **reduction)] + [cell] * 5,
        "s3": [b("basic", 64, 2, **reduction)] + [cell] * 5,
        "head": [b("norm", kind="batch", act="relu"), b("pool"), b("classifier")],
    }
    return network(f"nasbench201_{ops}", 32, parts, classes=classes)


NETWORKS: dict[str, Architecture] = {
    each.name: each
    for each in (
        resnet("resnet18", "basic", (2, 2, 2, 2)),
        resnet("resnet50", "bottleneck", (3, 4, 6, 3)),
        resnet("resnext50_32x4d", "bottleneck", (3, 4, 6, 3), ratio=0.5, groups=32),
        resnet("se_resnet50", "bottleneck", (3, 4, 6, 3), ("se",) * 4),
        resnet("eca_resnet50", "bottleneck", (3, 4, 6, 3), tuple({"eca": {"kernel": k}} for k in (3, 5, 5, 7))),
        mobilenet_v2(),
        mobilenet_v3_large(),
        mobilenet_v3_small(),
        efficientnet_b0(),
        efficientnet_v2_s(),
        convnext("convnext_atto", (40, 80, 160, 320), (2, 2, 6, 2)),
        convnext("convnext_tiny", (96, 192, 384, 768), (3, 3, 9, 3)),
        vit("vit_tiny_16", 192, 3, ("class",)),
        vit("vit_base_16", 768, 12, ("class",)),
        vit("deit_tiny_distilled", 192, 3, ("class", "distill")),
        lenet5(),
    )
}
