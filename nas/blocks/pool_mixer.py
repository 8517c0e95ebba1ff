"""Mixing by pooling, as in PoolFormer."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from nas.arch import TokenShape
from nas.blocks import base
from nas.blocks.fields import OddInt
from nas.blocks.partition import grid_of


class PoolMixer(base.PartModule):
    """The mean over the neighbours in the grid less the token itself (PoolFormer, Yu et al., 2022); no parameters.

    Places outside the grid do not count. There are no heads, so their number does not matter.
    """

    class Config(base.Config):
        """Mixing by pooling."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the pooling window in tokens, odd")

    def __init__(self, config: PoolMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config)
        self.kernel = config.kernel
        self.grid = grid_of(in_shape, "pooling")

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.transpose(1, 2).unflatten(2, self.grid)
        means = F.avg_pool2d(pixels, self.kernel, 1, self.kernel // 2, count_include_pad=False)
        return means.flatten(2).transpose(1, 2) - x
