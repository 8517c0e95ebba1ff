"""Attention among all tokens of a grid whose scores also depend on how far apart two tokens are."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import TokenShape
from nas.blocks import base
from nas.blocks.derived import derive
from nas.blocks.init import init_linear
from nas.blocks.multihead import check_heads, check_tokens
from nas.blocks.partition import grid_of
from nas.blocks.relative_bias import RelativeBias
from nas.blocks.rounding import whole
from nas.errors import InvalidArchitecture


class RelativeAttention(base.PartModule):
    """Base of both: heads of their own width, softmax of scores plus what a subclass makes of offsets.

    A head has `head_dim` channels in queries and keys, and `head_dim * value_ratio` in values. They may also change
    the width, from the channels of the tokens to `out`; heads then share `out`.
    """

    widens = True

    class Config(base.Config):
        """What both have."""

        head_dim: int | None = Field(
            None, ge=1, le=1024, description="channels of a head in queries and keys; null: output channels / heads"
        )
        value_ratio: float = Field(1.0, ge=0.01, le=64, description="channels of a head in values / in keys")

    def __init__(
        self,
        config: RelativeAttention.Config,
        in_shape: TokenShape,
        heads: int,
        out: int | None,
        *,
        bias: bool,
        project: bool,
    ) -> None:
        super().__init__(config)
        out = out or in_shape.channels
        if config.head_dim is None:
            check_heads(out, heads)
        self.grid = grid_of(in_shape, "positions by offset")
        check_tokens(in_shape.count)
        self.heads = heads
        self.key_dim = config.head_dim or out // heads
        self.value_dim = whole(self.key_dim * config.value_ratio)
        self.qkv = nn.Linear(in_shape.channels, heads * (2 * self.key_dim + self.value_dim), bias)
        self.project = nn.Linear(heads * self.value_dim, out) if project else nn.Identity()
        if not project and heads * self.value_dim != out:
            raise InvalidArchitecture(
                f"heads * channels of a value must be {out} where nothing is projected, but got {heads} *"
                f" {self.value_dim}; leave head_dim null and value_ratio 1, or set project",
                path="mixer.relative_embedding.head_dim",
            )
        for layer in (self.qkv, self.project):
            if isinstance(layer, nn.Linear):
                init_linear(layer)

    def forward(self, x: Tensor) -> Tensor:
        widths = [self.heads * dim for dim in (self.key_dim, self.key_dim, self.value_dim)]
        q, k, v = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in self.qkv(x).split(widths, 2))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=self.scores_bias(q).to(q.dtype))
        return self.project(mixed.transpose(1, 2).flatten(2))

    def scores_bias(self, q: Tensor) -> Tensor:
        """What is added to the scaled scores; q is (B, heads, N, D), the result (B or 1, heads, N, N)."""
        raise NotImplementedError


class RelativeMixer(RelativeAttention):
    """A learned number for each head and offset is added to the scores (CoAtNet, Dai et al., 2021).

    The table is (2H - 1)(2W - 1) x heads; with `offsets: absolute` up and down, left and right are the same and it is
    heads x H W (LeViT, Graham et al., 2021). EfficientFormer (Li et al., 2022): `offsets: absolute, head_dim: 32,
    value_ratio: 4`.
    """

    class Config(RelativeAttention.Config):
        """Attention with a bias by offset."""

        offsets: Literal["signed", "absolute"] = Field(
            "signed", description="whether an offset and its mirror images have numbers of their own"
        )
        qkv_bias: bool = Field(True, description="bias of queries, keys and values")

    def __init__(self, config: RelativeMixer.Config, in_shape: TokenShape, heads: int, out: int | None = None) -> None:
        super().__init__(config, in_shape, heads, out, bias=config.qkv_bias, project=True)
        self.bias = (RelativeBias if config.offsets == "signed" else MirroredBias)(*self.grid, heads)

    def scores_bias(self, q: Tensor) -> Tensor:
        bias: Tensor = self.bias()
        return bias[None]


class MirroredBias(nn.Module):
    """A learned number for each head and distance along rows and columns (LeViT, 2021); (heads, N, N)."""

    def __init__(self, rows: int, columns: int, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(heads, rows * columns))
        nn.init.trunc_normal_(self.table, std=0.02)
        derive(self, "index", distance_index, rows, columns)
        self.index: Tensor

    def forward(self) -> Tensor:
        return self.table[:, self.index]


class EmbeddingMixer(RelativeAttention):
    """Queries meet learned vectors of the offset in rows and in columns as they meet keys (BoTNet, 2021).

    Score of query i and key j: q_i (k_j + r_down + r_across) / sqrt(D). The vectors are (2H - 1) x D and (2W - 1) x D,
    shared by the heads. There is no output projection unless asked for: in a bottleneck the 1x1 convolution follows.
    """

    class Config(RelativeAttention.Config):
        """Attention with embeddings of relative positions."""

        qkv_bias: bool = Field(False, description="bias of queries, keys and values")
        project: bool = Field(False, description="a linear layer after the heads")

    def __init__(self, config: EmbeddingMixer.Config, in_shape: TokenShape, heads: int, out: int | None = None) -> None:
        super().__init__(config, in_shape, heads, out, bias=config.qkv_bias, project=config.project)
        scale = self.key_dim**-0.5  # the paper's code
        nn.init.normal_(self.qkv.weight, std=in_shape.channels**-0.5)  # no projection scales what leaves, a norm does
        for name, side in zip(("rows", "columns"), self.grid, strict=True):
            vectors = nn.Parameter(torch.empty(2 * side - 1, self.key_dim))
            nn.init.normal_(vectors, std=scale)
            self.register_parameter(name, vectors)
            derive(self, f"{name}_index", step_index, side)
        self.rows: nn.Parameter
        self.columns: nn.Parameter
        self.rows_index: Tensor
        self.columns_index: Tensor

    def scores_bias(self, q: Tensor) -> Tensor:
        grid = (q / math.sqrt(self.key_dim)).unflatten(2, self.grid)
        down = _by_offset(grid.transpose(2, 3), self.rows, self.rows_index).transpose(2, 3)
        across = _by_offset(grid, self.columns, self.columns_index)
        return (down.unsqueeze(5) + across.unsqueeze(4)).flatten(4).flatten(2, 3)


def distance_index(rows: int, columns: int) -> Tensor:
    """For every query and key the number of their distance along rows and columns, (N, N)."""
    token = torch.arange(rows * columns)
    down, across = token // columns, token % columns
    return (down[:, None] - down).abs() * columns + (across[:, None] - across).abs()


def step_index(side: int) -> Tensor:
    """For every query and key along a side the number of their offset, (side, side)."""
    steps = torch.arange(side)
    return steps - steps[:, None] + side - 1


def _by_offset(q: Tensor, vectors: Tensor, index: Tensor) -> Tensor:
    """Scores of q (..., side, D) and the vector of each offset along that side; (..., side, side)."""
    scores = F.linear(q, vectors)
    return scores.gather(-1, index.expand(*scores.shape[:-1], -1))
