"""What the language needs to know of blocks, without knowing them: a protocol, implemented above and injected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from nas.arch.plan import Step
from nas.arch.shapes import Shape
from nas.arch.values import Block, Fields

Role = Literal["depth", "width", "heads", "groups", "window", "shift"]
FieldKind = Literal["int", "float", "bool", "str", "part", "list", "mapping"]


class Required:
    """Marks a field that has no default."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


@dataclass(frozen=True)
class FieldSpec:
    """One field of a block or part: what may be written there.

    `options` lists the allowed words of a `str` field (empty: any word). `family` names the table of a `part` field
    and, for a `list` or `mapping`, of its elements (None: plain values of `item`). `low` and `high` are inclusive,
    `above` and `below` are not. `scales` says what a number of its own size counts, so that it grows with the network:
    layers (`depth`), channels (`width`), `heads`, `groups`, or pixels of a `window` and of its `shift`.
    """

    name: str
    kind: FieldKind
    default: Any = REQUIRED
    doc: str = ""
    low: float | None = None
    high: float | None = None
    options: tuple[str, ...] = ()
    family: str | None = None
    item: FieldKind | None = None
    nullable: bool = False
    above: float | None = None
    below: float | None = None
    scales: Role | None = None


@dataclass(frozen=True)
class BlockSpec:
    """One entry of the block table, as the language sees it.

    `out` says who sets the output channels: `free` (the node may, else the block keeps or computes them), `required`,
    `classes` (the number of classes) or `fixed` (the node may not). `strides`: can it carry a stride?
    """

    name: str
    fields: Mapping[str, FieldSpec]
    doc: str = ""
    out: Literal["free", "required", "classes", "fixed"] = "free"
    strides: bool = True


class Catalogue(Protocol):
    """The table of blocks: their fields, and the shapes they turn shapes into."""

    def names(self) -> Sequence[str]:
        """All block names, sorted."""
        ...

    def block(self, name: str) -> BlockSpec:
        """The entry of a block; `KeyError` when there is none."""
        ...

    def part_names(self, family: str) -> Sequence[str]:
        """All kinds of a family of parts (`attention`, `mixer`, `norm`, `act`), sorted."""
        ...

    def part(self, family: str, kind: str) -> Mapping[str, FieldSpec]:
        """The fields of one kind of part; `KeyError` when there is none."""
        ...

    def resolve(self, name: str, fields: Mapping[str, Any]) -> Fields:
        """Every field explicit, defaults filled in and values checked.

        A part may be given as its kind (`"se"`), as `{kind: {field: value}}` or as a `Part`.
        Raises `InvalidArchitecture`, its path the field, when a value is not allowed.
        """
        ...

    def place(self, block: Block, in_shape: Shape) -> tuple[Step, ...]:
        """The block put behind a shape: what must be inserted before it (map to tokens, ...), then the block itself.

        Steps have `inputs` counted from the first of them (its own is -1). The last step's block has `out` explicit.
        Raises `InvalidArchitecture` when it cannot be built there.
        """
        ...
