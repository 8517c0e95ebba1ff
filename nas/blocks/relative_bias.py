"""A bias for scores that depends on how far apart two tokens of a window are; (heads, N, N), N = rows * columns.

Row i, column j of the result is for query i and key j, tokens counted row by row.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks.derived import derive
from nas.blocks.init import init_linear

HIDDEN = 512  # of the network behind continuous positions (Swin V2)


class RelativeBias(nn.Module):
    """A learned number for each offset and head (Swin, Liu et al., 2021): (2 rows - 1)(2 columns - 1) x heads."""

    def __init__(self, rows: int, columns: int, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty((2 * rows - 1) * (2 * columns - 1), heads))
        nn.init.trunc_normal_(self.table, std=0.02)
        derive(self, "index", offset_index, rows, columns)
        self.index: Tensor

    def forward(self) -> Tensor:
        return self.table[self.index].permute(2, 0, 1)


class ContinuousBias(nn.Module):
    """A small network of the offset, log-spaced (Swin V2, Liu et al., 2022), so that it carries over to other windows.

    Offsets are scaled to -8..8 by the window, then sign(x) log2(1 + |x|) / 3; two layers of 2, 512 and `heads` follow,
    the first with bias and ReLU, then 16 times a sigmoid.
    """

    def __init__(self, rows: int, columns: int, heads: int) -> None:
        super().__init__()
        self.expand = nn.Linear(2, HIDDEN)
        self.project = nn.Linear(HIDDEN, heads, bias=False)
        init_linear(self.expand)
        init_linear(self.project)
        derive(self, "offsets", log_spaced_offsets, rows, columns)
        derive(self, "index", offset_index, rows, columns)
        self.offsets: Tensor
        self.index: Tensor

    def forward(self) -> Tensor:
        table = 16 * self.project(F.relu(self.expand(self.offsets))).sigmoid()
        return table[self.index].permute(2, 0, 1)


def log_spaced_offsets(rows: int, columns: int) -> Tensor:
    """Every offset as (down, across), scaled to -8..8 and log-spaced; ((2 rows - 1)(2 columns - 1), 2)."""
    down, across = (8 * torch.arange(1 - side, side) / max(side - 1, 1) for side in (rows, columns))
    offsets = torch.stack(torch.meshgrid(down, across, indexing="ij"), 2).flatten(0, 1)
    return offsets.sign() * (1 + offsets.abs()).log2() / math.log2(8)


def offset_index(rows: int, columns: int) -> Tensor:
    """For every query and key the number of their offset, (N, N); offsets are counted row by row from the smallest."""
    token = torch.arange(rows * columns)
    down = (token // columns)[:, None] - (token // columns)
    across = (token % columns)[:, None] - (token % columns)
    return (down + rows - 1) * (2 * columns - 1) + across + columns - 1
