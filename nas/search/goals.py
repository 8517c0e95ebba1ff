"""What a search is after: objectives and budgets, both expressions over the values known of a network."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, Self

from nas.errors import NasError, nearest
from nas.space.compiling import names_of
from nas.space.expression import Expression, ExpressionError, MissingName, parse
from nas.space.terms import All, Compare, Either, Term
from nas.store.attributes import EXTRA_NAMES

Direction = Literal["minimize", "maximize"]

# Names of constraints become keys in the storage, which some databases hold up to 512 characters of.
_LONGEST_KEY = 200


class GoalError(NasError):
    """An objective or a budget cannot be used as it is written."""


@dataclass(frozen=True)
class Objective:
    """One number to make large or small: `maximize accuracy`, `minimize latency_ms`, `minimize macs * latency_ms`."""

    text: str
    direction: Direction

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `GoalError` or `ExpressionError`."""
        word, _, rest = text.strip().partition(" ")
        match word:
            case "maximize" | "minimize" if rest.strip():
                objective = cls(rest.strip(), word)
            case _:
                raise GoalError(f"an objective must be `maximize X` or `minimize X`, but got '{text}'")
        _ = objective.expression
        return objective

    @cached_property
    def expression(self) -> Expression:
        return parse(self.text)

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    def value(self, values: Mapping[str, Any]) -> float:
        """The number for a network; raises `GoalError` when it is none, `MissingName` when a value is not known."""
        try:
            found = self.expression.evaluate(values)
        except MissingName:
            raise
        except ExpressionError as error:
            raise GoalError(f"objective '{self.text}' must be a number, but {error}") from error
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise GoalError(f"objective '{self.text}' must be a number that is finite, but is {found!r}")
        return float(found)

    def gain(self, values: Mapping[str, Any]) -> float:
        """The same, larger is better."""
        return self.value(values) if self.direction == "maximize" else -self.value(values)


@dataclass(frozen=True)
class Budget:
    """A condition on values: `latency_ms <= 1.5`. It becomes one Optuna constraint, met when its excess is <= 0."""

    text: str

    @classmethod
    def parse(cls, text: str | Expression) -> Self:
        """Raises `ExpressionError`, and `GoalError` for a text that is no condition on numbers, such as `macs`."""
        if isinstance(text, Expression):
            return cls(text.text)
        budget = cls(text.strip())
        budget.excess({name: 1.5 + number for number, name in enumerate(sorted(budget.names))})
        return budget

    @cached_property
    def expression(self) -> Expression:
        return parse(self.text)

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    @cached_property
    def key(self) -> str:
        """The name of the Optuna constraint: the text, shortened where it is very long."""
        if len(self.text) <= _LONGEST_KEY:
            return self.text
        return f"{self.text[: _LONGEST_KEY - 12]}...{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"

    def excess(self, values: Mapping[str, Any]) -> float | None:
        """By how much it is exceeded (<= 0: met), None while a value that it names is not known.

        Infinite where one is not-a-number or infinite itself. Raises `GoalError` for what cannot be compared.
        """
        named = [values[name] for name in self.names if name in values]
        if any(isinstance(value, float) and not math.isfinite(value) for value in named):
            return math.inf
        try:
            return float(self.expression.excess(values))
        except MissingName:
            return None
        except ExpressionError as error:
            raise GoalError(f"budget '{self.text}' must be a condition on numbers, but {error}") from error


@dataclass(frozen=True)
class Goals:
    """Objectives and budgets of a study; `constraints` are those of the space on costs, where an absent name holds."""

    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...] = ()
    constraints: tuple[Budget, ...] = ()

    @classmethod
    def parse(
        cls, objectives: Iterable[str], budgets: Iterable[str] = (), constraints: Iterable[Expression] = ()
    ) -> Self:
        """Raises `GoalError` or `ExpressionError`."""
        found = tuple(Objective.parse(text) for text in objectives)
        if not found:
            raise GoalError("a search must have at least one objective, but got none")
        own = tuple(Budget.parse(text) for text in budgets)
        return cls(found, own, tuple(b for b in map(Budget.parse, constraints) if b not in own))

    @property
    def directions(self) -> list[Direction]:
        return [objective.direction for objective in self.objectives]

    @property
    def _goals(self) -> tuple[Objective | Budget, ...]:
        return (*self.objectives, *self.budgets)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for goal in self._goals for name in goal.names)

    @property
    def needs_latency(self) -> bool:
        return any(name.startswith("latency") for name in self.names)

    @property
    def extras(self) -> tuple[str, ...]:
        """The values measured beside latency that an objective or a budget names: they are measured only then."""
        return tuple(name for name in EXTRA_NAMES if name in self.names)

    @cached_property
    def latency_budget_ms(self) -> float | None:
        """The tightest plain budget on `latency_ms`, which tells a measurement how exact it has to be."""
        limits = []
        for budget in self.budgets:
            if budget.names == {"latency_ms"}:
                at = [budget.expression.excess({"latency_ms": ms}) for ms in (0.0, 1.0, 2.0)]
                if math.isclose(at[1] - at[0], 1.0, abs_tol=1e-6) and math.isclose(at[2] - at[1], 1.0, abs_tol=1e-6):
                    limits.append(-at[0])
        return min(limits, default=None)

    def check_names(self, known: Collection[str]) -> None:
        """Raises `GoalError` for a name that no value will ever have."""
        for goal in self._goals:
            check_names(goal, known)

    def excesses(self, values: Mapping[str, Any], env: Mapping[str, Any] | None = None) -> dict[str, float]:
        """What is known of every budget by its key; `env` has the decisions that the space's constraints may name."""
        found = {budget.key: budget.excess(values) for budget in self.budgets}
        for constraint in self.constraints:
            excess = constraint.excess({**(env or {}), **values})
            found[constraint.key] = 0.0 if excess is None else excess
        return {key: excess for key, excess in found.items() if excess is not None}

    def excess(self, values: Mapping[str, Any], env: Mapping[str, Any] | None = None) -> float:
        """By how much all budgets together are exceeded, 0 where all that is known of them is met."""
        return sum(max(0.0, excess) for excess in self.excesses(values, env).values())

    def values(self, values: Mapping[str, Any]) -> list[float]:
        """What is told to Optuna."""
        return [objective.value(values) for objective in self.objectives]

    def gains(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        """The objectives, each so that larger is better."""
        return tuple(objective.gain(values) for objective in self.objectives)


def check_names(goal: Objective | Budget, known: Collection[str]) -> None:
    """Raises `GoalError` for a name that no value will ever have."""
    for name in sorted(goal.names - set(known)):
        raise GoalError(f"'{goal.text}' names '{name}', which is no value of a network; {nearest(name, known)}")


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether gains `a` are nowhere worse than `b`, and somewhere better."""
    better = False
    for x, y in zip(a, b, strict=True):
        if x < y:
            return False
        better = better or x > y
    return better


@cache
def broken(text: str) -> Literal["exceeded", "missed"]:
    """What is said of a budget that does not hold: `exceeded` where it only says how large values may be."""
    try:
        return "exceeded" if _bounds_above(parse(text).term) else "missed"
    except ExpressionError:  # a name that was shortened
        return "missed"


def _bounds_above(term: Term) -> bool:
    match term:
        case All(terms) | Either(terms):
            return all(map(_bounds_above, terms))
        case Compare("<" | "<=", left, _):
            return bool(names_of(left))
        case Compare(">" | ">=", left, _):
            return not names_of(left)
    return False
