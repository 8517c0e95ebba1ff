"""The factors of least expected error within a budget, from a surface fitted to trained networks; then the check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nas.arch import Plan
from nas.errors import InvalidArchitecture, NasError
from nas.measure.predictor import Predictor
from nas.scale import DIMENSIONS, Factors, realised, scale
from nas.scale.surface import Surface, best, fit_surface
from nas.store import Record
from nas.study.calibrations import count
from nas.study.meters import AnyMeter
from nas.study.scaling_fit import Runs
from nas.study.scaling_networks import PREDICTED, Entry, scaled_entry
from nas.study.spaces import catalogue

Bounds = Sequence[tuple[float, float]]  # least and largest factor of depth, width and resolution

MEASURED = 16  # scaled networks to learn latency from, besides those of the study
TRIES = 8  # budgets, each tighter, until the network that is found is within the one wanted
DIGITS = 2  # of factors: finer ones come to the same network


@dataclass(frozen=True)
class Found:
    """The network of least expected error within a budget: its cost, and the error expected of one training."""

    entry: Entry
    cost: float
    error: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """The numbers of a report."""
        return {
            "name": self.entry.name, "arch_id": self.entry.plan.arch_id, **self.entry.about,
            "size": self.cost, "predicted": self.error, "low": self.low, "high": self.high,
        }  # fmt: skip


def surface_of(runs: Runs, base: Plan, plan_of: Callable[[Record], Plan]) -> tuple[Surface, Bounds]:
    """The surface of the runs of scaled networks, and the least and largest factor of each dimension.

    Factors are those that rounding has left (`realised`). Raises `NasError` for too few networks, or for a dimension
    that is the same in all.
    """
    known = [
        (_three(realised(base, plan_of(record))), error)
        for record, error in zip(runs.records, runs.errors, strict=True)
        if all(isinstance(record.decisions.get(name), int | float) for name in DIMENSIONS)
    ]
    if not known:
        raise NasError(
            "the best factors follow from networks scaled by `nas scale grid` or `nas scale compare`, but none of "
            "these was"
        )
    points, errors = zip(*known, strict=True)
    surface = fit_surface(points, errors)
    return surface, tuple((min(column), max(column)) for column in zip(*points, strict=True))


def _three(factors: Factors) -> tuple[float, float, float]:
    return factors.depth, factors.width, factors.resolution


class Family:
    """The networks that factors make of a base, those that come to nothing left out."""

    def __init__(self, base: Plan, rules: str) -> None:
        self.base = base
        self._rules = rules
        self.at = cache(self._at)

    def _at(self, depth: float, width: float, resolution: float) -> Plan | None:
        try:
            return scale(self.base, Factors(depth, width, resolution), catalogue(), rules=self._rules)
        except InvalidArchitecture:
            return None

    def rounded(self, depth: float, width: float, resolution: float) -> Plan | None:
        """The network of factors, of which finer digits do not count."""
        return self.at(*(round(each, DIGITS) for each in (depth, width, resolution)))

    def within(self, bounds: Bounds, value: Callable[[Plan], float]) -> Callable[[float, float, float], float]:
        """The cost of factors: that of their network, infinite where there is none within the bounds."""

        def of(*factors: float) -> float:
            plan = self.rounded(*factors)
            if plan is None:
                return float("inf")
            pairs = zip(_three(realised(self.base, plan)), bounds, strict=True)
            return value(plan) if all(low <= each <= high for each, (low, high) in pairs) else float("inf")

        return of

    def error(self, surface: Surface) -> Callable[[float, float, float], float]:
        """The error that the surface expects of the network of factors."""

        def of(*factors: float) -> float:
            plan = self.rounded(*factors)
            return float("inf") if plan is None else surface.error(*_three(realised(self.base, plan)))

        return of


def find_best(
    surface: Surface,
    bounds: Sequence[tuple[float, float]],
    family: Family,
    value: Callable[[Plan], float],
    budget: float,
) -> Found:
    """The network of least expected error whose value is within the budget.

    Raises `BudgetUnreachable` where no network within the bounds is.
    """
    found = best(surface, budget=budget, bounds=bounds, cost=family.within(bounds, value), error=family.error(surface))
    plan = family.rounded(*found)
    assert plan is not None
    factors = realised(family.base, plan)
    middle, low, high = surface.predict([_three(factors)])
    entry = scaled_entry(f"predicted best for {budget:g}", plan, factors, method=PREDICTED)
    return Found(entry, value(plan), *(min(1.0, float(each[0])) for each in (middle, low, high)))


def macs_of(plan: Plan) -> float:
    """Multiply-accumulates of a network."""
    return float(catalogue().plan(plan).macs)


class Latency:
    """Predicted latency of scaled networks, learnt from some that are measured, and measured latency to check it."""

    def __init__(self, meter: AnyMeter, plans: Sequence[Plan]) -> None:
        self._meter = meter
        self._known: dict[str, float] = {}
        networks = [plan for plan in plans if self.measured(plan)]
        self._predictor = Predictor.fit(
            [count(plan) for plan in networks], [self._known[plan.arch_id] for plan in networks]
        )
        self.predicted = cache(self._predicted)

    def measured(self, plan: Plan) -> float:
        """Milliseconds, measured once for each network."""
        if plan.arch_id not in self._known:
            self._known[plan.arch_id] = self._meter.measure(plan.architecture).p50
        return self._known[plan.arch_id]

    def _predicted(self, plan: Plan) -> float:
        return float(self._predictor.predict([count(plan)]).p50[0])


def spread_out(family: Family, bounds: Bounds, count: int, seed: int = 0) -> list[Plan]:
    """Different networks of factors drawn evenly in their logarithms within the bounds."""
    rng = np.random.default_rng(seed)
    low, high = (np.log([pair[place] for pair in bounds]) for place in (0, 1))
    found: dict[str, Plan] = {}
    for _ in range(20 * count):
        factors = np.exp(rng.uniform(low, high))
        plan = family.at(*(round(float(each), DIGITS) for each in factors))
        if plan is not None:
            found.setdefault(plan.arch_id, plan)
        if len(found) == count:
            break
    return list(found.values())


def within(found: Callable[[float], Found], measured: Callable[[Plan], float], budget: float) -> tuple[Found, float]:
    """The network found for a budget whose measured value is within it: budgets are tightened by what was missed.

    Raises `NasError` where none of `TRIES` is.
    """
    asked = budget
    for _ in range(TRIES):
        best_found = found(asked)
        value = measured(best_found.entry.plan)
        if value <= budget:
            return best_found, value
        asked = min(asked * budget / value, math.nextafter(best_found.cost, 0))  # not the same network again
    raise NasError(
        f"the network found must be within {budget:g}, but {best_found.entry.plan.arch_id} is measured at {value:.4g} "
        f"after {TRIES} tries; scale to a larger budget"
    )
