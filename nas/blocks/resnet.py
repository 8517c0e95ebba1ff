"""The two residual blocks of ResNet, with what ResNeXt, SE-ResNet, ResNet-D, ResNet v2 and NAS-Bench-201 changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, ConvUnit, Order, as_map


class Shortcut(nn.Module):
    """The input in the shape of the branch: as it is where it fits, else projected by a 1x1 convolution without bias.

    `pool` takes the mean over stride x stride pixels before the convolution instead of skipping pixels (ResNet-D, He et
    al., 2019; NAS-Bench-201, 2020); at an odd border the window is cut.
    """

    def __init__(self, channels: int, out: int, stride: int, kind: Literal["conv", "pool"], norm: Part) -> None:
        super().__init__()
        self.pool = stride if kind == "pool" else 1
        self.project: ConvUnit | None = None
        if stride != 1 or out != channels:
            self.project = ConvUnit(channels, out, 1, stride=stride // self.pool, norm=norm, act=NONE, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.project is None:
            return x
        if self.pool > 1:
            x = F.avg_pool2d(x, self.pool, ceil_mode=True, count_include_pad=False)
        return self.project(x)


class ResNetBlock(ResidualBlock):
    """Base of both: units of convolution, norm and activation in a row, attention, the sum with the shortcut.

    In the order `conv_norm_act` (He et al., 2016a) the last activation comes after the sum; in the others none does.
    """

    takes = "map"

    class Config(base.Config):
        """What both have."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the spatial kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: AttentionPart = Field(Part("none"), description="attention on the branch before the sum")
        shortcut: Literal["conv", "pool"] = Field(
            "conv",
            description="projection where shapes differ: 1x1 convolution with the stride, or mean pooling before it",
        )
        shortcut_norm: NormPart = Field(
            default_factory=lambda data: data["norm"], description="normalisation of the projection; null: as norm"
        )
        order: Order = Field("conv_norm_act", description="what comes first in a unit; norm_act_conv is ResNet v2")

    def assemble(
        self, config: ResNetBlock.Config, units: Sequence[ConvUnit], channels: int, out: int, stride: int
    ) -> None:
        """Keeps what a subclass made its branch of."""
        self.units = nn.ModuleList(units)
        self.attention = make("attention", config.attention, out, channels)
        self.shortcut = Shortcut(channels, out, stride, config.shortcut, config.shortcut_norm)
        self.act = make("act", config.act if config.order == "conv_norm_act" else NONE)
        self.ends_with_norm = config.order != "norm_act_conv"

    def forward(self, x: Tensor) -> Tensor:
        branch = x
        for unit in self.units:
            branch = unit(branch)
        return self.act(self.add(self.shortcut(x), self.attention(branch)))

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
        norm, act, order, kernel = config.norm, config.act, config.order, config.kernel
        last = NONE if order == "conv_norm_act" else act
        first = ConvUnit(channels, out, kernel, stride=stride, norm=norm, act=act, order=order)
        second = ConvUnit(out, out, kernel, norm=norm, act=last, order=order)
        self.assemble(config, (first, second), channels, out, stride)


class Bottleneck(ResNetBlock):
    """ResNet's bottleneck: 1x1 to the inner width, kxk, 1x1 to `out` (He et al., 2016); (C, H, W) to (out, H', W').

    The inner width is out * ratio, rounded to the nearest whole number. ResNeXt-50 32x4d (Xie et al., 2017) is
    `ratio: 0.5, groups: 32`, SE-ResNet (Hu et al., 2018) `attention: se`. The stride sits in the kxk convolution, as in
    torchvision; the paper has it in the first 1x1.
    """

    examples = ({}, {"ratio": 0.5, "groups": 4})

    class Config(ResNetBlock.Config):
        """A bottleneck."""

        ratio: float = Field(0.25, ge=0.001, le=16, description="inner channels / output channels")
        groups: int = Field(1, ge=1, description="groups of the kxk convolution")
        stride_at: Literal["reduce", "spatial"] = Field(
            "spatial", description="which convolution carries the stride: the first 1x1 or the kxk"
        )

    def __init__(self, config: Bottleneck.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        inner = whole(out * config.ratio)
        norm, act, order = config.norm, config.act, config.order
        at_first = stride if config.stride_at == "reduce" else 1
        last = NONE if order == "conv_norm_act" else act
        units = (
            ConvUnit(channels, inner, 1, stride=at_first, norm=norm, act=act, order=order),
            ConvUnit(
                inner,
                inner,
                config.kernel,
                stride=stride // at_first,
                groups=config.groups,
                norm=norm,
                act=act,
                order=order,
            ),
            ConvUnit(inner, out, 1, norm=norm, act=last, order=order),
        )
        self.assemble(config, units, channels, out, stride)
