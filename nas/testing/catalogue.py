"""A catalogue that builds each block anew to learn its shape: the plain one that remembered ones must agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from nas import blocks
from nas.arch import Block, BlockSpec, Fields, FieldSpec, Shape, Step
from nas.blocks.flow import advance, filled, shape_of
from nas.errors import InvalidArchitecture


class MetaCatalogue:
    """Implements `nas.arch.Catalogue` by building on the meta device and running `forward` there."""

    def names(self) -> Sequence[str]:
        return blocks.names()

    def block(self, name: str) -> BlockSpec:
        return blocks.block(name)

    def part_names(self, family: str) -> Sequence[str]:
        return blocks.part_names(family)

    def part(self, family: str, kind: str) -> Mapping[str, FieldSpec]:
        return blocks.part(family, kind)

    def resolve(self, name: str, fields: Mapping[str, Any]) -> Fields:
        return blocks.resolve(name, fields)

    def place(self, block: Block, in_shape: Shape) -> tuple[Step, ...]:
        steps: list[Step] = []
        adapters = blocks.adapters(block, in_shape)
        for each in (*adapters, block):
            out_shape = shape_behind(each, in_shape)
            if each.out not in (None, out_shape.channels):
                raise InvalidArchitecture(f"out must be {out_shape.channels}, but got {each.out}")
            placed = replace(each, out=out_shape.channels)
            steps.append(Step(placed, in_shape, out_shape, (len(steps) - 1,), inserted=len(steps) < len(adapters)))
            in_shape = out_shape
        return tuple(steps)


def shape_behind(block: Block, in_shape: Shape) -> Shape:
    """The shape a block turns a shape into."""
    with torch.device("meta"), torch.no_grad():
        module = blocks.create(block, in_shape).eval()
        return shape_of(module, *advance(module, *filled(in_shape, torch.empty)))
