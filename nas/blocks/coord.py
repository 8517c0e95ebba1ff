"""Attention over channels that knows the row and the column, for maps (B, C, H, W)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part
from nas.blocks import base
from nas.blocks.fields import ActPart, Gate
from nas.blocks.init import init_conv
from nas.blocks.registry import make
from nas.blocks.rounding import floored
from nas.blocks.units import check_positions


class CoordinateAttention(base.PartModule):
    """Coordinate attention (Hou et al., 2021): a gate a channel and row times a gate a channel and column; same shape.

    The means of the H rows and of the W columns are squeezed together, with batch norm and activation, and taken apart
    again; a 1x1 convolution each makes the gates. The defaults are those of the authors' MobileNetV2.
    """

    class Config(base.Config):
        """Coordinate attention."""

        ratio: float = Field(0.03125, ge=0.001, le=4, description="squeezed channels / channels, rounded down")
        least: int = Field(8, ge=1, le=1024, description="the fewest squeezed channels")
        act: ActPart = Field(Part("hswish"), description="activation of the squeezed channels")
        gate: Gate = Field("sigmoid", description="activation of the gates")

    def __init__(self, config: CoordinateAttention.Config, channels: int, block_channels: int) -> None:
        super().__init__(config)
        squeezed = max(config.least, floored(config.ratio * channels))
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.norm = nn.BatchNorm2d(squeezed)
        self.act = make("act", config.act)
        self.expand_rows = nn.Conv2d(squeezed, channels, 1)
        self.expand_columns = nn.Conv2d(squeezed, channels, 1)
        self.gate = make("act", Part(config.gate))
        for conv in (self.reduce, self.expand_rows, self.expand_columns):
            init_conv(conv)

    def forward(self, x: Tensor) -> Tensor:
        check_positions(x, "coord")
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        squeezed = self.act(self.norm(self.reduce(torch.cat((rows, columns), 2))))
        rows, columns = squeezed.split((rows.shape[2], columns.shape[2]), 2)
        row_gate = self.gate(self.expand_rows(rows))
        return x * self.gate(self.expand_columns(columns.transpose(2, 3))) * row_gate
