"""What flows between blocks: maps, tokens and vectors, for one image (no batch dimension)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MapShape:
    """A feature map; the tensor is (batch, channels, height, width)."""

    channels: int
    height: int
    width: int

    def tensor(self, batch: int = 1) -> tuple[int, ...]:
        return (batch, self.channels, self.height, self.width)

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True, slots=True)
class TokenShape:
    """A sequence; the tensor is (batch, count, channels).

    `extra` names the tokens that stand before the grid's (class, distill); `grid` is (rows, columns) of the others,
    None where they have no place in the image. `count` includes the extra tokens.
    """

    count: int
    channels: int
    grid: tuple[int, int] | None = None
    extra: tuple[str, ...] = ()

    def tensor(self, batch: int = 1) -> tuple[int, ...]:
        return (batch, self.count, self.channels)

    def __str__(self) -> str:
        grid = f" ({self.grid[0]}x{self.grid[1]})" if self.grid else ""
        return f"{self.count} tokens{grid} x {self.channels}"


@dataclass(frozen=True, slots=True)
class VectorShape:
    """`count` vectors; the tensor is (batch, channels) when count is 1, else (batch, count, channels)."""

    channels: int
    count: int = 1

    def tensor(self, batch: int = 1) -> tuple[int, ...]:
        return (batch, self.channels) if self.count == 1 else (batch, self.count, self.channels)

    def __str__(self) -> str:
        return f"{self.channels}" if self.count == 1 else f"{self.count} x {self.channels}"


Shape = MapShape | TokenShape | VectorShape


def shape_to_json(shape: Shape) -> list[Any]:
    """Plain JSON for a shape: its form, then its numbers."""
    match shape:
        case MapShape(channels, height, width):
            return ["map", channels, height, width]
        case TokenShape(count, channels, grid, extra):
            return ["tokens", count, channels, list(grid) if grid else None, list(extra)]
        case VectorShape(channels, count):
            return ["vector", channels, count]


def shape_from_json(data: list[Any]) -> Shape:
    """The shape that `shape_to_json` wrote; `ValueError` for anything else."""
    match data:
        case ["map", channels, height, width]:
            return MapShape(channels, height, width)
        case ["tokens", count, channels, grid, extra]:
            return TokenShape(count, channels, tuple(grid) if grid else None, tuple(extra))
        case ["vector", channels, count]:
            return VectorShape(channels, count)
    raise ValueError(f"a shape must be ['map' | 'tokens' | 'vector', ...], but got {data!r}")
