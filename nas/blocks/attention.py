"""Attention over channels of a map (B, C, H, W): a gate that multiplies the map; shape unchanged.

An attention gets its config, the channels it acts on, and the channels that came into the block around it.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part
from nas.blocks import base
from nas.blocks.fields import ActPart, OddInt
from nas.blocks.init import init_conv
from nas.blocks.registry import make
from nas.blocks.rounding import floored, round8
from nas.errors import InvalidArchitecture


class NoAttention(base.PartModule):
    """The identity."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class SqueezeExcite(base.PartModule):
    """Squeeze-and-excitation (Hu et al., 2018): mean over the map, two 1x1 convolutions, a gate a channel.

    The defaults are the paper's. EfficientNet: `of: input, ratio: 0.25, act: silu`; MobileNetV3: `ratio: 0.25,
    round: true, gate: hsigmoid`.
    """

    class Config(base.Config):
        """Squeeze-and-excitation."""

        of: Literal["hidden", "input"] = Field(
            "hidden", description="whose channels the ratio is of: those the gate acts on, or the block's input"
        )
        ratio: float = Field(
            0.0625, ge=0.001, le=4, description="squeezed channels / channels, rounded down, at least 1"
        )
        round: bool = Field(False, description="round the squeezed channels to a multiple of 8 (MobileNetV3) instead")
        gate: ActPart = Field(Part("sigmoid"), description="activation of the gate")
        act: ActPart = Field(Part("relu"), description="activation between the two convolutions")

    def __init__(self, config: SqueezeExcite.Config, channels: int, block_channels: int) -> None:
        super().__init__(config)
        wanted = config.ratio * (channels if config.of == "hidden" else block_channels)
        squeezed = round8(wanted) if config.round else floored(wanted)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = make("act", config.act)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = make("act", config.gate)
        init_conv(self.reduce)
        init_conv(self.expand)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.act(self.reduce(squeezed))))


class EfficientChannelAttention(base.PartModule):
    """ECA (Wang et al., 2020): mean over the map, a 1-D convolution across channels without bias, a sigmoid gate."""

    class Config(base.Config):
        """Efficient channel attention."""

        kernel: OddInt | None = Field(
            None,
            ge=1,
            le=31,
            description="odd; null: from the channels by the paper's rule, |log2(C) / 2 + 1 / 2| made odd",
        )

    def __init__(self, config: EfficientChannelAttention.Config, channels: int, block_channels: int) -> None:
        super().__init__(config)
        kernel = config.kernel
        if kernel is None:
            kernel = int(abs(math.log2(channels) / 2 + 0.5))
            kernel += 1 - kernel % 2
        largest = 2 * channels - 1
        if kernel > largest:
            raise InvalidArchitecture(
                f"must reach no further than the channels ({channels}), but got {kernel}; at most {largest} would fit",
                path="attention.eca.kernel",
            )
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3)).unsqueeze(1)
        gate = self.conv(means).sigmoid()
        return x * gate.transpose(1, 2).unsqueeze(3)
