"""Kinds of convolution of a map (B, in, H, W) to (B, out, H', W').

A convolution gets its config, input and output channels, the side of its kernel, stride, padding, dilation, groups, and
whether it has a bias.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.blocks import base
from nas.blocks.init import init_conv


class PlainConv(nn.Conv2d):
    """The same kernel for every image."""

    Config = base.Config

    def __init__(self, config: base.Config, *geometry: int) -> None:
        channels, out, kernel, stride, padding, dilation, groups, bias = geometry
        super().__init__(channels, out, kernel, stride, padding, dilation, groups, bool(bias))
        init_conv(self)


class DynamicConv(base.PartModule):
    """Dynamic convolution (Chen et al., 2020): K kernels, mixed for each image by attention over its mean.

    The attention is that of squeeze-and-excitation with a softmax over K; its squeezed width is C * ratio rounded down,
    plus one. It starts uniform, which the paper reaches by a temperature that falls during training. The kernels are
    kept as one convolution of K * out channels, which never runs as such.
    """

    class Config(base.Config):
        """A dynamic convolution."""

        kernels: int = Field(4, ge=1, le=64, description="number of kernels that are mixed")
        ratio: float = Field(0.25, ge=0.001, le=4, description="squeezed channels of the attention / input channels")

    def __init__(self, config: DynamicConv.Config, *geometry: int) -> None:
        super().__init__(config)
        channels, out, kernel, stride, padding, dilation, groups, bias = geometry
        self.out_channels = out
        self.bank = nn.Conv2d(channels, config.kernels * out, kernel, stride, padding, dilation, groups, bool(bias))
        self.reduce = nn.Conv2d(channels, int(channels * config.ratio) + 1, 1, bias=False)
        self.weigh = nn.Conv2d(self.reduce.out_channels, config.kernels, 1)
        init_conv(self.bank)
        with torch.no_grad():
            self.bank.weight.mul_(config.kernels)  # the mean of all kernels then has He's variance
        init_conv(self.reduce)
        for parameter in self.weigh.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        batch, bank = x.shape[0], self.bank
        attention = self.weigh(self.reduce(x.mean((2, 3), keepdim=True)).relu()).flatten(1).softmax(1)
        kernels = attention @ bank.weight.reshape(attention.shape[1], -1)
        bias = None if bank.bias is None else (attention @ bank.bias.reshape(attention.shape[1], -1)).flatten()
        # every image is a group of channels of one image, with the kernel that is its own
        y = F.conv2d(
            x.reshape(1, -1, *x.shape[2:]),
            kernels.reshape(-1, *bank.weight.shape[1:]),
            bias,
            bank.stride,
            bank.padding,
            bank.dilation,
            batch * bank.groups,
        )
        return y.reshape(batch, -1, *y.shape[2:])
