"""The two residual blocks of ResNet, with what ResNeXt, SE-ResNet, ResNet-D, ResNet v2 and NAS-Bench-201 changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, SharedPart
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, ConvPart, GatePart, GroupCount, NormPart, OddInt
from nas.blocks.gate import gating
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, PLAIN, ConvUnit, Order, as_map


class Shortcut(nn.Module):
    """The input in the shape of the branch: as it is where it fits, else projected by a 1x1 convolution without bias.

    `pool` takes the mean over stride x stride pixels before the convolution instead of skipping pixels (ResNet-D, He et
    al., 2019; NAS-Bench-201, 2020); at an odd border the window is cut.
    """

    def __init__(
        self, channels: int, out: int, stride: int, kind: Literal["conv", "pool"], norm: Part, conv: Part = PLAIN
    ) -> None:
        super().__init__()
        self.pool = stride if kind == "pool" else 1
        self.project: ConvUnit | None = None
        if stride != 1 or out != channels:
            self.project = ConvUnit(
                channels, out, 1, stride=stride // self.pool, norm=norm, act=NONE, bias=False, conv=conv
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.project is None:
            return x
        if self.pool > 1:
            x = F.avg_pool2d(x, self.pool, ceil_mode=True, count_include_pad=False)
        return self.project(x)


class ResNetBlock(ResidualBlock):
    """Base of both: units of convolution, norm and activation in a row, attention, the sum with the shortcut.

    In the order `conv_norm_act` (He et al., 2016a) the last activation comes after the sum; in the others none does.
    With a recurrent `gate` (SkipNet, Wang et al., 2018) an image may skip the block: it keeps the shortcut, projected
    where shapes differ, without the activation.
    """

    takes = "map"

    class Config(base.Config):
        """What both have."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the spatial kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: AttentionPart = Field(Part("none"), description="attention on the branch")
        shortcut: Literal["conv", "pool"] = Field(
            "conv",
            description="projection where shapes differ: 1x1 convolution with the stride, or mean pooling before it",
        )
        shortcut_norm: NormPart = Field(
            default_factory=lambda data: data["norm"], description="normalisation of the projection; null: as norm"
        )
        order: Order = Field("conv_norm_act", description="what comes first in a unit; norm_act_conv is ResNet v2")
        conv: ConvPart = Field(PLAIN, description="kind of the convolutions, the projection's too")
        gate: GatePart = Field(NONE, description="shared part that decides which image skips which block (SkipNet)")

    def assemble(
        self,
        config: ResNetBlock.Config,
        units: Sequence[ConvUnit],
        channels: int,
        out: int,
        stride: int,
        attention_at: int = -1,
    ) -> None:
        """Keeps what a subclass made its branch of; attention stands behind the unit of that index."""
        self.units = nn.ModuleList(units)
        self.attends = range(len(units))[attention_at]
        self.attention = make("attention", config.attention, units[attention_at].conv.out_channels, channels)
        self.shortcut = Shortcut(channels, out, stride, config.shortcut, config.shortcut_norm, config.conv)
        self.act = make("act", config.act if config.order == "conv_norm_act" else NONE)
        self.ends_with_norm = config.order != "norm_act_conv"
        self.gating = gating(config.gate, out)
        self.side = config.gate.name if isinstance(config.gate, SharedPart) else None

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Where there is a gate, the output and its new state; an image that skips the block keeps its shortcut."""
        if self.gating is None:
            return self.run(x)
        y = self.gating.choose(state, partial(self.run, x), partial(self.shortcut, x))
        return y, self.gating(y, state)

    def run(self, x: Tensor) -> Tensor:
        """The block itself."""
        branch = x
        for index, unit in enumerate(self.units):
            branch = unit(branch)
            if index == self.attends:
                branch = self.attention(branch)
        return self.act(self.add(self.shortcut(x), branch))

    def last_norm(self) -> nn.Module | None:
        last = self.units[-1]
        assert isinstance(last, ConvUnit)
        return last.norm if self.ends_with_norm else None


class Basic(ResNetBlock):
    """ResNet's basic block: two 3x3 convolutions (He et al., 2016); (C, H, W) to (out, H', W').

    NAS-Bench-201's reduction is `order: act_conv_norm, shortcut: pool, shortcut_norm: none`. Unlike in ResNet v2's
    paper, the projection reads the input itself in every order.
    """

    class Config(ResNetBlock.Config):
        """A basic block."""

    def __init__(self, config: Basic.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        act, order, kernel = config.act, config.order, config.kernel
        last = NONE if order == "conv_norm_act" else act
        unit = partial(ConvUnit, norm=config.norm, order=order, conv=config.conv)
        first = unit(channels, out, kernel, stride=stride, act=act)
        second = unit(out, out, kernel, act=last)
        self.assemble(config, (first, second), channels, out, stride)


class Bottleneck(ResNetBlock):
    """ResNet's bottleneck: 1x1 to the inner width, kxk, 1x1 to `out` (He et al., 2016); (C, H, W) to (out, H', W').

    The inner width is out * ratio, rounded to the nearest whole number. ResNeXt-50 32x4d (Xie et al., 2017) is
    `ratio: 0.5, groups: 32`, SE-ResNet (Hu et al., 2018) `attention: se`, RegNetY (Radosavovic et al., 2020) `ratio: 1,
    attention_at: spatial` with an SE of the input's channels. The stride sits in the kxk convolution, as in
    torchvision; the paper has it in the first 1x1.
    """

    examples = ({}, {"ratio": 0.5, "groups": 4})

    class Config(ResNetBlock.Config):
        """A bottleneck."""

        ratio: float = Field(0.25, ge=0.001, le=16, description="inner channels / output channels")
        groups: GroupCount = Field(1, ge=1, description="groups of the kxk convolution")
        stride_at: Literal["reduce", "spatial"] = Field(
            "spatial", description="which convolution carries the stride: the first 1x1 or the kxk"
        )
        attention_at: Literal["end", "spatial"] = Field(
            "end", description="where attention stands: before the sum, or behind the kxk convolution (RegNetY)"
        )

    def __init__(self, config: Bottleneck.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        inner = whole(out * config.ratio)
        act, order = config.act, config.order
        at_first = stride if config.stride_at == "reduce" else 1
        last = NONE if order == "conv_norm_act" else act
        unit = partial(ConvUnit, norm=config.norm, order=order, conv=config.conv)
        units = (
            unit(channels, inner, 1, stride=at_first, act=act),
            unit(inner, inner, config.kernel, stride=stride // at_first, groups=config.groups, act=act),
            unit(inner, out, 1, act=last),
        )
        self.assemble(config, units, channels, out, stride, 1 if config.attention_at == "spatial" else -1)
