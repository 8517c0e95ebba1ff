"""The block of ConvNeXt."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, NormPart, OddInt
from nas.blocks.init import init_linear
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import as_map, same

LAYER_SCALE = 1e-6  # where the scale starts (the paper's value)


class ConvNeXt(ResidualBlock):
    """Depthwise 7x7, norm, two pointwise layers, layer scale (ConvNeXt, Liu et al., 2022); (C, H, W), shape unchanged.

    It cannot carry a stride. The paper's downsampling is a `conv` of `kernel: 2, stride: 2, padding: 0, norm: layer,
    act: none, bias: true, order: norm_act_conv`, its stem one of `kernel: 4, stride: 4, padding: 0, norm: layer,
    act: none, bias: true`.
    """

    takes = "map"
    out = "fixed"
    strides = False

    class Config(base.Config):
        """A ConvNeXt block."""

        kernel: OddInt = Field(7, ge=1, le=63, description="side of the depthwise kernel in pixels, odd")
        mlp_ratio: float = Field(4.0, ge=0.01, le=64, description="hidden channels of the pointwise layers / channels")
        norm: NormPart = Field(Part("layer"), description="normalisation after the depthwise convolution")
        act: ActPart = Field(Part("gelu"), description="activation between the pointwise layers")
        attention: AttentionPart = Field(Part("none"), description="attention on the branch before its scale")
        layer_scale: bool = Field(True, description="a learned factor for each channel of the branch")

    def __init__(self, config: ConvNeXt.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        hidden = whole(channels * config.mlp_ratio)
        self.depthwise = nn.Conv2d(channels, channels, config.kernel, padding=same(config.kernel), groups=channels)
        self.norm = make("norm", config.norm, channels)
        self.expand = nn.Linear(channels, hidden)
        self.act = make("act", config.act)
        self.project = nn.Linear(hidden, channels)
        self.attention = make("attention", config.attention, channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE)) if config.layer_scale else None
        for layer in (self.depthwise, self.expand, self.project):
            init_linear(layer)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm(self.depthwise(x)).permute(0, 2, 3, 1)
        branch = self.project(self.act(self.expand(branch))).permute(0, 3, 1, 2)
        branch = self.attention(branch)
        if self.scale is not None:
            branch = branch * self.scale[:, None, None]
        return self.add(x, branch)
