"""What every mixer with queries, keys and values of several heads shares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks import base
from nas.errors import InvalidArchitecture


class MultiHeadMixer(base.PartModule):
    """Base of mixers with queries, keys and values of several heads (Vaswani et al., 2017), joined by a linear layer.

    Queries, keys and values are one tensor (3, C, C), so that fewer channels or heads are leading slices of it; their
    bias is (3, C), without the keys' (2, C).
    """

    def __init__(
        self, config: base.Config, channels: int, heads: int, *, qkv_bias: bool = True, key_bias: bool = True
    ) -> None:
        super().__init__(config)
        check_heads(channels, heads)
        self.heads = heads
        self.qkv_weight = nn.Parameter(torch.empty(3, channels, channels))
        self.qkv_bias = nn.Parameter(torch.zeros(2 + key_bias, channels)) if qkv_bias else None
        self.project = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.qkv_weight, std=0.02)
        nn.init.trunc_normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of every head; (..., N, C) to (..., heads, N, C / heads) each."""
        bias: Tensor | None = self.qkv_bias
        if bias is not None and len(bias) == 2:
            bias = torch.stack((bias[0], torch.zeros_like(bias[0]), bias[1]))
        qkv = F.linear(x, self.qkv_weight.flatten(0, 1), None if bias is None else bias.flatten())
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).transpose(-2, -4).unbind(-3)
        return q, k, v


def check_tokens(count: int) -> None:
    """Attention needs tokens to choose from: of a single one it takes all, whatever it learns."""
    if count < 2:
        raise InvalidArchitecture(
            "attention needs at least two tokens that see each other, but here each sees itself alone; a larger"
            " resolution, fewer strides or a block without attention would fit",
            path="mixer",
        )


def check_heads(channels: int, heads: int) -> None:
    """Heads must divide the channels; raises `InvalidArchitecture` with the nearest that do."""
    if channels % heads:
        raise InvalidArchitecture(
            f"must divide the channels ({channels}), but got {heads}; {nearest_heads(heads, channels)} would fit",
            path="heads",
        )


def nearest_heads(heads: int, channels: int, *, even: bool = False) -> str:
    """The two (even) numbers of heads nearest to one that divide the channels, in words; empty where there is none."""
    fitting = [each for each in range(1, channels + 1) if channels % each == 0 and not (even and each % 2)]
    return " or ".join(map(str, sorted(sorted(fitting, key=lambda each: abs(each - heads))[:2])))
