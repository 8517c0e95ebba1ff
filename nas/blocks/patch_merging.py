"""Downsampling between the stages of a windowed transformer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import NormPart
from nas.blocks.init import init_linear
from nas.blocks.registry import make
from nas.errors import InvalidArchitecture


class PatchMerging(base.BlockModule):
    """Neighbouring tokens side by side, norm, linear without bias (Swin, Liu et al., 2021).

    Tokens of a grid (H * W, C) to (H / s * W / s, out), s the stride; out = s * C unless written. The stride must
    divide the grid (the paper's code fills with zeros). `norm_at: post` is Swin V2's (2022), over the new channels.
    """

    takes = "tokens"
    examples = ({}, {"norm_at": "post"})

    class Config(base.Config):
        """Merging of neighbouring tokens."""

        norm: NormPart = Field(Part("layer"), description="normalisation")
        norm_at: Literal["pre", "post"] = Field("pre", description="before or after the linear layer")

    def __init__(self, config: PatchMerging.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        if in_shape.grid is None or in_shape.extra:
            raise InvalidArchitecture(f"tokens must have a grid and no extra tokens to be merged, but got {in_shape}")
        rows, columns = in_shape.grid
        if rows % stride or columns % stride:
            fitting = [side for side in range(1, min(rows, columns) + 1) if rows % side == columns % side == 0]
            raise InvalidArchitecture(
                f"must divide the grid ({rows}x{columns}), but got {stride}; {', '.join(map(str, fitting))} would fit",
                path="stride",
            )
        self.grid = (rows // stride, columns // stride)
        self.stride = stride
        merged = in_shape.channels * stride**2
        self.linear = nn.Linear(merged, out or in_shape.channels * stride, bias=False)
        self.norm = make("norm", config.norm, merged if config.norm_at == "pre" else self.linear.out_features)
        self.norm_at = config.norm_at
        init_linear(self.linear)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(1, (self.grid[0], self.stride, self.grid[1], self.stride))
        x = x.transpose(2, 3).flatten(3).flatten(1, 2)
        return self.linear(self.norm(x)) if self.norm_at == "pre" else self.norm(self.linear(x))

    def out_shape(self, output: Tensor) -> Shape:
        return TokenShape(output.shape[1], output.shape[2], self.grid)
