"""The two blocks that RepLKNet alternates."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.branches import ParallelConv
from nas.blocks.fields import ActPart, AttentionPart, LaterAttentionPart, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.rep_conv import kernels
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, ConvUnit, as_map


class RepLK(ResidualBlock):
    """Norm, 1x1, a large depthwise kernel with a small one beside it, 1x1, added to the input; (C, H, W), unchanged.

    RepLKNet (Ding et al., 2022). The two depthwise branches, each with its batch norm, are fused into one convolution
    with bias; so it is costed and measured.
    """

    takes = "map"
    out = "fixed"
    strides = False
    examples = ({"kernel": 7}, {"kernel": 5, "small_kernel": None, "expand": 1.5})

    class Config(base.Config):
        """A block with a large kernel."""

        kernel: OddInt = Field(31, ge=1, le=63, description="side of the depthwise kernel in pixels, odd")
        small_kernel: OddInt | None = Field(
            5, ge=1, le=63, description="side of the kernel beside it, odd, at most `kernel`; null: none"
        )
        expand: float = Field(1.0, ge=0.01, le=64, description="depthwise channels / channels")
        norm: NormPart = Field(Part("batch"), description="normalisation of the input and after each 1x1 convolution")
        act: ActPart = Field(Part("relu"), description="activation after the first 1x1 and the depthwise convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the depthwise channels")

    def __init__(self, config: RepLK.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        hidden = whole(channels * config.expand)
        self.norm = make("norm", config.norm, channels)
        self.expand = ConvUnit(channels, hidden, 1, norm=config.norm, act=config.act)
        self.depthwise = ParallelConv(hidden, hidden, kernels(config.kernel, config.small_kernel), groups=hidden)
        self.act = make("act", config.act)
        self.attention = make("attention", config.attention, hidden, channels)
        self.project = ConvUnit(hidden, channels, 1, norm=config.norm, act=NONE)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.act(self.depthwise(self.expand(self.norm(x))))
        return self.add(x, self.project(self.attention(branch)))

    def last_norm(self) -> nn.Module | None:
        return self.project.norm


class ConvFFN(ResidualBlock):
    """The feed-forward layers of a transformer on a map: norm, 1x1, act, 1x1, added to the input; shape unchanged.

    RepLKNet's ConvFFN (Ding et al., 2022), with a norm behind each convolution too.
    """

    takes = "map"
    out = "fixed"
    strides = False
    examples = ({}, {"attention": "se"})

    class Config(base.Config):
        """Feed-forward layers on a map."""

        mlp_ratio: float = Field(4.0, ge=0.01, le=64, description="hidden channels / channels")
        norm: NormPart = Field(Part("batch"), description="normalisation of the input and after each convolution")
        act: ActPart = Field(Part("gelu"), description="activation between the convolutions")
        attention: LaterAttentionPart = Field(Part("none"), description="attention on the branch before the sum")

    def __init__(self, config: ConvFFN.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        hidden = whole(channels * config.mlp_ratio)
        self.norm = make("norm", config.norm, channels)
        self.expand = ConvUnit(channels, hidden, 1, norm=config.norm, act=config.act)
        self.project = ConvUnit(hidden, channels, 1, norm=config.norm, act=NONE)
        self.attention = make("attention", config.attention, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.add(x, self.attention(self.project(self.expand(self.norm(x)))))

    def last_norm(self) -> nn.Module | None:
        return self.project.norm
