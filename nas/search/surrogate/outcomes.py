"""Values as the model sees them, and back: logarithms, without the tails that it need not know, of variance one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from nas.search.sources import Matrix

# In robust standard deviations from the median: how bad a value may be, and how good, before it counts as just that;
# and from where on a value is worth nothing, so that what is as bad as can be is surely not worth it.
_WORST, _BEST, _WORTHLESS = 3.0, 4.0, 2.5
_TO_DEVIATION = 1.4826  # median absolute deviation of a normal distribution, to its standard deviation


@dataclass(frozen=True)
class Scale:
    """How one objective, of which small is better, is made a standard normal one.

    Positive values are taken as distances from zero: errors, latencies, sizes. Others are distances from a point as
    far below the best as that is below the median.
    """

    offset: float
    center: float
    spread: float
    low: float
    high: float
    worthless: float

    @classmethod
    def of(cls, values: Matrix) -> Scale:
        best, median = float(values.min()), float(np.median(values))
        offset = 0.0 if best > 0 else best - max(median - best, 1e-6 * max(1.0, abs(best)))
        logs = np.log(values - offset)
        middle = float(np.median(logs))
        width = _TO_DEVIATION * float(np.median(np.abs(logs - middle))) + 1e-3
        low, high = middle - _BEST * width, middle + _WORST * width
        clipped = np.clip(logs, low, high)
        worthless = middle + _WORTHLESS * width
        return cls(offset, float(clipped.mean()), float(clipped.std()) + 1e-9, low, high, worthless)

    def standard(self, values: Matrix) -> Matrix:
        logs = np.clip(np.log(self.positive(values)), self.low, self.high)
        return np.asarray((logs - self.center) / self.spread)

    def positive(self, values: Matrix) -> Matrix:
        return np.maximum(values - self.offset, math.exp(self.low))

    def of_logarithm(self, mean: Matrix, deviation: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the logarithm of the positive values."""
        return self.center + self.spread * mean, self.spread * deviation


@dataclass(frozen=True)
class Bound:
    """How the excess over a constraint (met where <= 0) is made a value of about variance one."""

    center: float
    spread: float
    low: float
    high: float

    @classmethod
    def of(cls, excesses: Matrix) -> Bound:
        finite = np.abs(excesses[np.isfinite(excesses) & (excesses != 0)])
        width = 3.0 * float(np.median(finite)) if len(finite) else 1.0
        clipped = np.clip(excesses, -width, width)
        return cls(float(clipped.mean()), float(clipped.std()) + 1e-9, -width, width)

    def standard(self, excesses: Matrix) -> Matrix:
        return np.asarray((np.clip(excesses, self.low, self.high) - self.center) / self.spread)

    def chance(self, mean: Matrix, deviation: Matrix) -> Matrix:
        """The probability that the constraint is met."""
        return np.asarray(ndtr((self.met - mean) / deviation))

    def exceeded(self, mean: Matrix, deviation: Matrix) -> Matrix:
        """By how much the constraint is exceeded if a value is better than expected by one standard deviation."""
        return np.maximum(mean - deviation - self.met, 0.0)

    @property
    def met(self) -> float:
        """The value up to which the constraint is met."""
        return -self.center / self.spread
