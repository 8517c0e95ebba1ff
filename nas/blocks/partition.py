"""Dividing a grid of tokens into groups that attend within themselves, and joining them again."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from nas.arch import TokenShape
from nas.errors import InvalidArchitecture


@dataclass(frozen=True, slots=True)
class Partition:
    """Groups of `rows` x `columns` tokens of a grid, which they must divide.

    Neighbours form a group (windows); `dilated`, tokens as far apart as possible do (the grid of MaxViT, Tu et al.,
    2022): every H / rows-th row and every W / columns-th column. Both hold each token once.
    """

    grid: tuple[int, int]
    rows: int
    columns: int
    dilated: bool = False

    @property
    def count(self) -> int:
        """Number of groups."""
        return self.grid[0] // self.rows * (self.grid[1] // self.columns)

    def split(self, x: Tensor) -> Tensor:
        """(B, H * W, ...) to (B, groups, rows * columns, ...), both row by row."""
        down, across = self.grid[0] // self.rows, self.grid[1] // self.columns
        if self.dilated:
            x = x.unflatten(1, (self.rows, down, self.columns, across)).movedim((2, 4), (1, 2))
        else:
            x = x.unflatten(1, (down, self.rows, across, self.columns)).transpose(2, 3)
        return x.flatten(3, 4).flatten(1, 2)

    def join(self, x: Tensor) -> Tensor:
        """(B, groups, rows * columns, ...) to (B, H * W, ...)."""
        down, across = self.grid[0] // self.rows, self.grid[1] // self.columns
        x = x.unflatten(2, (self.rows, self.columns)).unflatten(1, (down, across))
        return (x.movedim((1, 2), (2, 4)) if self.dilated else x.transpose(2, 3)).flatten(1, 4)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Attention inside each group; q, k, v are (B, groups, heads, N, D), `bias` is (groups or 1, heads, N, N).

    The scale is 1 / sqrt(D) unless given.
    """
    batch, groups = q.shape[:2]
    if bias is not None and bias.shape[0] > 1:
        bias = bias.expand(batch, -1, -1, -1, -1).flatten(0, 1)
    q, k, v = (each.flatten(0, 1) for each in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale).unflatten(0, (-1, groups))


def grid_of(shape: TokenShape, what: str, path: str | None = "mixer") -> tuple[int, int]:
    """The grid of the tokens; raises `InvalidArchitecture` where there is none, or where extra tokens stand by it."""
    hint = "; the mixer softmax would fit" if path == "mixer" else ""
    if shape.grid is None:
        raise InvalidArchitecture(f"tokens must have a grid for {what}, but got {shape}{hint}", path=path)
    if shape.extra:
        raise InvalidArchitecture(
            f"tokens must have no extra tokens for {what}, but got {', '.join(shape.extra)}{hint}", path=path
        )
    return shape.grid


def fitting_sides(
    size: int, grid: tuple[int, int], path: str, sides: tuple[int, ...] = (0, 1), least: int = 1
) -> tuple[int, ...]:
    """`size` along every axis, or the whole axis where it is not longer; raises `InvalidArchitecture` naming what fits.

    `sides` are the axes of the grid that are to be divided. A size beyond the longest of them is refused: it would be
    the same network as that side, under another `arch_id`. No side below `least` is named.
    """
    longest = max(grid[axis] for axis in sides)

    def fits(side: int) -> bool:
        return side <= longest and all(side >= grid[axis] or grid[axis] % side == 0 for axis in sides)

    if not fits(size):
        must = "divide the grid" if size <= longest else "be at most the side of the grid"
        fitting = ", ".join(str(side) for side in range(least, longest + 1) if fits(side))
        raise InvalidArchitecture(f"must {must} ({grid[0]}x{grid[1]}), but got {size}; {fitting} would fit", path=path)
    return tuple(min(size, grid[axis]) for axis in sides)
