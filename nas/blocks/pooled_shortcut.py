"""A shortcut that pools where the branch strides, as in CoAtNet and MaxViT."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks.init import init_conv

Pooling = Literal["mean", "max"]


class PooledShortcut(nn.Module):
    """The mean (or maximum) over stride x stride pixels, then a 1x1 convolution with bias where the width changes.

    At an odd border the window is cut, so that it fits a branch whose convolution strides.
    """

    def __init__(self, channels: int, out: int, stride: int, kind: Pooling) -> None:
        super().__init__()
        self.stride = stride
        self.kind = kind
        self.project = nn.Conv2d(channels, out, 1) if out != channels else None
        if self.project is not None:
            init_conv(self.project)

    def forward(self, x: Tensor) -> Tensor:
        x = pooled(x, self.stride, self.kind)
        return x if self.project is None else self.project(x)


def pooled(x: Tensor, stride: int, kind: Pooling) -> Tensor:
    """A map at 1 / stride of its size, rounded up."""
    if stride == 1:
        return x
    if kind == "max":
        return F.max_pool2d(x, stride, ceil_mode=True)
    return F.avg_pool2d(x, stride, ceil_mode=True, count_include_pad=False)
