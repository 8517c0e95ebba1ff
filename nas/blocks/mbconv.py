"""The inverted residual of MobileNetV2, MobileNetV3 and EfficientNet."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, ConvUnit, as_map


class MBConv(ResidualBlock):
    """1x1 expansion, depthwise convolution, attention, linear 1x1 projection; (C, H, W) to (out, H', W').

    MobileNetV2 (Sandler et al., 2018), V3 (Howard et al., 2019), EfficientNet (Tan and Le, 2019). The hidden width is
    C * expand, rounded to the nearest whole number; where it equals C there is no expansion. The input is added where
    stride is 1 and out is C. Attention acts on the hidden channels after the activation, as in all three codes.
    """

    takes = "map"
    examples = ({}, {"expand": 1}, {"kernel": 5, "expand": 2.3, "attention": {"se": {"of": "input", "round": True}}})

    class Config(base.Config):
        """An inverted residual."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the depthwise kernel in pixels, odd")
        expand: float = Field(6.0, ge=0.01, le=64, description="hidden channels / input channels")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("relu6"), description="activation after expansion and depthwise convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the hidden channels")

    def __init__(self, config: MBConv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        hidden = whole(channels * config.expand)
        norm, act = config.norm, config.act
        self.expand = ConvUnit(channels, hidden, 1, norm=norm, act=act) if hidden != channels else nn.Identity()
        self.depthwise = ConvUnit(hidden, hidden, config.kernel, stride=stride, groups=hidden, norm=norm, act=act)
        self.attention = make("attention", config.attention, hidden, channels)
        self.project = ConvUnit(hidden, out, 1, norm=norm, act=NONE)
        self.residual = stride == 1 and out == channels

    def forward(self, x: Tensor) -> Tensor:
        branch = self.project(self.attention(self.depthwise(self.expand(x))))
        return self.add(x, branch) if self.residual else branch

    def last_norm(self) -> nn.Module | None:
        return self.project.norm if self.residual else None
