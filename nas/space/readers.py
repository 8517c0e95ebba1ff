"""Decisions read or drawn in the order in which they arise, compiled once for each unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from nas.space.decisions import BadDecisions, Decision, Decisions, Draw, Label
from nas.space.forms import Group
from nas.space.reach import Given, Open, Reach, Use

Finder = Callable[[str], Decision]


class Reader:
    """Decisions that arise together, and by their labels what arises next.

    `uses` are the vars and defaults needed on arrival. `decide` gives the `Decision` of a name.
    """

    __slots__ = ("_decide", "_index", "_known", "_next", "_opens", "decisions", "final", "get", "names", "uses")

    def __init__(self, reach: Reach, index: int | None, known: Mapping[str, Label], decide: Finder) -> None:
        self._decide = decide
        self._index = index
        self._known = known
        uses: dict[str, Group] = {}
        opens: dict[str, Open] = {}
        for item in _flat(reach, index, known):
            if isinstance(item, Use):
                uses[item.group.name] = item.group
            else:
                opens[item.site.name(index)] = item
        self.uses = tuple(uses.values())
        self._opens = tuple(opens.values())
        self.names = tuple(opens)
        self.decisions = tuple(decide(name) for name in self.names)
        self.get: Callable[[Mapping[str, Label]], Any] = itemgetter(*self.names) if self.names else _nothing
        self.final = not any(any(item.then.values()) for item in self._opens)
        self._next: dict[Any, Reader] = {}

    def follow(self, key: Any) -> Reader:
        """The reader of what the labels open; `key` is what `get` gave. Not for a `final` one."""
        try:
            return self._next[key]
        except KeyError:
            labels = (key,) if len(self.names) == 1 else key
            inside: list[Open | Given | Use] = []
            for item, decision, label in zip(self._opens, self.decisions, labels, strict=True):
                check(decision, label)
                inside.extend(item.then.get(label, ()))
            reader = self._next[key] = Reader(tuple(inside), self._index, self._known, self._decide)
            return reader


def _nothing(decisions: Mapping[str, Label]) -> tuple[()]:
    return ()


def _flat(reach: Reach, index: int | None, known: Mapping[str, Label]) -> list[Open | Use]:
    """The reach with decisions made earlier followed."""
    found: list[Open | Use] = []
    for item in reach:
        if isinstance(item, Given):
            found.extend(_flat(item.then[known[item.site.name(index)]], index, known))
        else:
            found.append(item)
    return found


def check(decision: Decision, label: object) -> None:
    """Raises `BadDecisions` when the label is no answer."""
    if not decision.allows(label):
        raise BadDecisions(f"must be {decision.said()}, but got {label!r}", path=decision.name)


def draw_all(reader: Reader, draw: Draw, into: Decisions, use: Callable[[Group], None]) -> None:
    """Draws what a reader and all that follows ask, into the decisions; `use` is called for each var on the way."""
    while True:
        for group in reader.uses:
            use(group)
        for decision in reader.decisions:
            label = draw(decision)
            check(decision, label)
            into[decision.name] = label
        if reader.final:
            return
        reader = reader.follow(reader.get(into))
