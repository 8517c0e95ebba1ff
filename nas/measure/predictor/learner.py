"""A predictor that learns while a search goes on, and knows when it may be relied upon to reject."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.arch import Plan
from nas.measure.predictor.counts import Counts
from nas.measure.predictor.predictor import FEWEST, Predictor

# A measurement whose interval is wider than this either side, relative to the median, tells nothing that a prediction
# does not; a narrower one is learnt from whatever its flags: times are ratios to a reference that ran beside it.
WIDEST = 0.1
SURE = 0.99  # a network is surely over a budget where this share of such measurements would be
ENOUGH = 20  # networks before a predictor without a calibration may reject
COVERAGE, SPEARMAN = 0.8, 0.8  # cross-validated, before it may
GROWN = 1.25  # by this factor networks must grow before that error is computed again: it takes ten fits
RECENT, HITS, FIRST = 20, 0.7, 8  # of so many last measurements this share must lie in their 90% intervals


@dataclass(frozen=True)
class Forecast:
    """A predicted latency in ms: the median, 90% bounds `low` and `high`, and bounds `least` and `most` at `SURE`."""

    p50: float
    low: float
    high: float
    least: float
    most: float


def tells(latency: Mapping[str, Any]) -> bool:
    """Whether a measurement is exact enough to learn from."""
    return 0 < latency["high"] - latency["low"] <= 2 * WIDEST * latency["p50"]


class Learner:
    """Forecasts of plans from a calibration, if there is one, and from all that is measured meanwhile.

    It learns anew when measurements have grown by a twentieth (at least four), which takes 0.02 to 0.3 s. Not
    thread-safe.
    """

    def __init__(self, count: Callable[[Plan], Counts], calibrated: Predictor | None = None) -> None:
        self._count = count
        self._predictor = calibrated
        self._calibrated = calibrated is not None
        self._networks: list[Counts] = list(calibrated.networks) if calibrated else []
        self._ms: list[float] = list(calibrated.ms) if calibrated else []
        self._proposed = calibrated.proposed if calibrated else frozenset()
        self._learnt = len(self._ms)
        # how many networks the cross-validated error was told of, and whether it was good
        self._checked, self._good = 0, False
        self._hits: deque[bool] = deque(maxlen=RECENT)

    def forecast(self, plan: Plan) -> Forecast | None:
        """The latency that is expected; None while too few networks were measured."""
        predictor = self._current()
        if predictor is None:
            return None
        counts = [self._count(plan)]
        (p50,), (low,), (high,) = predictor.predict(counts)
        _, (least,), (most,) = predictor.predict(counts, SURE)
        return Forecast(float(p50), float(low), float(high), float(least), float(most))

    def learn(self, plan: Plan, latency: Mapping[str, Any], forecast: Mapping[str, float] | None = None) -> None:
        """Take in a measurement, and how the forecast made before it (`p50`, `low`, `high`) has done."""
        if not latency.get("trusted", True) or not tells(latency):
            return
        ms = float(latency["p50"])
        if forecast:
            self._hits.append(bool(forecast["low"] <= ms <= forecast["high"]))
        self._networks.append(self._count(plan))
        self._ms.append(ms)

    @property
    def reliable(self) -> bool:
        """Whether it may reject.

        Always with a calibration; without, once `ENOUGH` networks were measured and its cross-validated error is good
        enough (`COVERAGE` of measurements in 90% intervals, `SPEARMAN`). Never while fewer than `HITS` of the `RECENT`
        last measurements lay in the 90% interval that was forecast for them.
        """
        predictor = self._current()
        if predictor is None or (len(self._hits) >= FIRST and np.mean(self._hits) < HITS):
            return False
        if self._calibrated:
            return True
        if self._learnt >= max(ENOUGH, GROWN * self._checked):
            error = predictor.error
            self._checked, self._good = self._learnt, error.coverage90 >= COVERAGE and error.spearman >= SPEARMAN
        return self._good

    def _current(self) -> Predictor | None:
        new = len(self._ms) - self._learnt
        if len(self._ms) >= max(FEWEST, FIRST) and new >= (max(4, self._learnt // 20) if self._predictor else 1):
            key = self._predictor.key if self._predictor else None
            self._predictor = Predictor.fit(self._networks, self._ms, key, self._proposed)
            self._learnt = len(self._ms)
        return self._predictor
