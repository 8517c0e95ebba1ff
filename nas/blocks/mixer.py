"""Mixers: what exchanges information between tokens inside a transformer block; (B, N, C) to (B, N, C).

A mixer gets its config, the shape of the tokens (count, channels, grid, extra tokens) and the number of heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import TokenShape
from nas.blocks import base
from nas.errors import InvalidArchitecture


class SoftmaxMixer(base.PartModule):
    """Multi-head softmax attention of every token to every token (Vaswani et al., 2017).

    Queries, keys and values are one tensor (3, C, C), so that fewer channels or heads are leading slices of it.
    """

    class Config(base.Config):
        """Softmax attention."""

        qkv_bias: bool = Field(True, description="bias of queries, keys and values")

    def __init__(self, config: SoftmaxMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config)
        channels = in_shape.channels
        if channels % heads:
            raise InvalidArchitecture(f"must divide the channels ({channels}), but got {heads}", path="heads")
        self.heads = heads
        self.qkv_weight = nn.Parameter(torch.empty(3, channels, channels))
        self.qkv_bias = nn.Parameter(torch.zeros(3, channels)) if config.qkv_bias else None
        self.project = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.qkv_weight, std=0.02)
        nn.init.trunc_normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, channels = x.shape
        bias = None if self.qkv_bias is None else self.qkv_bias.flatten()
        qkv = F.linear(x, self.qkv_weight.flatten(0, 1), bias)
        q, k, v = qkv.view(batch, count, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, channels))
