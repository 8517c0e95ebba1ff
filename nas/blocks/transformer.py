"""The transformer block of ViT."""

from __future__ import annotations

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
    """

    takes = "tokens"
    out = "fixed"
    strides = False
    examples = ({"heads": 2}, {"heads": 1, "mixer": {"softmax": {"qkv_bias": False}}})

    class Config(base.Config):
        """A transformer block."""

        heads: int = Field(ge=1, le=1024, description="number of attention heads; must divide the channels")
        mlp_ratio: float = Field(4.0, ge=0.01, le=64, description="hidden channels of the perceptron / channels")
        norm: NormPart = Field(Part("layer"), description="normalisation before mixer and perceptron")
        act: ActPart = Field(Part("gelu"), description="activation of the perceptron")
        mixer: MixerPart = Field(Part("softmax"), description="what mixes the tokens")
        layer_scale: bool = Field(False, description="a learned factor for each channel of both branches (CaiT)")

    def __init__(self, config: Transformer.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        channels = in_shape.channels
        hidden = whole(channels * config.mlp_ratio)
        self.mixer_norm = make("norm", config.norm, channels)
        self.mixer = make("mixer", config.mixer, in_shape, config.heads)
        self.mlp_norm = make("norm", config.norm, channels)
        self.expand = nn.Linear(channels, hidden)
        self.act = make("act", config.act)
        self.project = nn.Linear(hidden, channels)
        self.mixer_scale = nn.Parameter(torch.full((channels,), LAYER_SCALE)) if config.layer_scale else None
        self.mlp_scale = nn.Parameter(torch.full((channels,), LAYER_SCALE)) if config.layer_scale else None
        init_linear(self.expand)
        init_linear(self.project)

    def forward(self, x: Tensor) -> Tensor:
        x = self.add_scaled(x, self.mixer(self.mixer_norm(x)), self.mixer_scale)
        return self.add_scaled(x, self.project(self.act(self.expand(self.mlp_norm(x)))), self.mlp_scale)

    def add_scaled(self, x: Tensor, branch: Tensor, scale: Tensor | None) -> Tensor:
        return self.add(x, branch if scale is None else branch * scale)
