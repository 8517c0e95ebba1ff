"""Pooling in a sliding window: ResNet's max pooling, LeNet's average pooling."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from nas.arch import Shape
from nas.blocks import base
from nas.blocks.units import as_map, check_window, same
from nas.errors import InvalidArchitecture


class WindowPool(base.BlockModule):
    """Base of pooling in a window; (C, H, W) to (C, H', W')."""

    takes = "map"
    out = "fixed"
    examples = ({}, {"kernel": 2})

    class Config(base.Config):
        """Pooling in a window."""

        kernel: int = Field(3, ge=1, le=63, description="side of the window in pixels")
        padding: int = Field(
            default_factory=lambda data: same(data["kernel"]),
            ge=0,
            le=31,
            description="pixels on every side that are not counted, at most half the kernel; null: (kernel - 1) // 2",
        )

    def __init__(self, config: WindowPool.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        if config.padding > config.kernel // 2:
            raise InvalidArchitecture(
                f"must be at most half the kernel ({config.kernel}), but got {config.padding}", path="padding"
            )
        check_window(as_map(in_shape), config.kernel, config.padding)
        self.kernel, self.padding, self.stride = config.kernel, config.padding, stride


class MaxPool(WindowPool):
    """Maximum in a window (kernel 3, stride 2 after ResNet's first convolution, 2016); (C, H, W) to (C, H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel, self.stride, self.padding)


class AvgPool(WindowPool):
    """Mean in a window, padding not counted (kernel 2, stride 2 in LeNet-5, 1998); (C, H, W) to (C, H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.kernel, self.stride, self.padding, count_include_pad=False)
