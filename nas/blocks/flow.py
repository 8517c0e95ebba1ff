"""What flows through a chain of blocks: a tensor, or several of a pyramid, and values beside it by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nas.arch import PyramidShape, Shape, SidedShape, VectorShape, main_of, tensor_sizes, with_sides
from nas.blocks.base import BlockModule

Sides = Mapping[str, Tensor]


def advance(module: BlockModule, x: Any, sides: Sides) -> tuple[Any, Sides]:
    """One block further."""
    if module.side is None:
        return module(x), sides
    output, value = module(x, sides.get(module.side))
    return output, {**sides, module.side: value}


def shape_of(module: BlockModule, output: Any, sides: Sides) -> Shape:
    """The shape of what a block gave."""
    return with_sides(
        main_of(module.out_shape(output)), {name: VectorShape(value.shape[1]) for name, value in sides.items()}
    )


def tensors_of(output: Any, sides: Sides) -> list[Tensor]:
    """All tensors that flow."""
    return [*(output if isinstance(output, tuple) else [output]), *sides.values()]


def filled(shape: Shape, make: Any, batch: int = 1) -> tuple[Any, dict[str, Tensor]]:
    """What flows in that shape, its tensors made by `make` of their sizes."""
    tensors = [make(size) for size in tensor_sizes(shape, batch)]
    names = [name for name, _ in shape.sides] if isinstance(shape, SidedShape) else []
    main = tensors[: len(tensors) - len(names)]
    x = tuple(main) if isinstance(main_of(shape), PyramidShape) else main[0]
    return x, dict(zip(names, tensors[len(main) :], strict=True))
