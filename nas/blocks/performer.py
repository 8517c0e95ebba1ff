"""A transformer block whose attention costs as much as there are tokens, not their square."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, NormPart
from nas.blocks.init import init_linear
from nas.blocks.registry import make
from nas.blocks.rounding import whole

EPSILON = 1e-8  # keeps the division finite where no key is like the query


class Performer(base.BlockModule):
    """Token transformer with kernel attention; tokens (N, C) to (N, out), out = C unless written.

    Performer (Choromanski et al., 2021) as in the token-to-token module of T2T-ViT (Yuan et al., 2021): one head of
    width `out`, the exponential kernel by m positive random features of orthogonal directions, which are drawn once
    and stay; queries and keys are not scaled. Since the width changes, values take the place of the first shortcut.
    The largest exponent of each query and of all keys of an image is taken off first (as Performer does): it cancels
    in the quotient and nothing overflows.
    """

    takes = "tokens"
    strides = False

    class Config(base.Config):
        """A transformer block with kernel attention."""

        features: float = Field(0.5, ge=0.01, le=1.0, description="random features / output channels")
        mlp_ratio: float = Field(1.0, ge=0.01, le=64, description="hidden channels of the perceptron / output channels")
        norm: NormPart = Field(Part("layer"), description="normalisation before attention and perceptron")
        act: ActPart = Field(Part("gelu"), description="activation of the perceptron")

    def __init__(self, config: Performer.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = in_shape.channels
        width = out or channels
        count = whole(width * config.features)
        self.attention_norm = make("norm", config.norm, channels)
        self.qkv_weight = nn.Parameter(torch.empty(3, width, channels))
        self.qkv_bias = nn.Parameter(torch.zeros(3, width))
        self.directions = nn.Parameter(torch.empty(count, width), requires_grad=False)
        self.mix = nn.Linear(width, width)
        self.mlp_norm = make("norm", config.norm, width)
        self.expand = nn.Linear(width, whole(width * config.mlp_ratio))
        self.act = make("act", config.act)
        self.project = nn.Linear(self.expand.out_features, width)
        nn.init.trunc_normal_(self.qkv_weight, std=0.02)
        nn.init.orthogonal_(self.directions, gain=math.sqrt(count))
        for linear in (self.mix, self.expand, self.project):
            init_linear(linear)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention_norm(x)
        q, k, v = F.linear(x, self.qkv_weight.flatten(0, 1), self.qkv_bias.flatten()).chunk(3, -1)
        x = v + self.mix(self.attend(q, k, v))
        return x + self.project(self.act(self.expand(self.mlp_norm(x))))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The mean of all values, weighted by the features of query and key; (B, N, out) each."""
        queries, keys = self._exponents(q), self._exponents(k)
        queries = (queries - queries.amax(2, keepdim=True)).exp()
        keys = (keys - keys.amax((1, 2), keepdim=True)).exp()
        weighted = queries @ (keys.transpose(1, 2) @ v)
        total = queries @ keys.sum(1).unsqueeze(2)
        return weighted / (total + EPSILON)

    def _exponents(self, x: Tensor) -> Tensor:
        """For every direction w, w x - |x|^2 / 2: products of their exponentials have the mean exp(x y)."""
        return F.linear(x, self.directions) - x.square().sum(2, keepdim=True) / 2
