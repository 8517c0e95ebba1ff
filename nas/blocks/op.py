"""Operations on the edges of a cell; (C, H, W) to (C, H, W).

An operation gets its config, the channels, and the norm and activation of the cell.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.arch import Part
from nas.blocks import base
from nas.blocks.units import ConvUnit


class NoOp(base.PartModule):
    """No edge: the node behind it gets nothing from here."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class Skip(base.PartModule):
    """The identity."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class ConvOp(base.PartModule):
    """Activation, convolution without bias, norm."""

    kernel: ClassVar[int]

    def __init__(self, config: base.Config, channels: int, norm: Part, act: Part) -> None:
        super().__init__(config)
        self.unit = ConvUnit(channels, channels, self.kernel, norm=norm, act=act, bias=False, order="act_conv_norm")

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)


class Conv1(ConvOp):
    """Activation, 1x1 convolution, norm."""

    kernel = 1


class Conv3(ConvOp):
    """Activation, 3x3 convolution, norm."""

    kernel = 3


class Pool3(base.PartModule):
    """3x3 mean, padding not counted."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
