"""Where in a network a map of the image can be taken: the steps whose outputs still have rows and columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from nas.arch import MapShape, Shape, TokenShape
from nas.build import Network


@dataclass(frozen=True)
class Place:
    """The output of one step: a map, or tokens on a grid behind `extra` ones without a place."""

    name: str
    module: nn.Module
    grid: tuple[int, int]
    tokens: bool = False
    extra: int = 0

    def __str__(self) -> str:
        return f"{self.name} ({self.grid[0]}x{self.grid[1]}{' tokens' if self.tokens else ''})"


def places(network: Network) -> Iterator[Place]:
    """All places of the network's main way, the last one first.

    Exits are no part of it, and of a step that hands on values beside its map nothing is taken.
    """
    names = {
        index: f"{span.name}.{index - span.start}"
        for span in network.plan.spans
        if not span.exit
        for index in range(span.start, span.stop)
    }
    for index, (step, module) in reversed(list(enumerate(network.steps))):
        if index in names and module.side is None and (found := _grid(step.out_shape)) is not None:
            grid, tokens, extra = found
            yield Place(f"{names[index]}.{step.block.type}", module, grid, tokens, extra)


def _grid(shape: Shape) -> tuple[tuple[int, int], bool, int] | None:
    """Rows and columns, whether of tokens, and how many extra ones; None where there is only one place, or none."""
    match shape:
        case MapShape(_, height, width) if height * width > 1:
            return (height, width), False, 0
        case TokenShape(grid=(height, width), extra=extra) if height * width > 1:
            return (height, width), True, len(extra)
    return None
