"""Mixers: what exchanges information between tokens inside a transformer block; (B, N, C) to (B, N, C).

A mixer gets its config, the shape of the tokens (count, channels, grid, extra tokens) and the number of heads.
"""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from nas.arch import TokenShape
from nas.blocks import base
from nas.blocks.derived import derive
from nas.blocks.multihead import MultiHeadMixer, check_tokens
from nas.blocks.rope import rotary_cos, rotary_numbers, rotary_sin, rotate


class SoftmaxMixer(MultiHeadMixer):
    """Multi-head softmax attention of every token to every token (Vaswani et al., 2017).

    With `rope` queries and keys are turned by their place in the grid (EVA-02, Fang et al., 2023), which needs one;
    extra tokens are not turned. A bias of the keys shifts all scores of a query alike where there is no `rope`, so
    softmax takes it away; BEiT (Bao et al., 2022) leaves it out.
    """

    class Config(base.Config):
        """Softmax attention."""

        qkv_bias: bool = Field(True, description="bias of queries, keys and values")
        key_bias: bool = Field(True, description="whether the keys have a part of that bias")
        rope: bool = Field(False, description="turn queries and keys by row and column (2-D rotary positions)")
        rope_side: int | None = Field(
            None, ge=1, le=4096, description="side to which rows and columns are scaled (of pre-training); null: as is"
        )

    cos: Tensor
    sin: Tensor

    def __init__(self, config: SoftmaxMixer.Config, in_shape: TokenShape, heads: int) -> None:
        super().__init__(config, in_shape.channels, heads, qkv_bias=config.qkv_bias, key_bias=config.key_bias)
        check_tokens(in_shape.count)
        self.rope = config.rope
        if config.rope:
            numbers = rotary_numbers(in_shape, heads, config.rope_side)
            derive(self, "cos", rotary_cos, *numbers)
            derive(self, "sin", rotary_sin, *numbers)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x)
        if self.rope:
            q, k = rotate(q, self.cos, self.sin), rotate(k, self.cos, self.sin)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.project(mixed.transpose(1, 2).flatten(2))
