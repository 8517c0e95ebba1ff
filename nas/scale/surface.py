"""What depth, width and resolution are each worth, and how to spend a budget on the three."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nas.errors import BudgetUnreachable, NasError
from nas.scale.additive import Array, Draws, Exponents, bootstrap, fit, predicted
from nas.scale.laws import CONFIDENCE, DRAWS, Interval, Predicted, check_confidence, explained, positive

NAMES = ("depth", "width", "resolution")
PARAMETERS = 7
EXPONENTS = Exponents(0.05, 3.0, 0.5, spread=math.log(3))

GRID = 9  # factors of each dimension that are tried first
KEPT = 3  # of those, how many are refined
OFFSETS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # in steps
FINEST = 1e-4  # the last step, in the log of a factor

Factors3 = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Surface:
    """What was found in `n` runs: error = floor + the sum of coefficient * factor ** -exponent over three factors.

    They are depth, width and resolution, as factors of a base network, whose error is the floor and the coefficients.
    A coefficient of zero says that errors do not fall with its factor; its exponent then means nothing. `residuals` (n)
    are the logs of error / predicted, `r2` the share of the variance of the log errors that the surface explains (NaN
    where they are all equal). Intervals hold with `confidence`.
    """

    floor: float
    coefficients: Factors3
    exponents: Factors3
    floor_interval: Interval
    coefficient_intervals: tuple[Interval, Interval, Interval]
    exponent_intervals: tuple[Interval, Interval, Interval]
    confidence: float
    residuals: Array = field(repr=False)
    r2: float
    n: int
    draws: Draws = field(repr=False)

    def predict(self, factors: Sequence[Sequence[float]] | Array) -> Predicted:
        """The error at factors (n, 3), with the interval of one more run: that of the surface, and the noise of runs.

        Raises `NasError` for factors that are not positive numbers, or not three.
        """
        logs = np.log(_factors(factors))
        return Predicted(predicted(self._row, logs), *self.draws.band(logs, self.confidence))

    def error(self, depth: float, width: float, resolution: float) -> float:
        """The middle of the prediction at three factors."""
        return float(predicted(self._row, np.log([[depth, width, resolution]]))[0])

    @property
    def _row(self) -> Array:
        return np.array([self.floor, *self.coefficients, *self.exponents])

    def to_json(self) -> dict[str, Any]:
        """The numbers of a report; the draws are left out, for the runs and the seed give them again."""
        return {
            "floor": self.floor,
            "floor_interval": list(self.floor_interval),
            **{
                name: {
                    "coefficient": self.coefficients[place],
                    "coefficient_interval": list(self.coefficient_intervals[place]),
                    "exponent": self.exponents[place],
                    "exponent_interval": list(self.exponent_intervals[place]),
                }
                for place, name in enumerate(NAMES)
            },
            "confidence": self.confidence,
            "residuals": self.residuals.tolist(),
            "r2": None if math.isnan(self.r2) else self.r2,
            "n": self.n,
        }


def fit_surface(
    factors: Sequence[Sequence[float]] | Array,
    errors: Sequence[float] | Array,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    draws: int = DRAWS,
) -> Surface:
    """The law error = floor + a * d ** -p + b * w ** -q + c * r ** -s of runs (n) of scaled networks.

    `factors` (n, 3) are of depth, width and resolution, `errors` (n) are 1 - accuracy or a loss, an entry for every
    run. No parameter is negative. The form is that of Hoffmann et al., Training Compute-Optimal Large Language Models,
    2022, for two quantities, with a third. Ten to twenty runs do not tell seven parameters: exponents lie between 0.05
    and 3, and their logs are drawn to that of 0.5 by a normal prior, a factor of three being one standard deviation,
    which weighs the less the smaller the noise. Intervals are of a parametric bootstrap (`nas.scale.additive`).

    Raises `NasError` for fewer than 8 distinct points, for a dimension with one value, unequal lengths, and numbers
    that are not positive.
    """
    points, error = _factors(factors), positive("error", errors)
    check_confidence(confidence)
    if error.shape != (len(points),):
        raise NasError(f"there must be one error for each point, but got {error.shape} errors for {len(points)} points")
    distinct, places = np.unique(points, axis=0, return_inverse=True)
    if len(distinct) <= PARAMETERS:
        raise NasError(
            f"a surface of {PARAMETERS} parameters needs runs at {PARAMETERS + 1} distinct points or more, but got"
            f" {len(distinct)}; train more of them, for more seeds of the same do not help"
        )
    for name, column in zip(NAMES, distinct.T, strict=True):
        if len(set(column.tolist())) < 2:
            raise NasError(
                f"every dimension must have 2 distinct values or more, but the factor of {name} is {column[0]:g}"
                " everywhere; train a network that differs in it"
            )
    logs, log_errors = np.log(points), np.log(error)
    found = fit(logs, log_errors, EXPONENTS)
    drawn = bootstrap(logs, found, places.ravel(), seed, draws)
    floor, a, b, c, p, q, s = found.parameters.tolist()
    of = [drawn.interval(column, confidence) for column in drawn.parameters.T]
    return Surface(
        floor=floor,
        coefficients=(a, b, c),
        exponents=(p, q, s),
        floor_interval=of[0],
        coefficient_intervals=(of[1], of[2], of[3]),
        exponent_intervals=(of[4], of[5], of[6]),
        confidence=confidence,
        residuals=found.residuals,
        r2=explained(found.residuals, log_errors),
        n=len(error),
        draws=drawn,
    )


def macs(depth: float, width: float, resolution: float) -> float:
    """The factor of MACs that three factors come to where convolutions dominate."""
    return depth * width**2 * resolution**2


def best(
    surface: Surface,
    *,
    budget: float,
    bounds: Sequence[Interval],
    cost: Callable[[float, float, float], float] = macs,
    error: Callable[[float, float, float], float] | None = None,
) -> Factors3:
    """The factors of depth, width and resolution of least predicted error with cost(d, w, r) <= `budget`.

    `error` is what is predicted where factors are rounded; without it the surface's own at the factors as they are.
    `bounds` are the least and the largest factor of each. A log grid is scanned, then finer and finer ones around the
    best of its points: the cost may have steps, as rounded widths do. Of equal errors the cheapest is taken: what buys
    nothing is not bought.

    Raises `NasError` for bounds that are not three pairs of positive numbers in order, `BudgetUnreachable` where every
    point of the grid costs more.
    """
    ends = _bounds(bounds)
    costs: dict[Factors3, float] = {}
    expected = error or surface.error

    def rank(point: Factors3) -> tuple[float, float, Factors3]:
        if point not in costs:
            costs[point] = float(cost(*point))
        spent = costs[point]
        return (expected(*point) if spent <= budget else math.inf, spent, point)

    axes = [sorted({low, *np.geomspace(low, high, GRID)[1:-1].tolist(), high}) for low, high in ends]
    ranked = sorted(rank((d, w, r)) for d, w, r in itertools.product(*axes))
    if ranked[0][0] == math.inf:
        cheapest = ranked[0]
        raise BudgetUnreachable(
            f"the budget must be at least what the cheapest factors within the bounds cost, but it is {budget:g}, and"
            f" depth {cheapest[2][0]:g}, width {cheapest[2][1]:g}, resolution {cheapest[2][2]:g} cost {cheapest[1]:g};"
            " allow more, or smaller factors"
        )
    steps = [math.log(high / low) / (GRID - 1) for low, high in ends]
    refined = [_refined(start, rank, steps, ends) for start in ranked[:KEPT] if start[0] < math.inf]
    return min(refined)[2]


def _refined(
    start: tuple[float, float, Factors3],
    rank: Callable[[Factors3], tuple[float, float, Factors3]],
    steps: Sequence[float],
    ends: Sequence[Interval],
) -> tuple[float, float, Factors3]:
    """The best point that steps from `start` lead to, halved whenever none is better."""
    found, share = start, 1.0
    while share * max(steps) > FINEST:
        axes = [
            [min(max(value * math.exp(offset * share * step), low), high) for offset in OFFSETS]
            for value, step, (low, high) in zip(found[2], steps, ends, strict=True)
        ]
        nearby = min(rank((d, w, r)) for d, w, r in itertools.product(*axes))
        if nearby[:2] < found[:2]:
            found = nearby
        else:
            share /= 2
    return found


def _factors(factors: Sequence[Sequence[float]] | Array) -> Array:
    points = positive("factor", np.asarray(factors, float))
    if points.ndim != 2 or points.shape[1] != 3:
        raise NasError(f"factors must be (n, 3), of depth, width and resolution, but got {points.shape}")
    return points


def _bounds(bounds: Sequence[Interval]) -> list[Interval]:
    ends = [(float(low), float(high)) for low, high in bounds]
    if len(ends) != 3 or not all(0 < low <= high < math.inf for low, high in ends):
        raise NasError(
            "bounds must be three pairs (least, largest) of positive factors, of depth, width and resolution, but got "
            f"{ends}"
        )
    return ends
