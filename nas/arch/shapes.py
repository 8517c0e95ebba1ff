"""What flows between blocks: maps, tokens, vectors and pyramids, for one image (no batch dimension)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
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


@dataclass(frozen=True, slots=True)
class PyramidShape:
    """Maps of several scales, the finest first; they flow as a tuple of tensors.

    `first` is the scale of the first map: scales are counted from the finest that there was at the beginning.
    """

    maps: tuple[MapShape, ...]
    first: int = 0

    @property
    def channels(self) -> int:
        """Those of the finest map."""
        return self.maps[0].channels

    def tensor(self, batch: int = 1) -> tuple[int, ...]:
        """All elements in one row, for those who want a single tensor."""
        return (batch, sum(prod(each.tensor()) for each in self.maps))

    def __str__(self) -> str:
        return " + ".join(map(str, self.maps))


Main = MapShape | TokenShape | VectorShape | PyramidShape


@dataclass(frozen=True, slots=True)
class SidedShape:
    """What flows, and beside it values that one block hands to later ones (a recurrent gate's state), by name."""

    main: Main
    sides: tuple[tuple[str, VectorShape], ...]

    @property
    def channels(self) -> int:
        return self.main.channels

    def tensor(self, batch: int = 1) -> tuple[int, ...]:
        """All elements in one row, for those who want a single tensor."""
        return (batch, sum(prod(size) for size in tensor_sizes(self)))

    def __str__(self) -> str:
        return f"{self.main}, {', '.join(f'{name} {shape}' for name, shape in self.sides)}"


Shape = Main | SidedShape


def main_of(shape: Shape) -> Main:
    """The shape without what flows beside it."""
    return shape.main if isinstance(shape, SidedShape) else shape


def with_sides(main: Main, sides: Mapping[str, VectorShape]) -> Shape:
    """The shape with what flows beside it; a vector carries nothing on, for no block behind it could read it."""
    if not sides or isinstance(main, VectorShape):
        return main
    return SidedShape(main, tuple(sorted(sides.items())))


def tensor_sizes(shape: Shape, batch: int = 1) -> list[tuple[int, ...]]:
    """The sizes of all tensors that flow."""
    match shape:
        case PyramidShape(maps):
            return [each.tensor(batch) for each in maps]
        case SidedShape(main, sides):
            return [*tensor_sizes(main, batch), *(side.tensor(batch) for _, side in sides)]
    return [shape.tensor(batch)]


def shape_to_json(shape: Shape) -> list[Any]:
    """Plain JSON for a shape: its form, then its numbers."""
    match shape:
        case MapShape(channels, height, width):
            return ["map", channels, height, width]
        case TokenShape(count, channels, grid, extra):
            return ["tokens", count, channels, list(grid) if grid else None, list(extra)]
        case VectorShape(channels, count):
            return ["vector", channels, count]
        case PyramidShape(maps, first):
            return ["pyramid", first, *(shape_to_json(each)[1:] for each in maps)]
        case SidedShape(main, sides):
            return ["sided", shape_to_json(main), {name: shape_to_json(side) for name, side in sides}]


def shape_from_json(data: list[Any]) -> Shape:
    """The shape that `shape_to_json` wrote; `ValueError` for anything else."""
    match data:
        case ["map", channels, height, width]:
            return MapShape(channels, height, width)
        case ["tokens", count, channels, grid, extra]:
            return TokenShape(count, channels, tuple(grid) if grid else None, tuple(extra))
        case ["vector", channels, count]:
            return VectorShape(channels, count)
        case ["pyramid", first, *maps] if maps:
            return PyramidShape(tuple(MapShape(*sizes) for sizes in maps), first)
        case ["sided", main, sides]:
            shapes = {name: shape_from_json(side) for name, side in sides.items()}
            return SidedShape(shape_from_json(main), tuple(sorted(shapes.items())))  # type: ignore[arg-type]
    raise ValueError(f"a shape must be ['map' | 'tokens' | 'vector' | 'pyramid' | 'sided', ...], but got {data!r}")
