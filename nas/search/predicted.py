"""What the engine asks of a latency predictor; who has one hands it in, so that nothing here knows how it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nas.arch import Plan

# One network in so many is measured although it is surely over by its prediction: what nobody looks at is never found
# wrong. Which ones follows from their identity, so that a search that goes on makes no other choice.
AUDIT = 20


class Forecast(Protocol):
    """A predicted latency in ms: the median, 90% bounds `low` and `high`, and sure bounds `least` and `most`."""

    @property
    def p50(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def least(self) -> float: ...
    @property
    def most(self) -> float: ...


class Forecaster(Protocol):
    """Predicts latencies and learns from measurements; `nas.measure.predictor.Learner` is one."""

    @property
    def reliable(self) -> bool:
        """Whether a network may be turned away for what is forecast."""
        ...

    def forecast(self, plan: Plan) -> Forecast | None:
        """None while it knows too little."""
        ...

    def learn(self, plan: Plan, latency: Mapping[str, Any], forecast: Mapping[str, float] | None = None) -> None:
        """A measurement as JSON, and what was forecast before it was taken (`p50`, `low`, `high`)."""
        ...


def as_numbers(forecast: Forecast | None) -> dict[str, float]:
    """A forecast as it is stored, empty for none."""
    return {} if forecast is None else {"p50": forecast.p50, "low": forecast.low, "high": forecast.high}


def audited(plan: Plan) -> bool:
    """Whether this network is one of those that are measured all the same."""
    return int(plan.arch_id, 16) % AUDIT == 0
