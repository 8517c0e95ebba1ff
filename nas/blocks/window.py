"""Attention inside windows of a grid: shifted windows, dilated grids, V2's cosine attention."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import TokenShape
from nas.blocks import base
from nas.blocks.derived import derive
from nas.blocks.fields import WindowShift, WindowSide
from nas.blocks.multihead import MultiHeadMixer, check_tokens
from nas.blocks.partition import Partition, attend, fitting_sides, grid_of
from nas.blocks.relative_bias import ContinuousBias, RelativeBias
from nas.errors import InvalidArchitecture

LARGEST_SCALE = math.log(100)  # of cosine attention, as a logarithm (Swin V2)


class WindowMixer(MultiHeadMixer):
    """Softmax attention inside windows of size x size tokens of the grid (Swin, Liu et al., 2021).

    `shift` moves the windows down and right by as many tokens; what comes in from the other edge is masked (with minus
    infinity, the paper's code with -100). `partition: grid` puts tokens together that are as far apart as possible
    (MaxViT, Tu et al., 2022). Swin V2 (Liu et al., 2022): `cosine: true, position: continuous`.
    An axis that is not longer than the window is one window without a shift, as in the paper's last stage; any other
    axis must be a multiple of the size. No window is larger than the grid.
    """

    class Config(base.Config):
        """Window attention."""

        size: WindowSide = Field(
            7, ge=2, le=1024, description="side of a window in tokens; must divide the grid or be its side"
        )
        shift: WindowShift = Field(
            0, ge=0, le=1023, description="tokens by which the windows are moved; less than the size"
        )
        partition: Literal["window", "grid"] = Field(
            "window", description="windows of neighbours, or a dilated grid of size x size tokens"
        )
        position: Literal["relative", "continuous", "none"] = Field(
            "relative", description="bias by offset: a table, a small network of log-spaced offsets, or none"
        )
        cosine: bool = Field(False, description="cosines with a learned scale a head as scores, and keys without bias")
        qkv_bias: bool = Field(True, description="bias of queries, keys and values")

    def __init__(self, config: WindowMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config, in_shape.channels, heads, qkv_bias=config.qkv_bias, key_bias=not config.cosine)
        self.grid = grid_of(in_shape, "windows")
        check_tokens(in_shape.count)
        rows, columns = fitting_sides(config.size, self.grid, "mixer.window.size", least=2)
        if config.shift >= config.size:
            raise InvalidArchitecture(
                f"must be less than the size ({config.size}), but got {config.shift}", path="mixer.window.shift"
            )
        if config.shift and config.partition == "grid":
            raise InvalidArchitecture(f"must be 0 for a grid, but got {config.shift}", path="mixer.window.shift")
        self.partition = Partition(self.grid, rows, columns, dilated=config.partition == "grid")
        self.shifts = tuple(
            config.shift if side < axis else 0 for side, axis in zip((rows, columns), self.grid, strict=True)
        )
        self.scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10))) if config.cosine else None
        self.bias: RelativeBias | ContinuousBias | None = None
        if config.position != "none":
            self.bias = (RelativeBias if config.position == "relative" else ContinuousBias)(rows, columns, heads)
        self.hidden: Tensor | None
        if any(self.shifts):
            derive(self, "hidden", rolled_pairs, self.grid, self.shifts, rows, columns)
        else:
            self.hidden = None

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.partition.split(self._roll(x, -1)))
        if self.scale is not None:
            q = F.normalize(q, dim=-1) * self.scale.clamp(max=LARGEST_SCALE).exp()
            k = F.normalize(k, dim=-1)
        mixed = attend(q, k, v, self._scores_bias(q), 1.0 if self.scale is not None else None)
        return self.project(self._roll(self.partition.join(mixed.transpose(2, 3).flatten(3)), 1))

    def _roll(self, x: Tensor, sign: int) -> Tensor:
        if not any(self.shifts):
            return x
        shifts = [sign * shift for shift in self.shifts]
        return x.unflatten(1, self.grid).roll(shifts, (1, 2)).flatten(1, 2)

    def _scores_bias(self, q: Tensor) -> Tensor | None:
        bias = None if self.bias is None else self.bias()[None]
        if self.hidden is None:
            return bias
        if bias is None:
            bias = q.new_zeros(1, 1, 1, 1)
        return bias.masked_fill(self.hidden, -math.inf)


def rolled_pairs(grid: tuple[int, int], shifts: tuple[int, int], rows: int, columns: int) -> Tensor:
    """Pairs of tokens of a window that only meet because the grid was rolled; (windows, 1, N, N)."""
    down, across = (torch.arange(axis) >= axis - shift for axis, shift in zip(grid, shifts, strict=True))
    region = 2 * down[:, None] + across
    window = region.unflatten(1, (-1, columns)).unflatten(0, (-1, rows)).transpose(1, 2).flatten(2).flatten(0, 1)
    return (window[:, :, None] != window[:, None])[:, None]
