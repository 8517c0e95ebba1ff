"""Blocks with shapes to try them on: the examples of a block, and every field of them varied."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from nas import blocks
from nas.arch import REQUIRED, Block, FieldSpec, MapShape, PyramidShape, Shape, TokenShape, VectorShape
from nas.blocks.base import BlockModule
from nas.errors import InvalidArchitecture
from nas.testing.catalogue import shape_behind
from nas.testing.flat import Flat

SHAPES: tuple[Shape, ...] = (
    MapShape(16, 8, 8),
    MapShape(24, 7, 9),
    TokenShape(16, 16, (4, 4)),
    TokenShape(13, 24, (3, 4), ("class",)),
    TokenShape(6, 16),
    TokenShape(49, 16, (7, 7)),  # what windows and stripes fit by default
    VectorShape(16),
    VectorShape(24, 2),
    PyramidShape((MapShape(16, 8, 8), MapShape(32, 4, 4))),
    PyramidShape((MapShape(16, 12, 10), MapShape(32, 6, 5), MapShape(64, 3, 3))),
)


@dataclass(frozen=True)
class Case:
    """A block with a shape behind which it can be built."""

    block: Block
    in_shape: Shape

    def create(self, seed: int = 0) -> BlockModule:
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` formats the stack for each absent accelerator
        module = blocks.create(self.block, self.in_shape)
        if isinstance(self.in_shape, PyramidShape) or module.gives_pyramid or module.side is not None:
            return Flat(module, self.in_shape, shape_behind(self.block, self.in_shape))
        return module

    def input(self, batch: int = 3) -> Tensor:
        return torch.randn(self.in_shape.tensor(batch), generator=torch.Generator().manual_seed(1))

    def __str__(self) -> str:
        return f"{self.block.canonical} behind {self.in_shape}"


def variations(
    fields: Mapping[str, Any], specs: Mapping[str, FieldSpec], *, inside: bool = True
) -> Iterator[dict[str, Any]]:
    """The fields with one of them changed at a time: every word, every kind of part, both truth values, numbers.

    With `inside` also what is inside of each kind of part; what the fields have inside of their own parts is always.
    """
    for name, spec in specs.items():
        for value in _values(spec, inside):
            yield {**fields, name: value}
        given = fields.get(name)
        if spec.kind == "part" and isinstance(given, Mapping):
            ((kind, inner),) = given.items()
            for changed in variations(inner, blocks.part(str(spec.family), kind)):
                yield {**fields, name: {kind: changed}}


def _values(spec: FieldSpec, inside: bool = True) -> Iterator[Any]:
    if spec.kind == "part":
        for kind in blocks.part_names(str(spec.family)):
            inner = blocks.part(str(spec.family), kind)
            varied = ({kind: {field: value}} for field, deeper in inner.items() for value in _values(deeper))
            shared_only = getattr(blocks.PARTS[str(spec.family)][kind], "shared_only", False)
            for part in itertools.chain((kind,), varied if inside else ()):
                yield {"@@shared": part} if shared_only else part
    elif spec.kind == "str":
        yield from spec.options
    elif spec.kind == "bool":
        yield from (False, True)
    elif spec.kind in ("int", "float") and spec.default is not REQUIRED:
        start = spec.default if spec.default is not None else (spec.low or 1)
        candidates = (start + 1, start + 2) if spec.kind == "int" else (start / 2, start * 2)
        yield from (value for value in candidates if spec.high is None or value <= spec.high)
    if spec.nullable:
        yield None


@cache
def example_cases(name: str) -> tuple[Case, ...]:
    """The block's examples on every shape, with and without another width and a stride, where they can be built."""
    spec = blocks.block(name)
    outs = {"fixed": (None,), "classes": (10,), "required": (24,), "free": (None, 32)}[spec.out]
    strides = (1, 2) if spec.strides else (1,)
    return tuple(_buildable(name, blocks.BLOCKS[name].examples, outs, strides))


@cache
def varied_cases(name: str) -> tuple[Case, ...]:
    """Every field of every example varied, on the first shape where it can be built.

    What is inside of a part is varied in the first example only, and does the same in the others.
    """
    spec = blocks.block(name)
    outs = {"fixed": (None,), "classes": (10,), "required": (24,), "free": (32, None)}[spec.out]
    first, *others = blocks.BLOCKS[name].examples
    varied = list(variations(first, spec.fields))
    varied += [fields for example in others for fields in variations(example, spec.fields, inside=False)]
    cases = (next(_buildable(name, (fields,), outs, (1,)), None) for fields in varied)
    return tuple(dict.fromkeys(case for case in cases if case))


def _buildable(
    name: str, examples: Sequence[Mapping[str, Any]], outs: Sequence[int | None], strides: Sequence[int]
) -> Iterator[Case]:
    for fields, out, stride, shape in itertools.product(examples, outs, strides, SHAPES):
        try:
            case = Case(Block(name, blocks.resolve(name, fields), out, stride), shape)
            with torch.device("meta"):
                case.create()
        except InvalidArchitecture:
            continue
        yield case
