"""The transformer block of ViT, and what it shares with one that carries a stride."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import ActPart, HeadCount, MixerPart, NormPart
from nas.blocks.init import init_linear
from nas.blocks.registry import PARTS, make
from nas.blocks.residual import ResidualBlock
from nas.blocks.rounding import whole
from nas.blocks.units import NONE

LAYER_SCALE = 1e-5  # where the scales start (Touvron et al., 2021)


class TransformerBlock(ResidualBlock):
    """Base of both transformer blocks: mixer and perceptron, each a branch with its norm, scale and sum.

    With `gated` and `act: silu` the perceptron is SwiGLU (Shazeer, 2020), with `inner_norm` it has EVA-02's sub-norm.
    `norm_at: layers` normalises after each layer of the perceptron, behind the first before its activation.
    """

    class Config(base.Config):
        """What both have."""

        heads: HeadCount = Field(ge=1, le=1024, description="number of attention heads; must divide the channels")
        mlp_ratio: float = Field(4.0, ge=0.01, le=64, description="hidden channels of the perceptron / channels")
        norm: NormPart = Field(Part("layer"), description="normalisation of both branches")
        norm_at: Literal["pre", "post", "layers"] = Field(
            "pre", description="before mixer and perceptron, after them, or after each layer of the perceptron"
        )
        act: ActPart = Field(Part("gelu"), description="activation of the perceptron")
        gated: bool = Field(False, description="the activated hidden channels multiply a second linear layer's")
        inner_norm: NormPart = Field(Part("none"), description="normalisation of the perceptron's hidden channels")
        mixer: MixerPart = Field(Part("softmax"), description="what mixes the tokens")
        layer_scale: bool = Field(False, description="a learned factor for each channel of both branches (CaiT)")

    def assemble(self, config: TransformerBlock.Config, in_shape: TokenShape, out: int) -> None:
        """Makes the mixer, which leads to `out` channels, and the perceptron behind it."""
        hidden = whole(out * config.mlp_ratio)
        self.norm_at = config.norm_at
        in_layers = config.norm_at == "layers"
        normed = in_shape.channels if config.norm_at == "pre" else out
        self.mixer_norm = make("norm", NONE if in_layers else config.norm, normed)
        self.mixer = mixer_to(config.mixer, in_shape, config.heads, out)
        self.mlp_norm = make("norm", config.norm, out)
        self.expand = nn.Linear(out, hidden)
        self.gate = nn.Linear(out, hidden) if config.gated else None
        self.hidden_norm = make("norm", config.norm if in_layers else NONE, hidden)
        self.act = make("act", config.act)
        self.inner_norm = make("norm", config.inner_norm, hidden)
        self.project = nn.Linear(hidden, out)
        self.mixer_scale = nn.Parameter(torch.full((out,), LAYER_SCALE)) if config.layer_scale else None
        self.mlp_scale = nn.Parameter(torch.full((out,), LAYER_SCALE)) if config.layer_scale else None
        init_linear(self.expand)
        init_linear(self.project)
        if self.gate is not None:
            init_linear(self.gate)

    def both(self, shortcut: Tensor, x: Tensor, mixer: Callable[[Tensor], Tensor]) -> Tensor:
        """Both branches: the mixer's, of `x`, is added to the shortcut, the perceptron's to the sum."""
        x = self.add_scaled(shortcut, self.branch(x, mixer, self.mixer_norm), self.mixer_scale)
        return self.add_scaled(x, self.branch(x, self.perceptron, self.mlp_norm), self.mlp_scale)

    def branch(self, x: Tensor, inner: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        branch: Tensor = inner(norm(x)) if self.norm_at == "pre" else norm(inner(x))
        return branch

    def perceptron(self, x: Tensor) -> Tensor:
        hidden = self.act(self.hidden_norm((self.expand if self.gate is None else self.gate)(x)))
        if self.gate is not None:
            hidden = hidden * self.expand(x)
        return self.project(self.inner_norm(hidden))

    def add_scaled(self, x: Tensor, branch: Tensor, scale: Tensor | None) -> Tensor:
        return self.add(x, branch if scale is None else branch * scale)


def mixer_to(mixer: Part, in_shape: TokenShape, heads: int, out: int) -> nn.Module:
    """A mixer from the tokens' channels to `out`; one that keeps its channels gets tokens projected to `out`."""
    if out == in_shape.channels:
        return make("mixer", mixer, in_shape, heads)
    if getattr(PARTS["mixer"][mixer.kind], "widens", False):
        return make("mixer", mixer, in_shape, heads, out)
    project = nn.Linear(in_shape.channels, out)
    init_linear(project)
    return nn.Sequential(project, make("mixer", mixer, replace(in_shape, channels=out), heads))


class Transformer(TransformerBlock):
    """Norm, mixer, sum; norm, perceptron of two layers, sum (ViT, Dosovitskiy et al., 2021); (N, C), shape unchanged.

    A map that arrives becomes tokens before it, and tokens become a map again before a block that takes one: both are
    views of the same memory in channels_last. It cannot carry a stride. The mixer is a part; `heads` is handed to it.
    EfficientFormer's block on maps (Li et al., 2022) is `mixer: pool, norm: batch, norm_at: layers, layer_scale: true`.
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
        {"heads": 2, "mixer": {"cross_window": {"stripe": 2}}},
        {"heads": 1, "norm": "batch", "norm_at": "layers", "mixer": "pool"},
        {"heads": 2, "mixer": {"relative": {"offsets": "absolute", "head_dim": 4, "value_ratio": 2.0}}},
    )

    class Config(TransformerBlock.Config):
        """A transformer block."""

    def __init__(self, config: Transformer.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        self.assemble(config, in_shape, in_shape.channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(x, x, self.mixer)
