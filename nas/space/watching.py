"""Constraints along the chain: checked as soon as all they name is decided, and what of the past they still need."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from nas.space.constraints import holds_for, read_fact
from nas.space.forms import Constraint
from nas.space.residues import compile_residue, value
from nas.space.support import NoOut, Outs, fact_support
from nas.space.twigs import Slot
from nas.space.weaving import Env

DONE = value(True)


class Watch:
    """One constraint with the decisions that each of its facts depends on. Raises `NotWritten`."""

    def __init__(self, constraint: Constraint, outs: Outs) -> None:
        self.constraint = constraint
        self._outs = outs
        self._readers = {name: read_fact(fact) for name, fact in constraint.facts}
        self.supports = {name: fact_support(fact, outs) for name, fact in constraint.facts}
        self._residue = compile_residue(constraint.expression.term)
        self.names: frozenset[str] = frozenset().union(*self.supports.values())

    def holds(self, decisions: Mapping[str, Any]) -> bool:
        """Whether it holds for the decisions it depends on, those that were not made left out."""
        try:
            return holds_for(self.constraint, self._values(self.supports, decisions))
        except NoOut:
            return False

    def left(self, known: Iterable[str], decisions: Mapping[str, Any]) -> Hashable:
        """What is left of it once these facts are known; equal where the rest decides alike."""
        known = tuple(known)
        try:
            values = self._values(known, decisions)
        except NoOut:
            return ("never",)
        if any(value is None for value in values.values()):
            return DONE
        return self._residue(values)

    def _values(self, names: Iterable[str], decisions: Mapping[str, Any]) -> dict[str, Any]:
        recorded = self._outs.recorded(decisions)
        return {name: self._readers[name](decisions, recorded) for name in names}


class Check:
    """The end of a constraint: which states go on."""

    def __init__(self, watch: Watch, places: Mapping[Slot, int]) -> None:
        self._watch = watch
        self._names = sorted(name for name in watch.names if ("label", name) in places)
        self._at = [places["label", name] for name in self._names]
        self._seen: dict[Env, bool] = {}

    def __call__(self, state: Env) -> bool:
        key = tuple([state[at] for at in self._at])
        found = self._seen.get(key)
        if found is None:
            made = {name: label for name, label in zip(self._names, key, strict=True) if label is not None}
            found = self._seen[key] = self._watch.holds(made)
        return found


class Merge:
    """States that differ only in how a constraint came to what is left of it become one.

    `known` are its facts that are decided; `own` the slots that nothing else needs any more.
    """

    def __init__(self, watch: Watch, known: tuple[str, ...], own: frozenset[Slot], places: Mapping[Slot, int]) -> None:
        self._watch = watch
        self._known = known
        names = sorted(frozenset().union(*(watch.supports[fact] for fact in known)))
        slots: list[Slot] = [("label", name) for name in names if ("label", name) in places]
        self._own = [places[slot] for slot in slots if slot in own]
        self._kept = [places[slot] for slot in slots if slot not in own]
        self._names = [slot[1] for slot in slots]
        self._at = [places[slot] for slot in slots]
        self._first: dict[Any, Env] = {}
        self._seen: dict[Env, Env] = {}

    def __call__(self, state: list[Any]) -> None:
        key = tuple([state[at] for at in self._at])
        found = self._seen.get(key)
        if found is None:
            made = {name: label for name, label in zip(self._names, key, strict=True) if label is not None}
            left = (self._watch.left(self._known, made), tuple(state[at] for at in self._kept))
            found = self._seen[key] = self._first.setdefault(left, tuple(state[at] for at in self._own))
        for at, label in zip(self._own, found, strict=True):
            state[at] = label
