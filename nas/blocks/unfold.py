"""Soft split: overlapping patches as tokens."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from nas.arch import Shape, TokenShape
from nas.blocks import base
from nas.blocks.units import as_map, check_window, same
from nas.errors import InvalidArchitecture


class Unfold(base.BlockModule):
    """Every window of a map is a token (soft split of T2T-ViT, Yuan et al., 2021); (C, H, W) to (N, C * kernel^2).

    Windows overlap where the stride is smaller than the kernel; the tokens' grid has a place for each window. Nothing
    is learned.
    """

    takes = "map"
    examples = ({}, {"kernel": 4, "padding": 0})

    class Config(base.Config):
        """Overlapping patches as tokens."""

        kernel: int = Field(3, ge=1, le=63, description="side of the windows in pixels")
        padding: int = Field(
            default_factory=lambda data: same(data["kernel"]),
            ge=0,
            le=512,
            description="zero pixels on every side; null: (kernel - 1) // 2",
        )

    def __init__(self, config: Unfold.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_map(in_shape)
        check_window(shape, config.kernel, config.padding)
        width = shape.channels * config.kernel**2
        if out not in (None, width):
            raise InvalidArchitecture(
                f"out must be {width} ({shape.channels} channels of {config.kernel}x{config.kernel} pixels), but got"
                f" {out}; leave it out, and let a conv or performer behind set the width"
            )
        self.kernel, self.padding, self.stride = config.kernel, config.padding, stride
        rows, columns = (
            (side + 2 * config.padding - config.kernel) // stride + 1 for side in (shape.height, shape.width)
        )
        self.grid = (rows, columns)

    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.kernel, padding=self.padding, stride=self.stride).transpose(1, 2)

    def out_shape(self, output: Tensor) -> Shape:
        return TokenShape(output.shape[1], output.shape[2], self.grid)
