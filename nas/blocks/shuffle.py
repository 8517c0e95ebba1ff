"""The unit of ShuffleNetV2."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.units import NONE, ConvUnit, as_map
from nas.errors import InvalidArchitecture


class Shuffle(base.BlockModule):
    """Two branches of half the channels, concatenated and shuffled (ShuffleNetV2, Ma et al., 2018); to (out, H', W').

    Where the shape stays, one branch is the first half of the input as it is, the other 1x1, depthwise and 1x1
    convolution of the second half. Where the stride or `out` changes it, both read the whole input, the first by a
    depthwise and a 1x1 convolution. Depthwise convolutions have no activation. The shuffle takes channels from the two
    branches in turn. In the paper only the stride changes the width.
    """

    takes = "map"
    examples = ({}, {"kernel": 5, "attention": "se"})

    class Config(base.Config):
        """A unit of ShuffleNetV2."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the depthwise kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        act: ActPart = Field(Part("relu"), description="activation after each 1x1 convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the second branch")

    def __init__(self, config: Shuffle.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        out = out or channels
        if out % 2:
            near = " or ".join(str(even) for even in (out - 1, out + 1) if even)
            raise InvalidArchitecture(f"out must be even, half for each branch, but got {out}; {near} would fit")
        self.splits = stride == 1 and out == channels
        half, kernel, norm, act = out // 2, config.kernel, config.norm, config.act
        source = half if self.splits else channels

        def depthwise(width: int) -> ConvUnit:
            return ConvUnit(width, width, kernel, stride=stride, groups=width, norm=norm, act=NONE)

        def pointwise(width: int) -> ConvUnit:
            return ConvUnit(width, half, 1, norm=norm, act=act)

        self.first = nn.Identity() if self.splits else nn.Sequential(depthwise(channels), pointwise(channels))
        self.second = nn.Sequential(pointwise(source), depthwise(half), pointwise(half))
        self.attention = make("attention", config.attention, half, channels)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1) if self.splits else (x, x)
        branches = torch.stack((self.first(left), self.attention(self.second(right))), 2)
        return branches.flatten(1, 2)
