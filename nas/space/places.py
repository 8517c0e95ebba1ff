"""What the compiler knows while it reads: where it is, and the tables of all it has met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nas.arch import Catalogue
from nas.space.decisions import Label
from nas.space.forms import Form, Group, Scope, Site, Stage
from nas.space.node import Node

BLOCK_LOCALS = frozenset({"i", "n", "in", "out", "h", "w"})
COSTS = frozenset({"macs", "macs_least", "macs_expected", "flops", "params", "activations", "peak_bytes"})


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    `prefix` and `path` name decisions; `scope` is what a choice here gets, `around` that of the choice around it;
    `per` whether a choice may say it itself; `locals` are the names of the block at hand; `most` allows `each` and is
    its length; `group` is the var or default whose tree this is, `within` all those around; `before` the units whose
    facts are known; `defaults` those that hold, the nearest first; `stage_out` whether the stage writes an `out`;
    `item` the index of the `each` around.
    """

    prefix: str
    path: tuple[str, ...] = ()
    scope: Scope = "stage"
    around: Scope | None = None
    per: bool = False
    locals: frozenset[str] = frozenset()
    most: int | None = None
    group: Group | None = None
    before: frozenset[str] = frozenset()
    train: bool = False
    within: tuple[str, ...] = ()
    defaults: tuple[Mapping[str, Default], ...] = ()
    stage_out: bool = False
    item: int | None = None

    def down(self, *steps: str | int) -> Place:
        """The place some steps further inside."""
        return replace(self, path=(*self.path, *map(str, steps)))


@dataclass
class Default:
    """One entry of `defaults`; `used` once a block took its value from it."""

    key: str
    node: Node
    group: Group
    used: bool = False


@dataclass
class Tables:
    """All that compiling one space has met so far."""

    catalogue: Catalogue
    classes: int = 0
    vars: dict[str, Group] = field(default_factory=dict)
    shared: dict[str, Group] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    sections: dict[str, Form | Stage | None] = field(default_factory=dict)
    compiled: int = 0

    def site(self, place: Place, scope: Scope, node: Node, labels: tuple[Label, ...], **more: object) -> Site:
        """The site of this place; the same one when a var or default is compiled again for another use."""
        found = Site(place.prefix, ".".join(place.path), scope, labels=labels, node=node, train=place.train, **more)  # type: ignore[arg-type]
        name = found.name(place.item or 0)
        before = self.sites.setdefault(name, found)
        if before is not found and (before.node is not node and before.node.mark != node.mark):
            raise node.fail(f"two decisions must not have one name, but '{name}' is also decided at {before.node.mark}")
        return before
