"""What the language sees of a block or part, derived from its config: kinds, bounds, options and docs, written once."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from nas.arch import REQUIRED, BlockSpec, Fields, FieldSpec
from nas.arch.catalogue import FieldKind
from nas.blocks.base import BlockModule, Config
from nas.blocks.fields import Family, FamilyMap, Scales, resolve_part

_KINDS: dict[Any, FieldKind] = {int: "int", float: "float", bool: "bool", str: "str"}


def block_spec(name: str, cls: type[BlockModule]) -> BlockSpec:
    """What the language sees of a block."""
    return BlockSpec(name, field_specs(cls.Config), first_line(cls), cls.out, cls.strides)


@cache
def field_specs(config: type[Config]) -> dict[str, FieldSpec]:
    """What the language sees of a config's fields."""
    return {name: _field_spec(name, info) for name, info in config.model_fields.items()}


def first_line(thing: type) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").strip().split("\n")[0]


def _field_spec(name: str, info: FieldInfo) -> FieldSpec:
    annotation, nullable = _without_none(info.annotation)
    marks = [mark for mark in info.metadata if isinstance(mark, Family | FamilyMap)]
    kind, item, options = _kind(marks[0] if marks else annotation)
    return FieldSpec(
        name=name,
        kind=kind,
        default=_default(info),
        doc=info.description or "",
        low=_bound(info, annotated_types.Ge, "ge"),
        high=_bound(info, annotated_types.Le, "le"),
        options=options,
        family=marks[0].name if marks else None,
        item=item,
        scales=next((mark.role for mark in info.metadata if isinstance(mark, Scales)), None),
        nullable=nullable or bool(info.default_factory_takes_validated_data),
    )


def _bound(info: FieldInfo, kind: type, attribute: str) -> float | None:
    return next((getattr(mark, attribute) for mark in info.metadata if isinstance(mark, kind)), None)


def _default(info: FieldInfo) -> Any:
    """The canonical default; None where it follows from other fields."""
    if info.is_required():
        return REQUIRED
    if info.default_factory_takes_validated_data:
        return None
    default = info.get_default(call_default_factory=True)
    for mark in info.metadata:
        if isinstance(mark, Family):
            return resolve_part(mark.name, default, "default")
        if isinstance(mark, FamilyMap):
            return Fields({key: resolve_part(mark.name, item, "default") for key, item in default.items()})
    return default


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        if len(rest) == 1:
            return (get_args(rest[0])[0] if get_origin(rest[0]) is Annotated else rest[0]), True
    return annotation, False


def _kind(annotation: Any) -> tuple[FieldKind, FieldKind | None, tuple[str, ...]]:
    """Kind, kind of the elements, and the words allowed."""
    match annotation:
        case Family():
            return "part", None, ()
        case FamilyMap():
            return "mapping", "part", ()
    if annotation in _KINDS:
        return _KINDS[annotation], None, ()
    if get_origin(annotation) is Literal:
        return "str", None, tuple(get_args(annotation))
    if get_origin(annotation) is tuple:
        element, *rest = get_args(annotation)
        kind, _, options = _kind(element)
        if rest == [...]:
            return "list", kind, options
    raise TypeError(
        f"a field must be int, float, bool, str, a Literal, tuple[X, ...] or a part, but got {annotation!r}"
    )
