"""Where a learning curve will end, told from the finished curves of the same study; used to end what is hopeless.

For each objective the gain from here to the last epoch is a linear function of the present value and of what the last
half of the epochs brought, fitted on the networks that were trained to the end (Baker et al., "Accelerating Neural
Architecture Search using Performance Prediction", 2017, who found that plain regression on partial curves beats fitting
laws to each curve). What the fit misses, each network left out of it in turn, says how sure it is. Only when these
predictions order the finished networks well enough is anybody ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Numbers = npt.NDArray[np.float64]
Curve = Mapping[int, tuple[float, ...]]  # epoch to gains, larger is better

LEAST_CURVES = 10  # finished networks, before anything is foretold
MOST_CURVES = 300  # the last ones, of more
LEAST_CORRELATION = 0.8  # Spearman's, of predictions with what came out
HOPELESS = 0.02  # the probability to reach the front, below which training is ended

_DRAWS = 2000
_RIDGE = 1e-3  # for features of variance one: so that few curves, or equal ones, give no wild slope


@dataclass(frozen=True)
class Foretold:
    """The chance of a network to reach the front, and the rank correlation of such predictions over finished ones."""

    chance: float
    correlation: float
    curves: int

    @property
    def reliable(self) -> bool:
        return self.correlation >= LEAST_CORRELATION

    @property
    def hopeless(self) -> bool:
        return self.reliable and self.chance < HOPELESS

    def __str__(self) -> str:
        return (
            f"a chance of {self.chance:.1%} to reach the front (such predictions have a rank correlation of "
            f"{self.correlation:.2f} over {self.curves} finished networks)"
        )

    def to_json(self) -> dict[str, Any]:
        return {"chance": self.chance, "correlation": self.correlation, "curves": self.curves}


class LearningCurves:
    """The finished curves of a study. `total` is the last epoch."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._finished: list[Curve] = []

    def finish(self, curve: Curve) -> None:
        """Learn from a network that was trained to the end."""
        if self.total in curve and np.isfinite([*curve.values()]).all():
            self._finished.append(dict(curve))

    def foretell(self, curve: Curve, front: Collection[tuple[float, ...]]) -> Foretold | None:
        """What is expected of an unfinished curve at its last epoch; `front` has the gains that nobody dominates.

        None where too few finished curves have its epochs, nothing changes with training, or there is no front.
        """
        now = max(curve)
        before = _earlier(curve)
        known = [each for each in self._finished if now in each and (before is None or before in each)][-MOST_CURVES:]
        if len(known) < LEAST_CURVES or not front or not np.isfinite([*curve.values()]).all():
            return None
        last = np.array([each[self.total] for each in known])
        change = last - np.array([each[now] for each in known])
        changes = np.flatnonzero(np.ptp(change, axis=0) > 0)
        if not len(changes):
            return None
        mean = np.array(curve[now], dtype=float)
        misses = np.zeros_like(change)
        correlation = 1.0
        for index in map(int, changes):
            features = np.array([_features(each, now, before, index) for each in known])
            found, misses[:, index] = _fit(features, change[:, index], _features(curve, now, before, index))
            mean[index] += found
            correlation = min(correlation, _spearman(last[:, index] - misses[:, index], last[:, index]))
        chance = _chance(mean, misses, np.array([*front], dtype=float))
        return Foretold(chance, correlation, len(known))


def _earlier(curve: Curve) -> int | None:
    """The epoch nearest to half of the last one, None before there is another."""
    now = max(curve)
    return min((epoch for epoch in curve if epoch < now), key=lambda epoch: abs(epoch - now / 2), default=None)


def _features(curve: Curve, now: int, before: int | None, index: int) -> list[float]:
    value = curve[now][index]
    return [value] if before is None else [value, value - curve[before][index]]


def _fit(features: Numbers, target: Numbers, at: list[float]) -> tuple[float, Numbers]:
    """Ridge regression: the prediction at a point, and by how much each known one is missed when left out."""
    center, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    rows = np.column_stack([np.ones(len(features)), (features - center) / spread])
    penalty = np.diag([0.0, *[_RIDGE * len(rows)] * (rows.shape[1] - 1)])
    solver = np.linalg.solve(rows.T @ rows + penalty, rows.T)
    weights = solver @ target
    leverage = np.minimum(np.einsum("ij,ji->i", rows, solver), 1 - 1e-6)
    misses = (target - rows @ weights) / (1 - leverage)
    return float(weights @ [1.0, *((np.array(at) - center) / spread)]), misses


def _spearman(a: Numbers, b: Numbers) -> float:
    """0 where one of them is constant."""
    first, second = rankdata(a), rankdata(b)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _chance(mean: Numbers, misses: Numbers, front: Numbers) -> float:
    """How probable it is that no member of the front dominates, with errors normal as the misses are."""
    covariance = misses.T @ misses / len(misses)
    normal = np.random.default_rng(0).standard_normal((_DRAWS, len(mean)))
    values, vectors = np.linalg.eigh(covariance)
    draws = mean + normal @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    # Where nothing is uncertain, rounding must not decide.
    draws[:, np.ptp(misses, axis=0) == 0] = mean[np.ptp(misses, axis=0) == 0]
    as_good = (front[:, None, :] >= draws).all(axis=2)
    better = (front[:, None, :] > draws).any(axis=2)
    return float(1 - (as_good & better).any(axis=0).mean())
