"""What most convolutional blocks are made of: one convolution with its norm and activation."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from nas.arch import MapShape, Part, Shape
from nas.blocks.registry import make
from nas.errors import InvalidArchitecture

Order = Literal["conv_norm_act", "norm_act_conv", "act_conv_norm"]
NONE = Part("none")
PLAIN = Part("plain")


class ConvUnit(nn.Module):
    """A convolution with its norm and activation, in one of three orders; (B, in, H, W) to (B, out, H', W').

    `bias` is whether the convolution has one; None: if no norm follows to take it away.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        *,
        norm: Part,
        act: Part,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        dilation: int = 1,
        bias: bool | None = None,
        order: Order = "conv_norm_act",
        conv: Part = PLAIN,
    ) -> None:
        super().__init__()
        check_groups(channels, out, groups)
        padding = same(kernel, dilation) if padding is None else padding
        bias = norm == NONE if bias is None else bias
        self.order = order
        self.conv = make("conv", conv, channels, out, kernel, stride, padding, dilation, groups, bias)
        self.norm = make("norm", norm, channels if order == "norm_act_conv" else out)
        self.act = make("act", act)

    def forward(self, x: Tensor) -> Tensor:
        if self.order == "conv_norm_act":
            return self.act(self.norm(self.conv(x)))
        if self.order == "norm_act_conv":
            return self.conv(self.act(self.norm(x)))
        return self.norm(self.conv(self.act(x)))


def same(kernel: int, dilation: int = 1) -> int:
    """The padding that keeps the size at stride 1 (odd kernels)."""
    return dilation * (kernel - 1) // 2


def check_groups(channels: int, out: int, groups: int) -> None:
    """Groups must divide what they group."""
    if channels % groups or out % groups:
        common = math.gcd(channels, out)
        fitting = [each for each in range(1, common + 1) if common % each == 0]
        near = sorted(sorted(fitting, key=lambda each: abs(each - groups))[:2])
        raise InvalidArchitecture(
            f"groups must divide input and output channels, but got {groups} groups for {channels} and {out} channels;"
            f" {' or '.join(map(str, near))} would fit",
            path="groups",
        )


def check_window(shape: MapShape, kernel: int, padding: int, dilation: int = 1) -> None:
    """A sliding window must fit into the padded map."""
    extent = dilation * (kernel - 1) + 1
    if min(shape.height, shape.width) + 2 * padding < extent:
        largest = (min(shape.height, shape.width) + 2 * padding - 1) // dilation + 1
        raise InvalidArchitecture(
            f"the map must be at least as large as the window, but got {shape} for {extent} (padding {padding});"
            f" a kernel of at most {largest}, a larger resolution or fewer strides would fit",
            path="kernel",
        )


def check_positions(x: Tensor, attention: str) -> None:
    """An attention over positions needs more than one: of a 1x1 map it has nothing to tell apart."""
    if x.shape[2] == x.shape[3] == 1:
        raise InvalidArchitecture(
            f"'{attention}' tells positions of a map apart, but the map it gets is 1x1; 'se', 'eca' or 'none', a larger"
            " resolution or fewer strides would fit",
            path="attention",
        )


def as_map(shape: Shape) -> MapShape:
    """The shape of a block that takes a map (checked before)."""
    assert isinstance(shape, MapShape)
    return shape
