"""The decided values a network is made of: fields, parts and blocks, all frozen and hashable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


class Fields(Mapping[str, "Value"]):
    """An immutable, hashable mapping with its keys sorted: two with equal content are equal and print alike."""

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[str, Value] | None = None) -> None:
        self._items: dict[str, Value] = dict(sorted((items or {}).items()))
        self._hash = hash(tuple(self._items.items()))

    def __getitem__(self, key: str) -> Value:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Fields):
            return self._hash == other._hash and self._items == other._items
        return NotImplemented

    def __repr__(self) -> str:
        return f"Fields({self._items!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Fields, (self._items,))


@dataclass(frozen=True)
class Part:
    """A pluggable piece of a block with every field explicit, such as attention `se` with ratio 0.25."""

    kind: str
    fields: Fields = field(default_factory=Fields)


@dataclass(frozen=True)
class SharedPart:
    """A part whose module is one for all blocks that name it."""

    name: str
    part: Part

    @property
    def kind(self) -> str:
        return self.part.kind


Value = int | float | str | bool | None | tuple["Value", ...] | Part | SharedPart | Fields


@dataclass(frozen=True)
class Block:
    """One decided block: its type, every field explicit, output channels (None: the block decides) and stride."""

    type: str
    fields: Fields = field(default_factory=Fields)
    out: int | None = None
    stride: int = 1

    @cached_property
    def canonical(self) -> str:
        """Canonical JSON text; equal blocks have equal text, on every machine."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @cached_property
    def _hash(self) -> int:
        return hash((self.type, self.fields, self.out, self.stride))

    def __hash__(self) -> int:
        return self._hash

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "fields": value_to_json(self.fields), "out": self.out, "stride": self.stride}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Block:
        fields = value_from_json(data["fields"])
        if not isinstance(fields, Fields):
            raise ValueError(f"a block's fields must be a mapping, but got {data['fields']!r}")
        return cls(data["type"], fields, data["out"], data["stride"])


def value_to_json(value: Value) -> Any:
    """Plain JSON for a value; a part becomes `{"@kind": fields}`, so that it cannot be taken for a mapping.

    A shared one is `{"@@name": {"@kind": fields}}`.
    """
    match value:
        case SharedPart(name, part):
            return {f"@@{name}": value_to_json(part)}
        case Part(kind, fields):
            return {f"@{kind}": value_to_json(fields)}
        case Fields():
            return {key: value_to_json(item) for key, item in value.items()}
        case tuple():
            return [value_to_json(item) for item in value]
    return value


def value_from_json(data: Any) -> Value:
    """The value that `value_to_json` wrote; `ValueError` for what is not JSON."""
    match data:
        case dict():
            fields = Fields({key: value_from_json(item) for key, item in data.items() if not key.startswith("@")})
            for key, item in data.items():
                if key.startswith("@"):
                    inner = value_from_json(item)
                    if len(data) == 1 and key.startswith("@@") and isinstance(inner, Part):
                        return SharedPart(key[2:], inner)
                    if len(data) > 1 or not isinstance(inner, Fields):
                        raise ValueError(f"a part must be {{'@kind': {{fields}}}}, but got {data!r}")
                    return Part(key[1:], inner)
            return fields
        case list() | tuple():
            return tuple(value_from_json(item) for item in data)
        case bool() | int() | float() | str() | None:
            return data
    raise ValueError(f"a value must be JSON, but got {type(data).__name__}: {data!r}")
