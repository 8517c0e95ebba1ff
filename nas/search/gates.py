"""The cheap gates, in order of price: structure, costs, predicted, measured latency. Training comes after them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.search.goals import Goals, broken
from nas.search.predicted import Forecast, Forecaster, as_numbers, audited
from nas.store.attributes import EXTRA_NAMES, latency_values

Price = Callable[[Plan], Mapping[str, float]]
Measure = Callable[[Plan, float | None], Any]

# Names that a training report has beside those of costs and latency.
REPORTED = ("accuracy", "loss", "train_loss")
LATENCY_NAMES = ("latency_ms", "latency_low_ms", "latency_high_ms", "latency_p90_ms", "latency_p99_ms")
MEASURED_NAMES = (*LATENCY_NAMES, *EXTRA_NAMES)

# The constraint of a network that cannot be built, so that a sampler sees it as infeasible.
STRUCTURE = "can be built"


class Rejected(Exception):
    """A gate turned a network away: which one, why, and what is known of the network.

    `source` is the trial that it repeats, `known` its `arch_id` and `key` where it got that far.
    """

    def __init__(
        self,
        gate: str,
        reason: str,
        values: Mapping[str, float] | None = None,
        constraints: Mapping[str, float] | None = None,
        latency: Mapping[str, Any] | None = None,
        source: int | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.gate = gate
        self.reason = reason
        self.values = dict(values or {})
        self.constraints = dict(constraints or {})
        self.latency = dict(latency or {})
        self.source = source
        self.known = dict(known or {})


class Gates:
    """What a network is asked before it trains.

    `price` gives the costs of a plan by name; `measure` the latency of the untrained network, given the budget in ms
    as a hint of how exact it has to be. It is measured only where an objective or a budget names it, or one of the
    values that are measured with it (memory, size, energy). Taking a
    disturbed measurement again is the measurer's part; one that is still not trusted is marked as such.

    `predictor` learns from what is measured, and turns away what is over a budget on `latency_ms` at both ends of the
    interval that it is sure of.
    """

    def __init__(
        self,
        goals: Goals,
        price: Price,
        measure: Measure | None = None,
        *,
        reported: Collection[str] = REPORTED,
        always_measure: bool = False,
        predictor: Forecaster | None = None,
    ) -> None:
        self.goals = goals
        self.measures = measure is not None and (goals.needs_latency or bool(goals.extras) or always_measure)
        self._price = price
        self._measure = measure
        self._predictor = predictor if self.measures else None
        self._reported = reported
        self._names_checked = False

    def costs(self, plan: Plan) -> dict[str, float]:
        """Costs by name; raises `InvalidArchitecture`, and `GoalError` for a goal that names no value."""
        values = dict(self._price(plan))
        if not self._names_checked:
            latency = MEASURED_NAMES if self._measure is not None else ()
            self.goals.check_names({*values, *latency, *self._reported})
            self._names_checked = True
        return values

    def cost(self, plan: Plan, decisions: Mapping[str, Any], *, enforce: bool = True) -> dict[str, float]:
        """The cost gate; raises `Rejected` when a budget that costs decide is exceeded."""
        try:
            values = self.costs(plan)
        except InvalidArchitecture as error:
            raise unbuildable(error) from None
        if enforce:
            self._check("cost", values, decisions)
        return values

    def forecast(self, plan: Plan) -> Forecast | None:
        """The latency that is expected, None where nobody can tell."""
        return self._predictor.forecast(plan) if self._predictor is not None else None

    def predicted(
        self, plan: Plan, forecast: Forecast | None, values: Mapping[str, float], decisions: Mapping[str, Any]
    ) -> None:
        """The gate of the predictor; raises `Rejected` for what is surely over a budget, but for some (`audited`)."""
        over = self.surely_over(forecast, values, decisions)
        if not over or forecast is None or audited(plan):
            return
        reason = (
            f"{', '.join(over)}: predicted {forecast.p50:.4g} ms, surely between {forecast.least:.4g} and "
            f"{forecast.most:.4g} ms"
        )
        constraints = self.goals.excesses({**values, "latency_ms": forecast.p50}, decisions)
        raise Rejected("predicted", reason, values, constraints)

    def surely_over(
        self, forecast: Forecast | None, values: Mapping[str, float], decisions: Mapping[str, Any]
    ) -> dict[str, float]:
        """The budgets that a network exceeds whatever its latency is, within what the predictor is sure of.

        Each with the least that it is exceeded by.
        """
        if forecast is None or self._predictor is None or not self._predictor.reliable:
            return {}
        at = [
            self.goals.excesses({**values, "latency_ms": ms}, decisions)
            for ms in (forecast.least, forecast.p50, forecast.most)
        ]
        least = {key: min(excesses[key] for excesses in at) for key in at[0]}
        return {key: excess for key, excess in least.items() if excess > 0}

    def learn(self, plan: Plan, latency: Mapping[str, Any], forecast: Mapping[str, float]) -> None:
        """Tell the predictor of a measurement, and what was forecast before it."""
        if self._predictor is not None and latency:
            self._predictor.learn(plan, latency, forecast or None)

    def latency(
        self,
        plan: Plan,
        values: Mapping[str, float],
        decisions: Mapping[str, Any],
        *,
        enforce: bool = True,
        forecast: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """The latency gate: the measurement as JSON, empty when nothing asks for it; raises `Rejected`."""
        if not self.measures or self._measure is None:
            return {}
        try:
            found = as_json(self._measure(plan, self.goals.latency_budget_ms))
        except InvalidArchitecture as error:
            raise unbuildable(error, values) from None
        self.learn(plan, found, as_numbers(self.forecast(plan)) if forecast is None else forecast)
        self.check_latency(values, found, decisions, enforce=enforce)
        return found

    def check_latency(
        self,
        values: Mapping[str, float],
        latency: Mapping[str, Any],
        decisions: Mapping[str, Any],
        *,
        enforce: bool = True,
    ) -> None:
        if enforce:
            self._check("latency", {**values, **latency_values(latency)}, decisions, latency)

    def _check(
        self,
        gate: str,
        values: Mapping[str, float],
        decisions: Mapping[str, Any],
        latency: Mapping[str, Any] | None = None,
    ) -> None:
        constraints = self.goals.excesses(values, decisions)
        over = {key: excess for key, excess in constraints.items() if excess > 0}
        if over:
            reason = "; ".join(
                f"{key} is {broken(key)} by {excess:.4g}{self._range_note(key, values)}" for key, excess in over.items()
            )
            doubt = " (the measurement is not trusted)" if latency and not latency.get("trusted", True) else ""
            raise Rejected(gate, reason + doubt, values, constraints, latency or {})

    def _range_note(self, key: str, values: Mapping[str, float]) -> str:
        """Where MACs depend on the image and a budget names the most: which they are, and what is expected."""
        goals = (*self.goals.budgets, *self.goals.constraints)
        names = {name for goal in goals if goal.key == key for name in goal.names}
        most, expected = values.get("macs"), values.get("macs_expected")
        if most is None or expected is None or expected == most or not names & {"macs", "flops"}:
            return ""
        return f" (macs: the most an image can take, {most:.4g}; macs_expected: {expected:.4g})"


def unbuildable(error: InvalidArchitecture, values: Mapping[str, float] | None = None) -> Rejected:
    """The rejection of a network that cannot be built."""
    return Rejected("structure", str(error), values, {STRUCTURE: 1.0})


def as_json(latency: Any) -> dict[str, Any]:
    """A measurement as plain JSON, whether it came as a mapping or as an object with `to_json`."""
    data = latency.to_json() if hasattr(latency, "to_json") else latency
    if isinstance(data, str):
        data = json.loads(data)
    return dict(data)
