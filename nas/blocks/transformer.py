"""The transformer block of ViT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import ActPart, MixerPart, NormPart
from nas.blocks.init import init_linear
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole

LAYER_SCALE = 1e-5  # where the scales start (Touvron et al., 2021)


class Transformer(ResidualBlock):
    """Norm, mixer, sum; norm, perceptron of two layers, sum (ViT, Dosovitskiy et al., 2021); (N, C), shape unchanged.

    A map that arrives becomes tokens before it, and tokens become a map again before a block that takes one: both are
    views of the same memory in channels_last. It cannot carry a stride. The mixer is a part; `heads` is handed to it.
    With `gated` and `act: silu` the perceptron is SwiGLU (Shazeer, 2020), with `inner_norm` it has EVA-02's sub-norm.
    """

    takes = "tokens"
    out = "fixed"
    strides = False
    examples = (
        {"heads": 2},
        {"heads": 1, "mixer": {"softmax": {"qkv_bias": False}}},
        {"heads": 2, "gated": True},
        {"heads": 2, "mixer": {"window": {"size": 2, "shift": 1}}},
        {"heads": 2, "norm_at": "post", "mixer": {"window": {"size": 2, "cosine": True, "position": "continuous"}}},
    )

    class Config(base.Config):
        """A transformer block."""

        heads: int = Field(ge=1, le=1024, description="number of attention heads; must divide the channels")
        mlp_ratio: float = Field(4.0, ge=0.01, le=64, description="hidden channels of the perceptron / channels")
        norm: NormPart = Field(Part("layer"), description="normalisation of both branches")
        norm_at: Literal["pre", "post"] = Field("pre", description="norm before mixer and perceptron, or after (Swin V2)")
        act: ActPart = Field(Part("gelu"), description="activation of the perceptron")
        gated: bool = Field(False, description="the activated hidden channels multiply a second linear layer's")
        inner_norm: NormPart = Field(Part("none"), description="normalisation of the perceptron's hidden channels")
        mixer: MixerPart = Field(Part("softmax"), description="what mixes the tokens")
        layer_scale: bool = Field(False, description="a learned factor for each channel of both branches (CaiT)")

    def __init__(self, config: Transformer.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        channels = in_shape.channels
        hidden = whole(channels * config.mlp_ratio)
        self.norm_at = config.norm_at
        self.mixer_norm = make("norm", config.norm, channels)
        self.mixer = make("mixer", config.mixer, in_shape, config.heads)
        self.mlp_norm = make("norm", config.norm, channels)
        self.expand = nn.Linear(channels, hidden)
        self.gate = nn.Linear(channels, hidden) if config.gated else None
        self.act = make("act", config.act)
        self.inner_norm = make("norm", config.inner_norm, hidden)
        self.project = nn.Linear(hidden, channels)
        self.mixer_scale = nn.Parameter(torch.full((channels,), LAYER_SCALE)) if config.layer_scale else None
        self.mlp_scale = nn.Parameter(torch.full((channels,), LAYER_SCALE)) if config.layer_scale else None
        init_linear(self.expand)
        init_linear(self.project)
        if self.gate is not None:
            init_linear(self.gate)

    def forward(self, x: Tensor) -> Tensor:
        x = self.add_scaled(x, self.branch(x, self.mixer, self.mixer_norm), self.mixer_scale)
        return self.add_scaled(x, self.branch(x, self.perceptron, self.mlp_norm), self.mlp_scale)

    def branch(self, x: Tensor, inner: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        branch: Tensor = inner(norm(x)) if self.norm_at == "pre" else norm(inner(x))
        return branch

    def perceptron(self, x: Tensor) -> Tensor:
        hidden = self.act(self.expand(x)) if self.gate is None else self.act(self.gate(x)) * self.expand(x)
        return self.project(self.inner_norm(hidden))

    def add_scaled(self, x: Tensor, branch: Tensor, scale: Tensor | None) -> Tensor:
        return self.add(x, branch if scale is None else branch * scale)
