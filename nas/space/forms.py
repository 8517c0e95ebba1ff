"""The compiled form of a space: every value and node typed, every decision a site, every name bound.

Read it from the outside in. A `Network` is a chain of units: the input, `stem` (a `Sequence`), the stages, `head`.
A `Stage` is a `repeat`, what it hands to its blocks (`out`, `stride`), a `downsample`, a `block` and an `exit`. Values
and nodes are forms: `Fixed`, something `Computed`, a `Pick` among labelled forms, an `Each` by block index, a `Shared`
var or default, parts, lists, mappings, blocks.

What a program over the chain needs beside the forms: `reach` (which decisions a unit opens, as a tree of sites and
groups, given those already made), `needs` (which names, facts and groups a form reads, hence what a state must hold)
and `evaluate` with a `Frame` (its value under decisions). Sites of scope `block` are opened anew for each block, all
others of a stage before its first block, and groups (a var, a default) once in the network, where first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nas.arch import BlockSpec, FieldSpec
from nas.errors import Mark
from nas.space.about import About
from nas.space.decisions import Label
from nas.space.expression import Expression
from nas.space.node import Node

Scope = Literal["shared", "stage", "block"]


@dataclass(frozen=True, eq=False)
class Site:
    """One place in the file where something is decided: once (`shared`, `stage`) or for each block of its stage."""

    prefix: str
    tail: str
    scope: Scope
    kind: Literal["choice", "range"]
    labels: tuple[Label, ...]
    node: Node
    train: bool = False
    continuous: bool = False
    log: bool = False

    def name(self, index: int | None) -> str:
        """The decision's name; `index` is that of the block and matters only to scope `block`."""
        steps = (self.prefix, str(index) if self.scope == "block" else "", self.tail)
        return ".".join(step for step in steps if step)


@dataclass(eq=False)
class Group:
    """A var, or the value of a default: what is decided inside is decided once for all who use it.

    `form` is its tree as first used; other uses may give it another type, but the same sites. `part` is its name where
    it is a part whose module all users share.
    """

    name: str
    node: Node
    form: Form | None = None
    only_train: bool = True
    part: str | None = None


@dataclass(frozen=True, eq=False)
class Fixed:
    """A value as written; None where `none` stands for nothing."""

    value: Any


@dataclass(frozen=True, eq=False)
class Local:
    """A name inside a stage: `i n in out h w`."""

    name: str


@dataclass(frozen=True, eq=False)
class Computed:
    """An expression; its result must fit `spec` (None: any scalar)."""

    expression: Expression
    bindings: tuple[tuple[str, Local | Shared | Fact], ...]
    spec: FieldSpec | None
    node: Node


@dataclass(frozen=True, eq=False)
class Pick:
    """A choice or range. Where the site is continuous there are no options: the label is the value.

    `named`: the options were given names, which are then steps of the paths inside them.
    """

    site: Site
    options: Mapping[Label, Form]
    named: bool = False


@dataclass(frozen=True, eq=False)
class Each:
    """One form a block, by the block's index."""

    items: tuple[Form, ...]
    node: Node


@dataclass(frozen=True, eq=False)
class Shared:
    """A use of a var or default."""

    group: Group
    form: Form


@dataclass(frozen=True, eq=False)
class PartForm:
    """A part with the fields that were written."""

    kind: str
    fields: Mapping[str, Form]


@dataclass(frozen=True, eq=False)
class ListForm:
    """A list value; where `vanish`, items that are nothing vanish."""

    items: tuple[Form, ...]
    vanish: bool


@dataclass(frozen=True, eq=False)
class MapForm:
    """A mapping value."""

    items: Mapping[str, Form]


@dataclass(frozen=True, eq=False)
class BlockForm:
    """A block with the fields that were written or defaulted; `path` is where, behind the unit's name."""

    spec: BlockSpec
    fields: Mapping[str, Form]
    out: Form | None
    stride: Form | None
    node: Node
    path: str


@dataclass(frozen=True, eq=False)
class Sequence:
    """Several nodes one after the other."""

    items: tuple[Form, ...]


@dataclass(frozen=True, eq=False)
class Nothing:
    """No block at all."""


Form = Fixed | Computed | Pick | Each | Shared | PartForm | ListForm | MapForm | BlockForm | Sequence | Nothing


@dataclass(frozen=True, eq=False)
class Stage:
    """A run of `repeat` (at most `most`, at least `least`) blocks; `out` None: the blocks decide.

    `exit` is a side chain behind it, `leave` the share of images that is said to leave there.
    """

    name: str
    repeat: Form
    least: int
    most: int
    out: Form | None
    stride: Form
    downsample: Form | None
    block: Form
    node: Node
    exit: Form | None = None
    leave: float | None = None


@dataclass(frozen=True, eq=False)
class Fact:
    """A named fact of a network.

    It is the label of a decision, a constant, the value of a `form` that needs no shape, or (none of these) recorded
    while decoding under its name. It is absent where a label of `given` was not chosen, where a stage has too few
    blocks (`block`: the stage and the least number), or where all that would record it `vanishes`.
    """

    name: str
    decision: str | None = None
    form: Form | None = None
    constant: Any = None
    given: tuple[tuple[str, Label], ...] = ()
    block: tuple[Stage, int] | None = None
    vanishes: bool = False

    @property
    def may_be_absent(self) -> bool:
        return bool(self.given) or self.vanishes or (self.block is not None and self.block[0].least < self.block[1])


@dataclass(frozen=True, eq=False)
class Constraint:
    """A condition with the facts it names; it holds where any of them is absent."""

    expression: Expression
    facts: tuple[tuple[str, Shared | Fact], ...]
    node: Node


@dataclass(frozen=True, eq=False)
class Network:
    """A whole space: input, units in order of execution, scaling, training options, structural constraints."""

    name: str
    about: About
    resolution: Form | None
    height: Form
    width: Form
    channels: Form
    classes: int
    stem: Sequence
    stages: tuple[Stage, ...]
    head: Sequence
    scale: MapForm
    train: MapForm
    constraints: tuple[Constraint, ...]
    costs: tuple[Expression, ...]
    groups: tuple[Group, ...] = field(default=())
    scale_mark: Mark | None = None
