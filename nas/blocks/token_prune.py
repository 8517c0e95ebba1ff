"""Leaves tokens out on the way, those that say least of the image."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Shape, TokenShape
from nas.blocks import base
from nas.blocks.init import init_linear
from nas.blocks.rounding import whole
from nas.errors import InvalidArchitecture


class TokenPrune(base.BlockModule):
    """Keeps a share of tokens, those of the highest scores (DynamicViT, Rao et al., 2021); (N, C) to (k, C), in order.

    A perceptron scores every token by itself and by the mean of all; extra tokens are always kept and not scored. What
    is left has no grid. The number is fixed, so cost and latency do not depend on the image.

    Training differs from the paper: there all tokens stay, those dropped are masked in every later attention, and a
    loss pulls the mean share towards the ratio. Here training drops as many as evaluation, by scores with Gumbel noise,
    and the kept tokens carry the gradient of their probability (straight-through), so it needs no loss of its own.
    """

    takes = "tokens"
    out = "fixed"
    strides = False
    examples = ({}, {"keep": 0.5})

    class Config(base.Config):
        """Token pruning."""

        keep: float = Field(0.7, ge=0.01, le=1.0, description="tokens kept / tokens that arrive, to the nearest number")

    def __init__(self, config: TokenPrune.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        channels = in_shape.channels
        if channels % 4:
            raise InvalidArchitecture(
                f"channels must be a multiple of 4 (the scores' perceptron halves them twice), but got {channels};"
                f" nearest are {channels // 4 * 4} and {channels // 4 * 4 + 4}"
            )
        self.extra = in_shape.extra
        self.keeps = config.keep
        self.count = whole((in_shape.count - len(in_shape.extra)) * config.keep)
        self.embed = nn.Sequential(nn.LayerNorm(channels, eps=1e-5), nn.Linear(channels, channels), nn.GELU())
        self.judge = nn.Sequential(
            nn.Linear(channels, channels // 2),
            nn.GELU(),
            nn.Linear(channels // 2, channels // 4),
            nn.GELU(),
            nn.Linear(channels // 4, 2),
        )
        for module in (*self.embed, *self.judge):
            if isinstance(module, nn.Linear):
                init_linear(module)

    def forward(self, x: Tensor) -> Tensor:
        extra, tokens = x[:, : len(self.extra)], x[:, len(self.extra) :]
        scores = self.scores(tokens)
        if self.training:
            probability = scores.sigmoid()
            tokens = tokens * (1 + (probability - probability.detach())).unsqueeze(2)
            uniform = torch.rand_like(scores, dtype=torch.float32).clamp(1e-6, 1 - 1e-6)
            scores = scores + uniform.logit()  # the difference of two Gumbel variables
        kept = scores.topk(self.count, 1).indices.sort(1).values
        tokens = tokens.gather(1, kept.unsqueeze(2).expand(-1, -1, tokens.shape[2]))
        return torch.cat((extra, tokens), 1)

    def scores(self, tokens: Tensor) -> Tensor:
        """How much better it is to keep each token than to drop it, in log-odds; (B, N, C) to (B, N)."""
        local, common = self.embed(tokens).chunk(2, 2)
        both = torch.cat((local, common.mean(1, keepdim=True).expand_as(local)), 2)
        keep, drop = self.judge(both).unbind(2)
        return keep - drop

    def out_shape(self, output: Tensor) -> Shape:
        return TokenShape(output.shape[1], output.shape[2], None, self.extra)
