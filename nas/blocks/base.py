"""What a block is: a frozen config and a module; shapes and costs are read off the module."""

from __future__ import annotations

from typing import ClassVar, Literal

import pydantic
import torch
from torch import nn

from nas.arch import MapShape, Shape, TokenShape, VectorShape
from nas.errors import InvalidArchitecture

Takes = Literal["map", "tokens", "vector", "any"]
Out = Literal["free", "required", "classes", "fixed"]


class Config(pydantic.BaseModel):
    """Base of every block's and part's config: frozen, typed fields with bounds and a line of doc each."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class BlockModule(nn.Module):
    """Base of every block.

    A subclass states what it takes (an adapter is inserted where another form arrives), who sets its output channels,
    and whether it can carry a stride. `__init__` gets the config, the shape for one image, the output channels as
    written (None: the block decides) and the stride, and raises `InvalidArchitecture` when it cannot be built so.
    `forward` leaves its input unchanged.
    """

    Config: ClassVar[type[Config]] = Config
    takes: ClassVar[Takes] = "any"
    out: ClassVar[Out] = "free"
    strides: ClassVar[bool] = True

    def __init__(self, config: Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__()
        self.config = config
        self.in_shape = in_shape
        if stride != 1 and not self.strides:
            raise InvalidArchitecture(
                f"stride must be 1, but got {stride}: this block cannot carry one; add a downsample"
            )
        if out is not None and self.out == "fixed" and out != in_shape.channels:
            raise InvalidArchitecture(f"out must be {in_shape.channels} (this block keeps its channels), but got {out}")

    def out_shape(self, output: torch.Tensor) -> Shape:
        """The shape for one image of what `forward` returned; overridden where the grid or the extra tokens change."""
        match tuple(output.shape), self.in_shape:
            case (_, channels, height, width), _:
                return MapShape(channels, height, width)
            case (_, count, channels), TokenShape(before, _, grid, extra) if count == before:
                return TokenShape(count, channels, grid, extra)
            case (_, count, channels), VectorShape():
                return VectorShape(channels, count)
            case (_, channels), _:
                return VectorShape(channels)
        raise TypeError(f"{type(self).__name__} must say the shape of its output {tuple(output.shape)}")
