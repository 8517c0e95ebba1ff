"""Types for config fields: parts by family, and the rules that several blocks share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from nas.arch import Fields, Part, Role, SharedPart, Value
from nas.blocks.base import Config
from nas.blocks.registry import PARTS
from nas.errors import InvalidArchitecture, nearest


@dataclass(frozen=True)
class Family:
    """Marks a config field as a part of a family: a kind, `{kind: {field: value}}` or a `Part`, kept canonical.

    `{"@@name": part}` or a `SharedPart` is one that blocks share.
    """

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: pydantic.GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: core_schema.ValidationInfo) -> Part | SharedPart:
            return resolve_part(self.name, value, info.field_name or self.name)

        return core_schema.with_info_plain_validator_function(validate)


@dataclass(frozen=True)
class FamilyMap:
    """Marks a config field as a mapping from names to parts of a family."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: pydantic.GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: core_schema.ValidationInfo) -> Fields:
            path = info.field_name or self.name
            if not isinstance(value, Mapping):
                raise InvalidArchitecture(f"must be a mapping of {self.name} parts, but got {value!r}", path=path)
            return Fields({key: resolve_part(self.name, item, f"{path}.{key}") for key, item in value.items()})

        return core_schema.with_info_plain_validator_function(validate)


class Later:
    """Marks a field that a block got after networks had been stored and named.

    At its default it is left out of the canonical form, so that the `arch_id` of a network that does not use it stays.
    """


@dataclass(frozen=True)
class Scales:
    """Marks a number that grows when a network is scaled; `nas.arch.FieldSpec` says what the roles are."""

    role: Role


ActPart = Annotated[Part, Family("act")]
AttentionPart = Annotated[Part, Family("attention")]
LaterAttentionPart = Annotated[Part, Family("attention"), Later()]
ConvPart = Annotated[Part, Family("conv")]
GatePart = Annotated[Part, Family("gate")]
MixerPart = Annotated[Part, Family("mixer")]
NormPart = Annotated[Part, Family("norm")]

ChannelCount = Annotated[int, Scales("width")]
GroupCount = Annotated[int, Scales("groups")]
HeadCount = Annotated[int, Scales("heads")]
LayerCount = Annotated[int, Scales("depth")]
WindowShift = Annotated[int, Scales("shift")]
WindowSide = Annotated[int, Scales("window")]


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"must be odd ({value - 1} or {value + 1})" if value > 1 else "must be odd")
    return value


def _words(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Gate = Literal["sigmoid", "hsigmoid"]  # what keeps a factor between 0 and 1
OddInt = Annotated[int, pydantic.AfterValidator(_odd)]
Words = Annotated[tuple[str, ...], pydantic.BeforeValidator(_words)]  # one word may stand without a list


def resolve_part(family: str, value: Any, path: str) -> Part | SharedPart:
    """The canonical part with every field explicit; raises `InvalidArchitecture` at `path`."""
    match value:
        case SharedPart(name, part):
            return SharedPart(name, _plain_part(family, part, path))
        case {**items} if len(items) == 1 and str(next(iter(items))).startswith("@@"):
            ((key, shared),) = items.items()
            part = _plain_part(family, shared, path)
            return part if part == Part("none") else SharedPart(str(key)[2:], part)
    return _plain_part(family, value, path)


def _plain_part(family: str, value: Any, path: str) -> Part:
    match value:
        case Part(str(kind), fields):
            given: Any = fields
        case str(kind):
            given = {}
        case {**items} if [*map(type, items)] == [str]:
            ((kind, given),) = items.items()  # type: ignore[assignment]
            given = {} if given is None else given
        case _:
            raise InvalidArchitecture(
                f"must be the name of one {family} or {{name: {{field: value}}}}, but got {value!r}", path=path
            )
    cls = PARTS[family].find(kind, path)
    return Part(kind, resolve_fields(cls.Config, given, f"{path}.{kind}"))


def resolve_fields(config: type[Config], values: Mapping[str, Any], path: str | None = None) -> Fields:
    """Every field of a config explicit, as values, but those marked `Later` at their default.

    Raises `InvalidArchitecture`, its path the field.
    """
    if not isinstance(values, Mapping):
        raise InvalidArchitecture(f"must be a mapping of fields, but got {values!r}", path=path)
    resolved = validate(config, {name: _frozen(value) for name, value in values.items()}, path)
    return Fields(
        {
            name: getattr(resolved, name)
            for name, info in type(resolved).model_fields.items()
            if not _left_out(info, getattr(resolved, name))
        }
    )


def _left_out(info: FieldInfo, value: Any) -> bool:
    return any(isinstance(mark, Later) for mark in info.metadata) and value == info.default


def validate(config: type[Config], values: Mapping[str, Any], path: str | None = None) -> Config:
    """The config; raises `InvalidArchitecture` with the path of the field instead of pydantic's error."""
    try:
        return config.model_validate(dict(values))
    except InvalidArchitecture as error:
        raise InvalidArchitecture(error.reason, path=_join(path, error.path)) from None
    except pydantic.ValidationError as error:
        # a bad value first: other errors (a default that needs it) often follow from it
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidArchitecture(_reason(first, config), path=_join(path, where)) from None


def _join(path: str | None, inner: str | None) -> str | None:
    return ".".join(part for part in (path, inner) if part) or None


def _frozen(value: Any) -> Value | Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


_MUST: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda context: f"at least {context['ge']}",
    "less_than_equal": lambda context: f"at most {context['le']}",
    "int_type": lambda context: "a whole number",
    "float_type": lambda context: "a number",
    "finite_number": lambda context: "finite",
    "bool_type": lambda context: "true or false",
    "string_type": lambda context: "a word",
    "tuple_type": lambda context: "a list",
}


def _reason(error: Any, config: type[Config]) -> str:
    """What must hold, then what was found."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such field; {nearest(str(error['loc'][-1]), config.model_fields)}"
    if kind == "missing":
        return "must be given: it has no default"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"])
        return f"{found!r} is not allowed; {nearest(str(found), options)}"
    if kind in _MUST:
        return f"must be {_MUST[kind](context)}, but got {found!r}"
    if kind == "value_error":
        return f"{context['error']}, but got {found!r}"
    return f"{error['msg']}, but got {found!r}"
