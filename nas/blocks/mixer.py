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
from nas.blocks.rope import rotary_tables, rotate
from nas.errors import InvalidArchitecture


class SoftmaxMixer(base.PartModule):
    """Multi-head softmax attention of every token to every token (Vaswani et al., 2017).

    Queries, keys and values are one tensor (3, C, C), so that fewer channels or heads are leading slices of it.
    With `rope` queries and keys are turned by their place in the grid (EVA-02, Fang et al., 2023), which needs one;
    extra tokens are not turned. Without parameters; a bias of the keys shifts all scores of a query alike, so softmax
    takes it away and BEiT (Bao et al., 2022) leaves it out.
    """

    class Config(base.Config):
        """Softmax attention."""

        qkv_bias: bool = Field(True, description="bias of queries, keys and values")
        key_bias: bool = Field(True, description="whether the keys have a part of that bias")
        rope: bool = Field(False, description="turn queries and keys by row and column (2-D rotary positions)")
        rope_side: int | None = Field(
            None, ge=1, le=4096, description="side to which rows and columns are scaled (of pre-training); null: as is"
        )

    def __init__(self, config: SoftmaxMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config)
        channels = in_shape.channels
        if channels % heads:
            raise InvalidArchitecture(f"must divide the channels ({channels}), but got {heads}", path="heads")
        self.heads = heads
        self.key_bias = config.key_bias
        self.qkv_weight = nn.Parameter(torch.empty(3, channels, channels))
        self.qkv_bias = nn.Parameter(torch.zeros(2 + config.key_bias, channels)) if config.qkv_bias else None
        self.project = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.qkv_weight, std=0.02)
        nn.init.trunc_normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)
        self.rope = config.rope
        if config.rope:
            cos, sin = rotary_tables(in_shape, heads, config.rope_side)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, channels = x.shape
        qkv = F.linear(x, self.qkv_weight.flatten(0, 1), self._bias())
        q, k, v = qkv.view(batch, count, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.rope:
            q, k = rotate(q, self.cos, self.sin), rotate(k, self.cos, self.sin)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, channels))

    def _bias(self) -> Tensor | None:
        if self.qkv_bias is None or self.key_bias:
            return None if self.qkv_bias is None else self.qkv_bias.flatten()
        queries, values = self.qkv_bias
        return torch.cat((queries, torch.zeros_like(queries), values))
