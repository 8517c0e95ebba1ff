"""The block of RepVGG."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.branches import ParallelConv
from nas.blocks.fields import ActPart, AttentionPart, GroupCount, OddInt
from nas.blocks.registry import make
from nas.blocks.units import as_map, check_window, same
from nas.errors import InvalidArchitecture


class RepConv(base.BlockModule):
    """A convolution that trains as a large kernel, a small one and the input (RepVGG, Ding et al., 2021).

    (C, H, W) to (out, H', W'). Each branch has a batch norm; they are added, then come attention and activation. The
    identity is there where stride is 1 and out is C. Fused it is one convolution with bias; so it is costed and
    measured.
    """

    takes = "map"
    examples = ({}, {"kernel": 5, "small_kernel": 3, "groups": 8}, {"small_kernel": None, "identity": False})

    class Config(base.Config):
        """A convolution with parallel branches."""

        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernel in pixels, odd")
        small_kernel: OddInt | None = Field(
            1, ge=1, le=63, description="side of the kernel beside it, odd, at most `kernel`; null: none"
        )
        identity: bool = Field(True, description="add the input with a batch norm where shapes fit")
        groups: GroupCount = Field(1, ge=1, description="groups of channels that do not see each other")
        attention: AttentionPart = Field(Part("none"), description="attention between the sum and the activation")
        act: ActPart = Field(Part("relu"), description="activation")

    def __init__(self, config: RepConv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_map(in_shape)
        out = out or shape.channels
        check_window(shape, config.kernel, same(config.kernel))
        self.conv = ParallelConv(
            shape.channels,
            out,
            kernels(config.kernel, config.small_kernel),
            stride=stride,
            groups=config.groups,
            identity=config.identity and stride == 1 and out == shape.channels,
        )
        self.attention = make("attention", config.attention, out, shape.channels)
        self.act = make("act", config.act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.attention(self.conv(x)))


def kernels(kernel: int, small_kernel: int | None) -> tuple[int, ...]:
    """The kernels of a `ParallelConv`; raises `InvalidArchitecture` when the small one is the larger."""
    if small_kernel is None:
        return (kernel,)
    if small_kernel > kernel:
        raise InvalidArchitecture(
            f"must be at most the kernel, but got {small_kernel} for a kernel of {kernel}", path="small_kernel"
        )
    return kernel, small_kernel
