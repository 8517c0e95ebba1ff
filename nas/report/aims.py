"""What a study asked for, as the report reads it: its objectives and budgets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nas.errors import NasError
from nas.space.expression import ExpressionError, MissingName, parse
from nas.store.record import Record

_OBJECTIVE = re.compile(r"\s*(maximi[sz]e|minimi[sz]e)\s+(.+?)\s*")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BUDGET = re.compile(rf"\s*([A-Za-z_][\w.]*)\s*(<=|<|>=|>)\s*({_NUMBER})\s*")


@dataclass(frozen=True)
class Objective:
    """One thing to make large or small: the name of a value (`accuracy`) or an expression of values."""

    name: str
    maximize: bool

    @property
    def text(self) -> str:
        return f"{'maximize' if self.maximize else 'minimize'} {self.name}"

    def value(self, record: Record) -> float | None:
        """The finite number that a record has for it, None where it has none."""
        found: Any = record.values.get(self.name)
        if found is None and not self.name.isidentifier():
            try:
                found = parse(self.name).evaluate(record.values)
            except (MissingName, ExpressionError):
                return None
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    def better(self, a: float, b: float) -> bool:
        return a > b if self.maximize else a < b


@dataclass(frozen=True)
class Budget:
    """One thing that must hold. `name` and `bound` are None where it is more than one value against one number."""

    text: str
    name: str | None = None
    upper: bool = True
    bound: float | None = None


@dataclass(frozen=True)
class Aims:
    """Name, objectives (the first one decides what is best) and budgets of a study, with the study itself."""

    name: str
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    study: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def first(self) -> Objective:
        return self.objectives[0]

    @cached_property
    def directions(self) -> Mapping[str, bool]:
        """Whether more is better, by the name of each objective."""
        return {objective.name: objective.maximize for objective in self.objectives}

    def value(self, record: Record, name: str) -> float | None:
        """A record's finite number for an objective or any other value, None where it has none."""
        found = next((o for o in self.objectives if o.name == name), None) or Objective(name, True)
        return found.value(record)

    def bound(self, name: str, *, upper: bool = True) -> float | None:
        """The tightest budget on a value from above (or below), None where there is none."""
        bounds = [b.bound for b in self.budgets if b.name == name and b.upper == upper and b.bound is not None]
        return (min(bounds) if upper else max(bounds)) if bounds else None

    def cost_name(self, records: Sequence[Record]) -> str | None:
        """What the first objective is traded against: the second objective, else latency, a budget's value, MACs."""
        second = [o.name for o in self.objectives[1:2]]
        budgeted = [b.name for b in self.budgets if b.name]
        for name in [*second, "latency_ms", *budgeted, "macs", "params"]:
            if name != self.first.name and any(name in record.values for record in records):
                return name
        return second[0] if second else None


def bounds_of(record: Record, name: str) -> tuple[float, float] | None:
    """The interval of a value where both ends are finite numbers."""
    bounds = record.interval.get(name)
    return bounds if bounds is not None and all(math.isfinite(end) for end in bounds) else None


def read_aims(study: Mapping[str, Any] | Aims) -> Aims:
    """The aims of a resolved study; `maximize accuracy` where it names no objective.

    Raises `NasError` for an objective that is neither `maximize X` nor `minimize X`, and where either is no list.
    """
    if isinstance(study, Aims):
        return study
    objectives = tuple(_objective(text) for text in _texts(study, "objectives") or ["maximize accuracy"])
    budgets = tuple(_budget(text) for text in _texts(study, "budgets"))
    return Aims(str(study.get("name") or "study"), objectives, budgets, study)


def _texts(study: Mapping[str, Any], key: str) -> list[str]:
    found = study.get(key) or []
    if not isinstance(found, list | tuple):
        raise NasError(f"{key} of a study must be a list, but got {found!r}")
    return [str(text) for text in found]


def _objective(text: str) -> Objective:
    found = _OBJECTIVE.fullmatch(text)
    if not found:
        raise NasError(f"an objective must be 'maximize X' or 'minimize X', but got '{text}'")
    return Objective(found[2], found[1].startswith("max"))


def _budget(text: str) -> Budget:
    found = _BUDGET.fullmatch(text)
    if not found:
        return Budget(text)
    return Budget(text, found[1], found[2].startswith("<"), float(found[3]))
