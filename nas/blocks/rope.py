"""Rotary positions in two dimensions: pairs of channels turned by angles that grow with row and column."""

from __future__ import annotations

import torch
from torch import Tensor

from nas.arch import TokenShape
from nas.errors import InvalidArchitecture

BASE = 10000.0  # ratio of the longest to the shortest wave length (Vaswani et al., 2017)


def rotary_numbers(shape: TokenShape, heads: int, side: int | None = None) -> tuple[int, int, int, int, int | None]:
    """What `rotary_cos` and `rotary_sin` follow from; raises `InvalidArchitecture` where there are no places."""
    if shape.grid is None:
        raise InvalidArchitecture(f"tokens must have a grid to be turned by their place, but got {shape}", path="rope")
    width = shape.channels // heads
    if width % 4:
        fitting = [h for h in range(1, shape.channels + 1) if shape.channels % h == 0 and shape.channels // h % 4 == 0]
        fit = ", ".join(map(str, fitting)) or "none"
        raise InvalidArchitecture(
            "the channels of a head must be a multiple of 4 for rope (pairs, for rows and columns), but got"
            f" {width} ({shape.channels} channels, {heads} heads); heads that fit: {fit}",
            path="heads",
        )
    return *shape.grid, width, len(shape.extra), side


def rotary_angles(rows: int, columns: int, width: int, extra: int, side: int | None) -> Tensor:
    """Every token's angles, (N, channels of a head), both channels of a pair alike.

    The first half of a head's channels turns by the row, the second by the column (EVA-02, Fang et al., 2023). Extra
    tokens turn by nothing. `side` scales rows and columns as if the grid had so many of each.
    """
    frequencies = BASE ** (-torch.arange(width // 4) / (width // 4))
    row = torch.arange(rows).repeat_interleave(columns) * ((side or rows) / rows)
    column = torch.arange(columns).repeat(rows) * ((side or columns) / columns)
    angles = torch.cat((row[:, None] * frequencies, column[:, None] * frequencies), 1)
    return torch.cat((torch.zeros(extra, width // 2), angles)).repeat_interleave(2, 1)


def rotary_cos(rows: int, columns: int, width: int, extra: int, side: int | None) -> Tensor:
    """The cosines of `rotary_angles`."""
    return rotary_angles(rows, columns, width, extra, side).cos()


def rotary_sin(rows: int, columns: int, width: int, extra: int, side: int | None) -> Tensor:
    """The sines of `rotary_angles`."""
    return rotary_angles(rows, columns, width, extra, side).sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Every pair of neighbouring channels (a, b) as the complex number a + bi, times the angle's e^(i angle)."""
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
    return (x * cos + turned * sin).to(x.dtype)
