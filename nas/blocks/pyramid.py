"""Blocks on maps of several scales (MSDNet, Huang et al., ICLR 2018); the maps flow as a tuple, the finest first."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import MapShape, Part, PyramidShape, Shape
from nas.blocks import base
from nas.blocks.fields import ActPart, ChannelCount, LaterAttentionPart, NormPart, OddInt
from nas.blocks.registry import make
from nas.blocks.rounding import floored
from nas.blocks.units import ConvUnit, as_map
from nas.errors import InvalidArchitecture

Maps = tuple[Tensor, ...]


class PyramidBlock(base.BlockModule):
    """Base of blocks that give a pyramid; `first` is the scale of its finest map."""

    gives_pyramid = True
    strides = False
    first: int = 0

    def out_shape(self, output: Any) -> Shape:
        return PyramidShape(tuple(MapShape(*each.shape[1:]) for each in output), self.first)


class Pyramid(PyramidBlock):
    """A map and coarser ones, each a kxk convolution of stride 2 of the one before (MSDNet's first layer).

    Map (C, H, W) to a pyramid that begins with it; map i has C * factors[i - 1] channels.
    """

    takes = "map"
    out = "fixed"
    examples = ({"factors": [2]}, {"factors": [1, 2], "attention": "eca"})

    class Config(base.Config):
        """A pyramid made of a map."""

        factors: tuple[float, ...] = Field(
            min_length=1, max_length=16, description="channels of each coarser map / channels of the finest"
        )
        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: LaterAttentionPart = Field(Part("none"), description="attention on each coarser map")

    def __init__(self, config: Pyramid.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        channels = as_map(in_shape).channels
        widths = [channels, *(_width(channels * factor, "factors") for factor in config.factors)]
        self.coarser = nn.ModuleList(
            ConvUnit(before, width, config.kernel, stride=2, norm=config.norm, act=config.act)
            for before, width in itertools.pairwise(widths)
        )
        self.attentions = nn.ModuleList(
            make("attention", config.attention, width, before) for before, width in itertools.pairwise(widths)
        )

    def forward(self, x: Tensor) -> Maps:
        maps = [x]
        for unit, attention in zip(self.coarser, self.attentions, strict=True):
            maps.append(attention(unit(maps[-1])))
        return tuple(maps)


class PyramidConv(PyramidBlock):
    """A convolution with norm and activation on each map, each with weights of its own (MSDNet's transition).

    Pyramid to pyramid; a map of C channels gets C * ratio, rounded down.
    """

    takes = "pyramid"
    examples = ({}, {"attention": "se"})

    class Config(base.Config):
        """A convolution on each map of a pyramid."""

        ratio: float = Field(1.0, ge=0.001, le=16, description="output channels / input channels")
        kernel: OddInt = Field(1, ge=1, le=63, description="side of the kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: LaterAttentionPart = Field(Part("none"), description="attention on each map")

    def __init__(self, config: PyramidConv.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_pyramid(in_shape)
        self.first = shape.first
        widths = [floored(each.channels * config.ratio) for each in shape.maps]
        _check_out(out, widths[0])
        self.units = nn.ModuleList(
            ConvUnit(each.channels, width, config.kernel, norm=config.norm, act=config.act)
            for each, width in zip(shape.maps, widths, strict=True)
        )
        self.attentions = nn.ModuleList(
            make("attention", config.attention, width, each.channels)
            for each, width in zip(shape.maps, widths, strict=True)
        )

    def forward(self, x: Maps) -> Maps:
        each = zip(self.units, self.attentions, x, strict=True)
        return tuple(attention(unit(one)) for unit, attention, one in each)


class MultiScaleDense(PyramidBlock):
    """Appends new channels to each map, made of it and of the next finer one (MSDNet's layer); pyramid to pyramid.

    The map of scale s gets growth * factors[s] new channels: of the finest map all by a normal convolution, of the
    others one half so and one half by a convolution of stride 2 of the next finer map. Before each stands a 1x1
    convolution to at most `bottlenecks[scale of its input]` times its output. With `drop_finest` the finest map goes no
    further. Scales are counted from the finest that there was at the beginning of the pyramid.
    """

    takes = "pyramid"
    examples = ({"growth": 8}, {"growth": 8, "factors": [1, 2], "drop_finest": True, "attention": "se"})

    class Config(base.Config):
        """A layer of MSDNet."""

        growth: ChannelCount = Field(16, ge=1, le=4096, description="new channels at a scale of factor 1")
        factors: tuple[int, ...] = Field((1, 2, 4, 4), max_length=16, description="new channels of each scale / growth")
        bottlenecks: tuple[int, ...] = Field(
            (1, 2, 4, 4),
            max_length=16,
            description="for each scale: channels behind a 1x1 convolution on it / its branch's, at most; [] for none",
        )
        drop_finest: bool = Field(False, description="whether the finest map ends here")
        kernel: OddInt = Field(3, ge=1, le=63, description="side of the kernels in pixels, odd")
        norm: NormPart = Field(Part("batch"), description="normalisation")
        act: ActPart = Field(Part("relu"), description="activation")
        attention: LaterAttentionPart = Field(Part("none"), description="attention on what each branch appends")

    def __init__(self, config: MultiScaleDense.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        shape = as_pyramid(in_shape)
        scales = range(shape.first, shape.first + len(shape.maps))
        for name, values in (("factors", config.factors), ("bottlenecks", config.bottlenecks)):
            if len(values) < scales.stop and (values or name == "factors"):
                raise InvalidArchitecture(
                    f"must have a value for each of the {scales.stop} scales, but has {len(values)}", path=name
                )
            if min(values, default=1) < 1:
                raise InvalidArchitecture(f"must be at least 1, but got {min(values)}", path=name)
        self.drop = int(config.drop_finest)
        if self.drop == len(scales):
            raise InvalidArchitecture("at least one map must stay, but there is only one", path="drop_finest")
        self.first = shape.first + self.drop
        self.same, self.down = nn.ModuleList(), nn.ModuleList()
        for index in range(self.drop, len(scales)):
            grown = config.growth * config.factors[scales[index]]
            if index and grown % 2:
                raise InvalidArchitecture(
                    f"growth * factors must be even at scale {scales[index]}, where one half comes from the finer map,"
                    f" but is {grown}",
                    path="growth",
                )
            each = grown // 2 if index else grown
            self.same.append(_Branch(config, shape.maps[index], each, scales[index], 1))
            if index:
                self.down.append(_Branch(config, shape.maps[index - 1], each, scales[index] - 1, 2))
        widths = shape.maps[self.drop].channels + config.growth * config.factors[self.first]
        _check_out(out, widths)

    def forward(self, x: Maps) -> Maps:
        maps = []
        lowered = len(self.same) - len(self.down)  # the finest of all has no finer one
        for index, same in enumerate(self.same):
            own = x[index + self.drop]
            finer = [self.down[index - lowered](x[index + self.drop - 1])] if index >= lowered else []
            maps.append(torch.cat((own, *finer, same(own)), 1))
        return tuple(maps)


class _Branch(nn.Sequential):
    """1x1 convolution where there is a bottleneck, then the kxk one with the stride, then attention."""

    def __init__(self, config: MultiScaleDense.Config, shape: MapShape, out: int, scale: int, stride: int) -> None:
        unit = partial(ConvUnit, norm=config.norm, act=config.act)
        inner = shape.channels
        units: list[nn.Module] = []
        if config.bottlenecks:
            inner = min(inner, config.bottlenecks[scale] * out)
            units.append(unit(shape.channels, inner, 1))
        attention = make("attention", config.attention, out, shape.channels)
        super().__init__(*units, unit(inner, out, config.kernel, stride=stride), attention)


class Select(base.BlockModule):
    """Reads one map of a pyramid; pyramid to (C, H, W)."""

    takes = "pyramid"
    strides = False

    class Config(base.Config):
        """One map of a pyramid."""

        index: int = Field(-1, ge=-16, le=15, description="which map: 0 the finest that is left, -1 the coarsest")

    def __init__(self, config: Select.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        maps = as_pyramid(in_shape).maps
        if not -len(maps) <= config.index < len(maps):
            raise InvalidArchitecture(
                f"must be from {-len(maps)} to {len(maps) - 1} (there are {len(maps)} maps), but got {config.index}",
                path="index",
            )
        self.index = config.index
        _check_out(out, maps[self.index].channels)

    def forward(self, x: Maps) -> Tensor:
        return x[self.index]


def as_pyramid(shape: Shape) -> PyramidShape:
    """The shape of a block that takes a pyramid (checked before)."""
    assert isinstance(shape, PyramidShape)
    return shape


def _width(channels: float, path: str) -> int:
    if channels < 1 or channels != int(channels):
        raise InvalidArchitecture(f"must give a whole number of channels, but gives {channels:g}", path=path)
    return int(channels)


def _check_out(out: int | None, channels: int) -> None:
    if out not in (None, channels):
        raise InvalidArchitecture(f"out must be {channels} (it follows from the fields), but got {out}; leave it out")
