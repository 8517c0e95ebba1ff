"""The fused inverted residual of EfficientNetV2."""

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


class FusedMBConv(ResidualBlock):
    """MBConv with one full convolution for expansion and depthwise (Tan and Le, 2021); (C, H, W) to (out, H', W').

    The hidden width is C * expand, rounded to the nearest whole number; where it equals C the block is one convolution
    to `out` with norm and activation. The input is added where stride is 1 and out is C.
    """

    takes = "map"
    examples = ({}, {"expand": 1, "attention": "se"})

    class Config(base.Config):
        """A fused inverted residual."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernel in pixels, odd")
        expand: float = Field(4.0, ge=0.01, le=64, description="hidden channels / input channels")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("silu"), description="activation after the kxk convolution")
        attention: AttentionPart = Field(Part("none"), description="attention after the kxk convolution")

    def __init__(self, config: FusedMBConv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        hidden = whole(channels * config.expand)
        expands = hidden != channels
        width = hidden if expands else out
        self.spatial = ConvUnit(channels, width, config.kernel, stride=stride, norm=config.norm, act=config.act)
        self.attention = make("attention", config.attention, width, channels)
        self.project = ConvUnit(hidden, out, 1, norm=config.norm, act=NONE) if expands else None
        self.residual = stride == 1 and out == channels

    def forward(self, x: Tensor) -> Tensor:
        branch = self.attention(self.spatial(x))
        if self.project is not None:
            branch = self.project(branch)
        return self.add(x, branch) if self.residual else branch

    def last_norm(self) -> nn.Module | None:
        last = self.project or self.spatial
        return last.norm if self.residual else None
