"""A norm that stands by itself, between stages and before a classifier."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, NormPart
from nas.blocks.registry import make


class Norm(base.BlockModule):
    """Normalisation and activation of a map, tokens or vectors; shape unchanged.

    The layer norm before a transformer's classifier; with `kind: batch, act: relu` what ends a pre-activation network.
    """

    out = "fixed"
    strides = False

    class Config(base.Config):
        """Normalisation and activation."""

        kind: NormPart = Field(Part("layer"), description="normalisation")
        act: ActPart = Field(Part("none"), description="activation")

    def __init__(self, config: Norm.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        self.norm = make("norm", config.kind, in_shape.channels)
        self.act = make("act", config.act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(x))
