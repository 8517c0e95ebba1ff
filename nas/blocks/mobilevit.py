"""The block of MobileViT: a convolution, transformers across patches, and a convolution that fuses both."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, TokenShape
from nas.blocks import base
from nas.blocks.fields import ActPart, ChannelCount, LaterAttentionPart, LayerCount, MixerPart, NormPart, OddInt
from nas.blocks.partition import Partition
from nas.blocks.registry import make
from nas.blocks.transformer import Transformer
from nas.blocks.units import NONE, ConvUnit, as_map
from nas.errors import InvalidArchitecture


class MobileViT(base.BlockModule):
    """Convolutions, and transformers over the whole map (Mehta and Rastegari, 2022); (C, H, W) to (out, H, W).

    A kxk and a 1x1 convolution lead to `width` channels. Patches of patch x patch pixels are unfolded: pixels of one
    position in their patches attend to each other, the patch x patch groups apart. After a norm they are folded back,
    projected to `out` by 1x1, joined with the input and fused by a kxk convolution. It cannot carry a stride; the paper
    puts an `mbconv` before it. Unlike in the paper's code a map that patches do not divide is an error, not resized.
    """

    takes = "map"
    strides = False
    examples = ({"width": 16, "heads": 2, "patch": 1}, {"width": 8, "heads": 2, "depth": 1, "attention": "se"})

    class Config(base.Config):
        """A MobileViT block."""

        width: ChannelCount = Field(ge=1, le=65536, description="channels of the transformers")
        depth: LayerCount = Field(2, ge=1, le=64, description="number of transformers")
        heads: int = Field(4, ge=1, le=1024, description="number of attention heads; must divide the width")
        mlp_ratio: float = Field(2.0, ge=0.01, le=64, description="hidden channels of the perceptrons / width")
        patch: int = Field(2, ge=1, le=256, description="side of a patch in pixels; must divide the map")
        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernels before and after in pixels, odd")
        mixer: MixerPart = Field(Part("softmax"), description="what mixes the pixels of a group")
        norm: NormPart = Field(Part("batch"), description="normalisation after each convolution")
        token_norm: NormPart = Field(Part("layer"), description="normalisation in and after the transformers")
        act: ActPart = Field(Part("silu"), description="activation of convolutions and perceptrons")
        attention: LaterAttentionPart = Field(Part("none"), description="channel attention on the output")

    def __init__(self, config: MobileViT.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_map(in_shape)
        channels, width, kernel = shape.channels, config.width, config.kernel
        out = out or channels
        norm, act = config.norm, config.act
        self.groups = patches(shape.height, shape.width, config.patch)
        tokens = TokenShape(self.groups.rows * self.groups.columns, width, (self.groups.rows, self.groups.columns))
        inner = Transformer.Config(
            heads=config.heads, mlp_ratio=config.mlp_ratio, norm=config.token_norm, act=act, mixer=config.mixer
        )
        self.local = ConvUnit(channels, channels, kernel, norm=norm, act=act)
        self.widen = ConvUnit(channels, width, 1, norm=NONE, act=NONE, bias=False)
        self.transformers = nn.Sequential(*(Transformer(inner, tokens, None, 1) for _ in range(config.depth)))
        self.norm = make("norm", config.token_norm, width)
        self.project = ConvUnit(width, out, 1, norm=norm, act=act)
        self.fuse = ConvUnit(channels + out, out, kernel, norm=norm, act=act)
        self.attention = make("attention", config.attention, out, channels)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.project(self.across(self.widen(self.local(x))))
        return self.attention(self.fuse(torch.cat((x, mixed), 1)))

    def across(self, x: Tensor) -> Tensor:
        """The transformers with their norm, each group of pixels as an image of its own."""
        groups = self.groups.split(x.flatten(2).transpose(1, 2))
        mixed = self.norm(self.transformers(groups.flatten(0, 1)))
        joined = self.groups.join(mixed.unflatten(0, (-1, groups.shape[1])))
        return joined.transpose(1, 2).unflatten(2, self.groups.grid)


def patches(height: int, width: int, side: int) -> Partition:
    """For each position in a patch of side x side pixels the group of the pixels there."""
    if height % side or width % side:
        fitting = [each for each in range(1, min(height, width) + 1) if height % each == width % each == 0]
        raise InvalidArchitecture(
            f"must divide the map ({height}x{width}), but got {side}; {', '.join(map(str, fitting))} would fit",
            path="patch",
        )
    return Partition((height, width), height // side, width // side, dilated=True)
