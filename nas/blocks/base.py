"""What a block is: a frozen config and a module; shapes and costs are read off the module, never written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import pydantic
from torch import nn

from nas.arch import MapShape, PyramidShape, Shape, TokenShape, VectorShape, main_of
from nas.errors import InvalidArchitecture

Form = Literal["map", "tokens", "vector", "pyramid"]
Takes = Literal["map", "tokens", "vector", "pyramid", "any"]
Out = Literal["free", "required", "classes", "fixed"]


class Config(pydantic.BaseModel):
    """Base of every block's and part's config: frozen, typed fields with bounds and one line of doc each, nothing else.

    A field whose `default_factory` takes the fields before it (padding from kernel) may also be written as null, which
    means not written.
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, arbitrary_types_allowed=True
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _null_is_not_written(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        derived = {name for name, field in cls.model_fields.items() if field.default_factory_takes_validated_data}
        return {name: value for name, value in data.items() if value is not None or name not in derived}


AnyConfig: TypeAlias = Config  # the same name where a class has a Config of its own


class PartModule(nn.Module):
    """Base of parts (attention, norm, act, mixer, op): a config and a module; its family says what else it gets."""

    Config: ClassVar[type[AnyConfig]] = Config
    shared_only: ClassVar[bool] = False  # whether it makes sense only as a part that blocks share

    def __init__(self, config: AnyConfig, *context: Any) -> None:
        super().__init__()


class BlockModule(nn.Module):
    """Base of every block.

    A subclass states what it takes (an adapter is inserted where another form arrives), who sets its output channels,
    and whether it can carry a stride; `examples` are fields with which its contract is tested. `__init__` gets the
    config, the shape for one image, the output channels as written (None: the block decides) and the stride, and raises
    `InvalidArchitecture` when it cannot be built so. `forward` leaves its input unchanged. A pyramid is a tuple of
    tensors, `any` means all but pyramids.

    A block that reads and writes a value beside what flows sets `side` to its name; `forward` then gets a second
    argument, (B, n) or None where no block before wrote one, and returns its output and the new value. One after which
    only a share of the tokens goes on sets `keeps` to it, which is said beside the MACs.
    """

    Config: ClassVar[type[AnyConfig]] = Config
    takes: ClassVar[Takes] = "any"
    out: ClassVar[Out] = "free"
    strides: ClassVar[bool] = True
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    gives_pyramid: ClassVar[bool] = False
    side: str | None = None
    keeps: float | None = None

    def __init__(self, config: AnyConfig, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__()
        self.config = config
        self.in_shape = in_shape
        form = form_of(in_shape)
        if form != self.takes and (self.takes != "any" or form == "pyramid"):
            taken = "map, tokens or vector" if self.takes == "any" else self.takes
            hint = "; read one of its maps with select" if form == "pyramid" else ""
            raise InvalidArchitecture(f"the input must be a {taken}, but got a {form} ({in_shape}){hint}")
        if stride < 1 or (out is not None and out < 1):
            raise InvalidArchitecture(f"stride and out must be at least 1, but got stride {stride} and out {out}")
        if stride != 1 and not self.strides:
            raise InvalidArchitecture(
                f"stride must be 1, but got {stride}: this block cannot carry one; add a downsample"
            )
        if isinstance(in_shape, MapShape) and stride > min(in_shape.height, in_shape.width):
            raise InvalidArchitecture(
                f"the map must be at least as large as the stride ({stride}), but got {in_shape}: "
                "a larger resolution or fewer strides would fit"
            )
        if out is None and self.out in ("required", "classes"):
            raise InvalidArchitecture("out must be given: this block cannot choose its own width")
        if out is not None and self.out == "fixed" and out != in_shape.channels:
            raise InvalidArchitecture(f"out must be {in_shape.channels} (this block keeps its channels), but got {out}")

    def out_shape(self, output: Any) -> Shape:
        """The shape for one image of what `forward` returned, without a value beside it.

        Blocks that change the form, the grid or the extra tokens override it.
        """
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


def form_of(shape: Shape) -> Form:
    """The word by which a block says that it takes such a shape."""
    match main_of(shape):
        case MapShape():
            return "map"
        case TokenShape():
            return "tokens"
        case VectorShape():
            return "vector"
        case PyramidShape():
            return "pyramid"
