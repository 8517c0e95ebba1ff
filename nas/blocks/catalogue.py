"""The tables as the language sees them, and blocks made from decided values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from nas.arch import Block, BlockSpec, Fields, FieldSpec, Shape, main_of
from nas.blocks.base import BlockModule, form_of
from nas.blocks.fields import resolve_fields, validate
from nas.blocks.registry import BLOCKS, PARTS, block_class
from nas.blocks.spec import block_spec, field_specs

# what stands between what arrives and what is taken
_ADAPTERS = {
    ("map", "tokens"): "to_tokens",
    ("tokens", "map"): "to_map",
    ("map", "vector"): "pool",
    ("tokens", "vector"): "pool",
}


def names() -> Sequence[str]:
    """All block names, sorted."""
    return list(BLOCKS)


@cache
def block(name: str) -> BlockSpec:
    """The entry of a block; `KeyError` when there is none."""
    return block_spec(name, BLOCKS[name])


def part_names(family: str) -> Sequence[str]:
    """All kinds of a family of parts, sorted."""
    return list(PARTS[family])


def part(family: str, kind: str) -> Mapping[str, FieldSpec]:
    """The fields of one kind of part; `KeyError` when there is none."""
    return field_specs(PARTS[family][kind].Config)


def resolve(name: str, fields: Mapping[str, Any]) -> Fields:
    """Every field of a block explicit, defaults filled in, parts as `Part`.

    Raises `InvalidArchitecture`, its path the field (`attention.se.ratio`), with the nearest match for an unknown word.
    """
    return resolve_fields(block_class(name).Config, fields)


def create(block: Block, in_shape: Shape) -> BlockModule:
    """The module of a block behind a shape, with initial weights, on the default device.

    Raises `InvalidArchitecture` with the reason when it cannot be built there.
    """
    cls = block_class(block.type)
    return cls(validate(cls.Config, block.fields), main_of(in_shape), block.out, block.stride)


def adapters(block: Block, in_shape: Shape) -> tuple[Block, ...]:
    """The blocks that must stand between a shape and a block: map to tokens, tokens to map, mean pooling, or none.

    Raises `InvalidArchitecture` when there is no way (a vector has no grid any more).
    """
    takes, form = block_class(block.type).takes, form_of(in_shape)
    if takes in ("any", form) or (form, takes) not in _ADAPTERS:
        return ()
    name = _ADAPTERS[form, takes]
    return (Block(name, resolve(name, {})),)
