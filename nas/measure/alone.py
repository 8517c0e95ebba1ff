"""A block measured alone, as if it were a network: behind its input there is nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn

from nas import blocks
from nas.arch import Block, PyramidShape, Shape, SidedShape, Step, shape_from_json, shape_to_json
from nas.blocks import BlockModule, fuse
from nas.blocks.flow import advance, filled, tensors_of
from nas.measure.networks import settle
from nas.measure.protocol import Protocol

BUILDER = "nas.measure.alone:from_block"
# There are many blocks, and sums of them are less noisy than each: a few tenths of a second are enough.
QUICK = Protocol(max_seconds=0.3, min_pairs=40, retries=0)


@dataclass(frozen=True)
class Alone:
    """A block and the shape of what goes in; a meter with `BUILDER` measures it."""

    block: Block
    in_shape: Shape

    @classmethod
    def of(cls, step: Step) -> Alone:
        """The block of a step of a plan."""
        return cls(step.block, step.in_shape)

    @property
    def arch_id(self) -> str:
        """16 hex digits that are the same wherever block and shape are."""
        return hashlib.sha256(f"{self.block.canonical} {self.in_shape}".encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {"block": self.block.to_json(), "in_shape": shape_to_json(self.in_shape)}


class FromRow(nn.Module):
    """A block behind a row of numbers (B, N), out of which the tensors that it reads are cut, without a copy."""

    def __init__(self, block: BlockModule, in_shape: Shape) -> None:
        super().__init__()
        self.block = block
        self.in_shape = in_shape

    def forward(self, row: Tensor) -> Any:
        start = 0

        def cut(size: tuple[int, ...]) -> Tensor:
            nonlocal start
            length = prod(size[1:])
            start += length
            return row[:, start - length : start].view(-1, *size[1:])

        x, sides = filled(self.in_shape, cut)
        found = tensors_of(*advance(self.block, x, sides))
        return found[0] if len(found) == 1 else tuple(found)


def from_block(data: Mapping[str, Any], seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """The untrained module of an `Alone` in JSON, fused, and the shape of one input; what a measuring process calls.

    Where several tensors flow into the block (a pyramid, values beside a map), its input is all of them in one row.
    Raises `InvalidArchitecture` when it cannot be built.
    """
    in_shape = shape_from_json(data["in_shape"])
    block = blocks.create(Block.from_json(data["block"]), in_shape).eval()
    plain = block.side is None and not isinstance(in_shape, PyramidShape | SidedShape)
    module: nn.Module = block if plain else FromRow(block, in_shape)
    shape = in_shape.tensor()[1:]
    settle(module, shape, seed)
    fuse(module)
    return module, shape
