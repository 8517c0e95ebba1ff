"""What a transformer's tokens get before its blocks: extra tokens and positions."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import Words
from nas.errors import InvalidArchitecture


class ExtraTokens(base.BlockModule):
    """Learned tokens before the others, as `class` (ViT, 2021) and `distill` (DeiT, 2021); (N, C) to (N + k, C)."""

    takes = "tokens"
    out = "fixed"
    strides = False
    examples = ({}, {"names": ["first", "second"]})

    class Config(base.Config):
        """Learned extra tokens."""

        names: Words = Field(("class",), min_length=1, description="names of the tokens, by which `pool` reads them")

    def __init__(self, config: ExtraTokens.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        self.names = config.names + in_shape.extra
        self.grid = in_shape.grid
        if len(set(self.names)) < len(self.names):
            raise InvalidArchitecture(f"every extra token must have its own name, but got {self.names}", path="names")
        if not {"mean", "max"}.isdisjoint(self.names):
            raise InvalidArchitecture(
                "mean and max are what `pool` reads of the grid; choose another name", path="names"
            )
        self.tokens = nn.Parameter(torch.empty(1, len(config.names), in_shape.channels))
        nn.init.trunc_normal_(self.tokens, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.tokens.expand(x.shape[0], -1, -1), x), 1)

    def out_shape(self, output: Tensor) -> Shape:
        return TokenShape(output.shape[1], output.shape[2], self.grid, self.names)


class Position(base.BlockModule):
    """A position added to every token, extra ones included; tokens (N, C), shape unchanged; parameters 1 x N x C.

    `learned` as in ViT (2021). `sincos` is a frozen table, counted as parameters like every table: of rows and columns
    where there is a grid (MoCo v3, 2021), else of the index (Vaswani et al., 2017); zero for extra tokens.
    `sincos_1d` is a frozen table of the index, extra tokens counted in, sines and cosines in turn (T2T-ViT, 2021).
    """

    takes = "tokens"
    out = "fixed"
    strides = False

    class Config(base.Config):
        """Positions."""

        kind: Literal["learned", "sincos", "sincos_1d"] = Field(
            "learned", description="learned, or a frozen table of sines and cosines (of places, or of the index)"
        )

    def __init__(self, config: Position.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        if config.kind == "learned":
            self.table = nn.Parameter(torch.empty(1, in_shape.count, in_shape.channels))
            nn.init.trunc_normal_(self.table, std=0.02)
        else:
            table = _sincos(in_shape) if config.kind == "sincos" else _sincos_1d(in_shape)
            self.table = nn.Parameter(table, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


def _sincos_1d(shape: TokenShape) -> Tensor:
    if shape.channels % 2:
        raise InvalidArchitecture(f"channels must be even for sincos_1d, but got {shape.channels}")
    half = shape.channels // 2
    angles = torch.arange(shape.count)[:, None] * 10000.0 ** (-torch.arange(half) / half)
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)[None]


def _sincos(shape: TokenShape) -> Tensor:
    axes = 2 if shape.grid else 1
    if shape.channels % (2 * axes):
        raise InvalidArchitecture(f"channels must be a multiple of {2 * axes} for sincos, but got {shape.channels}")
    positions = shape.count - len(shape.extra)
    index = torch.arange(positions)
    columns = shape.grid[1] if shape.grid else 1
    coordinates = (index // columns, index % columns) if shape.grid else (index,)
    half = shape.channels // (2 * axes)
    frequencies = 10000.0 ** (-torch.arange(half) / half)
    waves = []
    for coordinate in coordinates:
        angles = coordinate[:, None] * frequencies
        waves += [angles.sin(), angles.cos()]
    table = torch.cat(waves, 1)
    return torch.cat((torch.zeros(len(shape.extra), shape.channels), table))[None]
