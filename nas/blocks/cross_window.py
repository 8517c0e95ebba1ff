"""Attention inside horizontal stripes by half of the heads, inside vertical ones by the others."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import TokenShape
from nas.blocks import base
from nas.blocks.fields import WindowSide
from nas.blocks.multihead import MultiHeadMixer, check_tokens, nearest_heads
from nas.blocks.partition import Partition, attend, fitting_sides, grid_of
from nas.errors import InvalidArchitecture


class CrossWindowMixer(MultiHeadMixer):
    """Cross-shaped windows (CSWin, Dong et al., 2022), with positions from the values.

    The first half of the heads attends inside vertical stripes of H x `stripe` tokens, the second inside horizontal
    ones; where the stripe is as wide as the grid, all heads attend to all of it. To what attention mixes, a depthwise
    3x3 convolution of the values inside the stripe, filled with zeros, is added (LePE).
    """

    class Config(base.Config):
        """Attention in cross-shaped windows."""

        stripe: WindowSide = Field(
            7, ge=1, le=1024, description="width of a stripe in tokens; must divide the grid or be its side"
        )
        qkv_bias: bool = Field(True, description="bias of queries, keys and values")

    def __init__(self, config: CrossWindowMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config, in_shape.channels, heads, qkv_bias=config.qkv_bias)
        grid = grid_of(in_shape, "stripes")
        check_tokens(in_shape.count)
        high, wide = fitting_sides(config.stripe, grid, "mixer.cross_window.stripe")
        if (high, wide) == grid:
            self.partitions = [Partition(grid, high, wide)]
        else:
            self.partitions = [Partition(grid, grid[0], wide), Partition(grid, high, grid[1])]
        if heads % len(self.partitions):
            near = nearest_heads(heads, in_shape.channels, even=True)
            would = f"{near} would fit, and so would" if near else "what would fit is"
            raise InvalidArchitecture(
                f"must be even, one half for each direction of the stripes, but got {heads}; {would} a stripe of"
                f" {max(grid)} (the whole grid)",
                path="heads",
            )
        channels = in_shape.channels // len(self.partitions)
        self.local = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels) for _ in self.partitions
        )

    def forward(self, x: Tensor) -> Tensor:
        halves = zip(*(each.chunk(len(self.partitions), 1) for each in self.qkv(x)), strict=True)
        mixed = [
            _attend_locally(partition, local, *(partition.split(each.transpose(1, 2)) for each in half))
            for partition, local, half in zip(self.partitions, self.local, halves, strict=True)
        ]
        return self.project(torch.cat(mixed, 2))


def _attend_locally(partition: Partition, local: nn.Module, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """(B, stripes, N, heads, D) each to (B, H * W, heads * D)."""
    mixed = attend(q.transpose(2, 3), k.transpose(2, 3), v.transpose(2, 3)).transpose(2, 3).flatten(3)
    stripes = v.flatten(3).flatten(0, 1).transpose(1, 2).unflatten(2, (partition.rows, partition.columns))
    return partition.join(mixed + local(stripes).flatten(2).transpose(1, 2).unflatten(0, (-1, v.shape[1])))
