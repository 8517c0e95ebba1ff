"""Initial weights; functions of `torch.nn.init` are named in full, so that a counter may switch them off at once."""

from __future__ import annotations

import math

from torch import nn


def init_conv(conv: nn.Conv2d) -> None:
    """He initialisation by the fan-out of a group (He et al., 2015; EfficientNet's code), zero bias.

    PyTorch's fan-out forgets the groups: depthwise weights then start so small that an untrained network's output
    underflows.
    """
    fan_out = math.prod(conv.kernel_size) * conv.out_channels // conv.groups
    nn.init.normal_(conv.weight, 0.0, math.sqrt(2.0 / fan_out))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_linear(linear: nn.Module) -> None:
    """Truncated normal of standard deviation 0.02, zero bias (ViT, ConvNeXt); for linear layers and convolutions."""
    assert isinstance(linear, nn.Linear | nn.Conv2d)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
