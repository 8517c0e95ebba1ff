"""From a grid to vectors: global pooling and reading single tokens."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from nas.arch import Shape, TokenShape, VectorShape
from nas.blocks import base
from nas.blocks.fields import Words
from nas.errors import InvalidArchitecture, nearest


class Pool(base.BlockModule):
    """Reads a vector for each of k words: `mean` or `max` over the grid, or an extra token; map or tokens to k x C.

    Extra tokens are not part of the grid. ViT (2021) reads `class`, DeiT (2021) `[class, distill]`.
    """

    out = "fixed"
    strides = False
    examples = ({}, {"read": "max"}, {"read": "class"}, {"read": ["class", "mean"]})

    class Config(base.Config):
        """Global pooling."""

        read: Words = Field(("mean",), min_length=1, description="mean, max, or names of extra tokens; one vector each")

    def __init__(self, config: Pool.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        if isinstance(in_shape, VectorShape):
            raise InvalidArchitecture(
                f"the input must be a map or tokens, but got a vector ({in_shape}): it is pooled already"
            )
        self.extra = in_shape.extra if isinstance(in_shape, TokenShape) else ()
        self.read = config.read
        for word in config.read:
            if word not in ("mean", "max", *self.extra):
                raise InvalidArchitecture(
                    f"'{word}' cannot be read; {nearest(word, ('mean', 'max', *self.extra))}", path="read"
                )

    def forward(self, x: Tensor) -> Tensor:
        vectors = [self._read(x, word) for word in self.read]
        return vectors[0] if len(vectors) == 1 else torch.stack(vectors, 1)

    def _read(self, x: Tensor, word: str) -> Tensor:
        if word in self.extra:
            return x[:, self.extra.index(word)]
        over = (2, 3) if x.dim() == 4 else (1,)
        grid = x if x.dim() == 4 else x[:, len(self.extra) :]
        return grid.mean(over) if word == "mean" else grid.amax(over)

    def out_shape(self, output: Tensor) -> Shape:
        return VectorShape(output.shape[-1], len(self.read))
