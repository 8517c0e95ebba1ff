"""Blocks of pyramids or with a value beside, as modules of one tensor, so that one contract holds for all blocks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.arch import PyramidShape, Shape, tensor_sizes
from nas.blocks.base import BlockModule
from nas.blocks.flow import advance, tensors_of


class Flat(BlockModule):
    """Takes and gives all elements of all tensors in one row (B, n); the block's output shape is `behind`."""

    def __init__(self, block: BlockModule, in_shape: Shape, behind: Shape) -> None:
        nn.Module.__init__(self)
        self.block = block
        self.in_shape = in_shape
        self.behind = behind

    def forward(self, x: Tensor) -> Tensor:
        taken: Any = x
        if isinstance(self.in_shape, PyramidShape):
            sizes = [size[1:] for size in tensor_sizes(self.in_shape)]
            rows = x.split([torch.Size(size).numel() for size in sizes], 1)
            taken = tuple(row.reshape(-1, *size) for row, size in zip(rows, sizes, strict=True))
        output, sides = advance(self.block, taken, {})
        if isinstance(output, Tensor) and not sides:
            return output
        return torch.cat([each.flatten(1) for each in tensors_of(output, sides)], 1)

    def out_shape(self, output: Tensor) -> Shape:
        return self.behind
