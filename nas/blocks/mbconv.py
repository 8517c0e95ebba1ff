"""The inverted residual of MobileNetV2, MobileNetV3 and EfficientNet."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, ConvPart, NormPart, OddInt
from nas.blocks.pooled_shortcut import PooledShortcut
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, PLAIN, ConvUnit, as_map


class MBConv(ResidualBlock):
    """1x1 expansion, depthwise convolution, attention, linear 1x1 projection; (C, H, W) to (out, H', W').

    MobileNetV2 (Sandler et al., 2018), V3 (Howard et al., 2019), EfficientNet (Tan and Le, 2019). The hidden width is
    C * expand, rounded to the nearest whole number; where it equals C there is no expansion. The input is added where
    stride is 1 and out is C. Attention acts on the hidden channels after the activation, as in all three codes.

    CoAtNet (Dai et al., 2021) and MaxViT (Tu et al., 2022) normalise the input instead of the projection, take the
    hidden width from `out` and add a pooled input where shapes differ: `pre_norm: true, expand_of: output, shortcut:
    pool, expand: 4, act: gelu`; CoAtNet's stride is `stride_at: expand`.
    """

    takes = "map"
    examples = (
        {},
        {"expand": 1},
        {"kernel": 5, "expand": 2.3, "attention": {"se": {"of": "input", "round": True}}},
        {"expand_of": "output", "pre_norm": True, "shortcut": "pool", "stride_at": "expand"},
    )

    class Config(base.Config):
        """An inverted residual."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the depthwise kernel in pixels, odd")
        expand: float = Field(6.0, ge=0.01, le=64, description="hidden channels / channels of `expand_of`")
        expand_of: Literal["input", "output"] = Field("input", description="whose channels are expanded")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("relu6"), description="activation after expansion and depthwise convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the hidden channels")
        pre_norm: bool = Field(False, description="normalise the input, not the projection, which then has a bias")
        stride_at: Literal["expand", "depthwise"] = Field("depthwise", description="which convolution strides")
        shortcut: Literal["none", "pool"] = Field(
            "none", description="where shapes differ: none, or the mean over stride x stride pixels, projected by 1x1"
        )
        conv: ConvPart = Field(PLAIN, description="kind of the three convolutions")

    def __init__(self, config: MBConv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        hidden = whole((channels if config.expand_of == "input" else out) * config.expand)
        norm, act = config.norm, config.act
        expands = hidden != channels
        at_expand = stride if expands and config.stride_at == "expand" else 1
        self.norm = make("norm", norm if config.pre_norm else NONE, channels)
        unit = partial(ConvUnit, conv=config.conv)
        self.expand = unit(channels, hidden, 1, stride=at_expand, norm=norm, act=act) if expands else nn.Identity()
        self.depthwise = unit(
            hidden, hidden, config.kernel, stride=stride // at_expand, groups=hidden, norm=norm, act=act
        )
        self.attention = make("attention", config.attention, hidden, channels)
        self.project = unit(hidden, out, 1, norm=NONE if config.pre_norm else norm, act=NONE)
        self.residual = (stride == 1 and out == channels) or config.shortcut == "pool"
        self.shortcut = PooledShortcut(channels, out, stride, "mean") if self.residual else None

    def forward(self, x: Tensor) -> Tensor:
        branch = self.project(self.attention(self.depthwise(self.expand(self.norm(x)))))
        return branch if self.shortcut is None else self.add(self.shortcut(x), branch)

    def last_norm(self) -> nn.Module | None:
        return self.project.norm if self.residual else None
