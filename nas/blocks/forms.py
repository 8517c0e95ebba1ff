"""Blocks that only change the form of what flows, inserted where a block takes another form than arrives."""

from __future__ import annotations

from torch import Tensor

from nas.arch import MapShape, Shape, TokenShape, VectorShape
from nas.blocks import base
from nas.errors import InvalidArchitecture

BEHIND = "here a block that takes tokens (transformer) or pool would fit"


class ToTokens(base.BlockModule):
    """Map (C, H, W) to H * W tokens of C, row by row; the grid is remembered."""

    takes = "map"
    out = "fixed"
    strides = False

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)

    def out_shape(self, output: Tensor) -> Shape:
        assert isinstance(self.in_shape, MapShape)
        return TokenShape(output.shape[1], output.shape[2], (self.in_shape.height, self.in_shape.width))


class ToMap(base.BlockModule):
    """Tokens of a grid back to a map (C, H, W); extra tokens have no place in one, so there may be none."""

    takes = "tokens"
    out = "fixed"
    strides = False

    def __init__(self, config: base.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        if in_shape.grid is None:
            raise InvalidArchitecture(
                f"tokens must have a grid to become a map, but got {in_shape}; {BEHIND} (token_prune leaves no grid)"
            )
        if in_shape.extra:
            raise InvalidArchitecture(
                f"tokens must have no extra tokens to become a map, but got {', '.join(in_shape.extra)}; {BEHIND}"
                " (extra_tokens may come later)"
            )
        self.grid = in_shape.grid

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], *self.grid)


class Flatten(base.BlockModule):
    """Every element of a map or of tokens in one vector (LeNet, AlexNet, VGG), in the order C, H, W for a map."""

    strides = False

    def __init__(self, config: base.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        size = 1
        for side in in_shape.tensor():
            size *= side
        if out not in (None, size):
            raise InvalidArchitecture(f"out must be {size} (all elements of {in_shape}), but got {out}")

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def out_shape(self, output: Tensor) -> Shape:
        return VectorShape(output.shape[1])
