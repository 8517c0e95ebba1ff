"""The bottleneck of BoTNet, whose spatial convolution is attention."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import ActPart, HeadCount, LaterAttentionPart, MixerPart, NormPart
from nas.blocks.pooled_shortcut import pooled
from nas.blocks.registry import make
from nas.blocks.residual import ResidualBlock
from nas.blocks.resnet import Shortcut
from nas.blocks.rounding import whole
from nas.blocks.units import NONE, ConvUnit, as_map


class BoT(ResidualBlock):
    """1x1 to the inner width, a mixer, 1x1 to `out` (BoTNet, Srinivas et al., 2021); (C, H, W) to (out, H', W').

    The inner width is out * ratio, rounded to the nearest whole number. The mixer's result is normalised and activated
    like a convolution's; a stride is a mean over stride x stride pixels behind it. Any mixer of tokens on a grid will
    do. The projection on the shortcut has no activation, as in ResNet; the paper's code has one.
    """

    takes = "map"
    examples = ({"ratio": 0.5}, {"heads": 1, "mixer": "pool", "attention": "eca"})

    class Config(base.Config):
        """A bottleneck with attention."""

        ratio: float = Field(0.25, ge=0.001, le=16, description="inner channels / output channels")
        heads: HeadCount = Field(4, ge=1, le=1024, description="attention heads; must divide the inner channels")
        mixer: MixerPart = Field(Part("relative_embedding"), description="what mixes the pixels")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution and the mixer")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: LaterAttentionPart = Field(
            Part("none"), description="channel attention on the branch before the sum"
        )

    def __init__(self, config: BoT.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_map(in_shape)
        out = out or shape.channels
        inner = whole(out * config.ratio)
        self.grid = (shape.height, shape.width)
        self.stride = stride
        self.reduce = ConvUnit(shape.channels, inner, 1, norm=config.norm, act=config.act)
        tokens = TokenShape(shape.height * shape.width, inner, self.grid)
        self.mixer = make("mixer", config.mixer, tokens, config.heads)
        self.mixer_norm = make("norm", config.norm, inner)
        self.mixer_act = make("act", config.act)
        self.project = ConvUnit(inner, out, 1, norm=config.norm, act=NONE)
        self.attention = make("attention", config.attention, out, shape.channels)
        self.shortcut = Shortcut(shape.channels, out, stride, "conv", config.norm)
        self.act = make("act", config.act)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mixer(self.reduce(x).flatten(2).transpose(1, 2))
        branch = pooled(mixed.transpose(1, 2).unflatten(2, self.grid), self.stride, "mean")
        branch = self.attention(self.project(self.mixer_act(self.mixer_norm(branch))))
        return self.act(self.add(self.shortcut(x), branch))

    def last_norm(self) -> nn.Module | None:
        return self.project.norm
