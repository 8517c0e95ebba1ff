"""How far to scale: the largest network of a family within a budget of MACs, or of latency on a device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nas.arch import Plan
from nas.errors import BudgetUnreachable, InvalidArchitecture
from nas.scale.methods import Scaled
from nas.scale.published import NoRung

FARTHEST = 12.0  # phi up and down: 4096 times the MACs
CLOSE = 1 / 64  # in phi, between the largest that is within and the smallest that is not

Family = Callable[[float], Scaled]
Value = Callable[[Plan], float]


@dataclass(frozen=True)
class Reached:
    """The largest network found within the budget, and its value."""

    scaled: Scaled
    value: float


def nearest_to(family: Family, value: Value, goal: float, what: str, *, close: float = CLOSE) -> Reached:
    """The network of a family whose value is nearest to the goal, as a ratio: see `largest_within`."""
    inside, outside = _Search(family, value, goal, what).run(True, close)
    return min(inside, outside, key=lambda each: abs(math.log(each.value / goal)))


def largest_within(
    family: Family, value: Value, budget: float, what: str, *, continuous: bool = True, close: float = CLOSE
) -> Reached:
    """The largest network of a family whose value is at most the budget.

    `family` gives the network of a phi, `value` is what counts (it is asked once for each network: it may be a
    measurement), `what` names it with its unit in errors. From phi 0 whole steps are taken until the budget lies
    between two, then halves (`continuous`) until they are `close`. Where values do not grow with phi, the network that
    is found need not be the largest. Raises `BudgetUnreachable` with what can be reached when the budget is below the
    smallest network or above the largest.
    """
    inside, _ = _Search(family, value, budget, what).run(continuous, close)
    return inside


class _Search:
    def __init__(self, family: Family, value: Value, budget: float, what: str) -> None:
        self._family, self._value, self._budget, self._what = family, value, budget, what
        self._values: dict[str, float] = {}
        self._made: dict[float, Scaled | None] = {}

    def run(self, continuous: bool, close: float) -> tuple[Reached, Reached]:
        """The largest within the budget, and the smallest beyond it."""
        base = self._at(0.0)
        if base is None:
            self._family(0.0)  # raises what is in the way
            raise AssertionError("phi 0 could be built after all")
        step = 1.0 if base.value <= self._budget else -1.0
        last, phi = base, 0.0
        while True:
            phi += step
            found = self._at(phi) if abs(phi) <= FARTHEST else None
            if found is None:
                raise BudgetUnreachable(
                    f"the budget must be within what scaling {base.scaled.plan.name} reaches, "
                    f"{self._reached(step)}, but is {self._budget:g} {self._what}"
                )
            if (found.value <= self._budget) != (last.value <= self._budget):
                break
            last = found
        inside, outside = (last, found) if step > 0 else (found, last)
        return self._between(inside, outside, close) if continuous else (inside, outside)

    def _between(self, inside: Reached, outside: Reached, close: float) -> tuple[Reached, Reached]:
        while abs(outside.scaled.phi - inside.scaled.phi) > close:
            if inside.scaled.plan.arch_id == outside.scaled.plan.arch_id:
                break
            middle = self._at((inside.scaled.phi + outside.scaled.phi) / 2)
            if middle is None:
                break
            if middle.value <= self._budget:
                inside = middle
            else:
                outside = middle
        return inside, outside

    def _at(self, phi: float) -> Reached | None:
        """None where there is no network of this phi."""
        if phi not in self._made:
            try:
                self._made[phi] = self._family(phi)
            except (InvalidArchitecture, NoRung):
                self._made[phi] = None
        scaled = self._made[phi]
        if scaled is None:
            return None
        key = scaled.plan.arch_id
        if key not in self._values:
            self._values[key] = self._value(scaled.plan)
        return Reached(scaled, self._values[key])

    def _reached(self, step: float) -> str:
        """What can be reached in the direction that was looked in."""
        values = self._values.values()
        return f"at most {max(values):.4g} {self._what}" if step > 0 else f"at least {min(values):.4g} {self._what}"
