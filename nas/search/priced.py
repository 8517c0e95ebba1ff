"""A network with all that is known of it before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.search.gates import Gates, Rejected
from nas.search.spaces import Space


@dataclass(frozen=True)
class Priced:
    """A network that can be built, with its costs and by how much they exceed each budget that they decide.

    `predicted_ms` is the latency that is forecast, where it can be; `foreseen` are the budgets that it surely exceeds
    by that, and by how much at least.
    """

    decisions: Mapping[str, Any]
    plan: Plan
    values: Mapping[str, float]
    excesses: Mapping[str, float]
    predicted_ms: float | None = None
    foreseen: Mapping[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether it is within the budgets that costs decide."""
        return all(excess <= 0 for excess in self.excesses.values())

    @property
    def slow(self) -> bool:
        return bool(self.foreseen)

    @property
    def over(self) -> dict[str, float]:
        """The budgets that it exceeds by all that is known before a measurement, each with how much."""
        return {**{key: excess for key, excess in self.excesses.items() if excess > 0}, **self.foreseen}

    @property
    def within(self) -> bool:
        """Whether nothing that is known before a measurement speaks against it."""
        return not self.over

    @property
    def size(self) -> float:
        """What stands in for latency before it is measured: its forecast, or MACs."""
        return self.counted if self.predicted_ms is None else self.predicted_ms

    @property
    def counted(self) -> float:
        """MACs, or parameters where these are not known."""
        return float(next((self.values[name] for name in ("macs", "params") if name in self.values), 0.0))


def price(space: Space, gates: Gates, decisions: Mapping[str, Any]) -> Priced | None:
    """The network with its costs, None when it cannot be built."""
    try:
        plan = space.decode(decisions)
        values = gates.cost(plan, decisions, enforce=False)
    except (InvalidArchitecture, Rejected):
        return None
    forecast = gates.forecast(plan)
    predicted_ms = forecast.p50 if forecast is not None else None
    foreseen = gates.surely_over(forecast, values, decisions)
    return Priced(decisions, plan, values, gates.goals.excesses(values, decisions), predicted_ms, foreseen)
