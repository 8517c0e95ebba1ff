"""A convolution with norm and activation: stems, downsampling, heads, separable convolutions."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, AttentionPart, ConvPart, GroupCount, NormPart
from nas.blocks.registry import make
from nas.blocks.units import NONE, PLAIN, ConvUnit, Order, as_map, check_window, same


class Conv(base.BlockModule):
    """Convolution, norm, activation, attention; (C, H, W) to (out, H', W'), out = C unless written.

    `order: norm_act_conv` is pre-activation (ResNet v2, 2016; with `norm: layer` and `act: none` ConvNeXt's
    downsampling), `act_conv_norm` the unit of NAS-Bench-201 (2020).
    """

    takes = "map"
    examples = (
        {},
        {"groups": 8},
        {"kernel": 4, "padding": 0, "norm": "none"},
        {"dilation": 2, "order": "norm_act_conv"},
    )

    class Config(base.Config):
        """A convolution with norm and activation."""

        kernel: int = Field(3, ge=1, le=63, description="side of the kernel in pixels")
        groups: GroupCount = Field(
            1, ge=1, description="groups of channels that do not see each other; the input channels make it depthwise"
        )
        dilation: int = Field(1, ge=1, le=32, description="pixels between the kernel's taps")
        padding: int = Field(
            default_factory=lambda data: same(data["kernel"], data["dilation"]),
            ge=0,
            le=512,
            description="zero pixels on every side; null: dilation * (kernel - 1) // 2",
        )
        norm: NormPart = Field(Part("batch"), description="normalisation")
        act: ActPart = Field(Part("relu"), description="activation")
        bias: bool = Field(
            default_factory=lambda data: data["norm"] == NONE,
            description="bias of the convolution; null: only without a norm",
        )
        order: Order = Field("conv_norm_act", description="what comes first")
        conv: ConvPart = Field(PLAIN, description="kind of convolution")
        attention: AttentionPart = Field(Part("none"), description="attention on the output")

    def __init__(self, config: Conv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_map(in_shape)
        check_window(shape, config.kernel, config.padding, config.dilation)
        self.unit = ConvUnit(
            shape.channels,
            out or shape.channels,
            config.kernel,
            norm=config.norm,
            act=config.act,
            stride=stride,
            padding=config.padding,
            groups=config.groups,
            dilation=config.dilation,
            bias=config.bias,
            order=config.order,
            conv=config.conv,
        )
        self.attention = make("attention", config.attention, out or shape.channels, shape.channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.unit(x))
