"""The layer of DenseNet."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, ChannelCount, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.rounding import whole
from nas.blocks.units import ConvUnit, as_map
from nas.errors import InvalidArchitecture


class Dense(base.BlockModule):
    """Appends `growth` new channels to those that came (DenseNet, Huang et al., 2017); (C, H, W) to (C + growth, H, W).

    Norm, activation and 1x1 convolution to growth * ratio channels (DenseNet-B), the same with a kxk convolution to
    `growth`; with `ratio: null` the second only. It cannot carry a stride. The paper's transition is a downsample of
    `[{conv: {kernel: 1, out: $in // 2, order: norm_act_conv}}, {avgpool: {kernel: 2, stride: 2}}]`.
    """

    takes = "map"
    strides = False
    examples = ({"growth": 16}, {"growth": 8, "ratio": None})

    class Config(base.Config):
        """A layer of DenseNet."""

        growth: ChannelCount = Field(32, ge=1, le=4096, description="new channels")
        ratio: float | None = Field(
            4.0, ge=0.01, le=64, description="channels between the convolutions / growth; null: no 1x1 convolution"
        )
        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernel in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation before each convolution")
        act: ActPart = Field(Part("relu"), description="activation before each convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the new channels")

    def __init__(self, config: Dense.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels, growth = as_map(in_shape).channels, config.growth
        if out not in (None, channels + growth):
            raise InvalidArchitecture(
                f"out must be {channels + growth} (the channels that come, {channels}, and a growth of {growth}),"
                f" but got {out}; leave it out"
            )
        inner = channels if config.ratio is None else whole(growth * config.ratio)
        self.reduce = nn.Identity() if config.ratio is None else self._unit(channels, inner, 1)
        self.spatial = self._unit(inner, growth, config.kernel)
        self.attention = make("attention", config.attention, growth, channels)

    def _unit(self, channels: int, out: int, kernel: int) -> ConvUnit:
        config = self.config
        assert isinstance(config, Dense.Config)
        return ConvUnit(channels, out, kernel, norm=config.norm, act=config.act, bias=False, order="norm_act_conv")

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.attention(self.spatial(self.reduce(x)))), 1)
