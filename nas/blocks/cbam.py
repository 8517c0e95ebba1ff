"""Attention over channels, then over positions, of a map (B, C, H, W)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part
from nas.blocks import base
from nas.blocks.fields import Gate, OddInt
from nas.blocks.init import init_conv
from nas.blocks.registry import make
from nas.blocks.rounding import floored
from nas.blocks.units import check_positions, same


class ConvolutionalBlockAttention(base.PartModule):
    """CBAM (Woo et al., 2018): a gate a channel, then a gate a position; shape unchanged.

    The first gate squeezes the map's mean and its maximum by the same two 1x1 convolutions, a ReLU between them, and
    adds what comes out; the second is a convolution with batch norm of the maximum and the mean over channels. The
    defaults are the paper's.
    """

    class Config(base.Config):
        """Channel and spatial attention."""

        ratio: float = Field(
            0.0625, ge=0.001, le=4, description="squeezed channels / channels, rounded down, at least 1"
        )
        kernel: OddInt = Field(7, ge=1, le=63, description="side of the spatial gate's kernel in pixels, odd")
        gate: Gate = Field("sigmoid", description="activation of both gates")

    def __init__(self, config: ConvolutionalBlockAttention.Config, channels: int, block_channels: int) -> None:
        super().__init__(config)
        squeezed = floored(config.ratio * channels)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.spatial = nn.Conv2d(2, 1, config.kernel, padding=same(config.kernel), bias=False)
        self.norm = nn.BatchNorm2d(1)
        self.gate = make("act", Part(config.gate))
        for conv in (self.reduce, self.expand, self.spatial):
            init_conv(conv)

    def forward(self, x: Tensor) -> Tensor:
        check_positions(x, "cbam")
        mean, most = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * self.gate(self._excite(mean) + self._excite(most))
        seen = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1)
        return x * self.gate(self.norm(self.spatial(seen)))

    def _excite(self, squeezed: Tensor) -> Tensor:
        excited: Tensor = self.expand(self.reduce(squeezed).relu())
        return excited
