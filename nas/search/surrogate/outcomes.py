"""Values as the model sees them, and back: without the tails that it need not know, of variance one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from nas.search.sources import Matrix
from nas.search.surrogate.acquisition import Belief, LogNormal, Normal

# In robust standard deviations from the median: how bad a value may be, and how good, before it counts as just that;
# and from where on a value is worth nothing, so that what is as bad as can be is surely not worth it. Sums have short
# tails, but logarithms of errors a long one, of networks that do not learn.
_WORST, _BEST = 3.0, 4.0
_WORTHLESS_SUM, _WORTHLESS_LOGARITHM = 2.5, 2.0
_MARGIN = 1.1  # how many times as far is somewhat worse
_STRENGTHS = (0.1, 1.0, 10.0)  # of the ridge regression
_TO_DEVIATION = 1.4826  # median absolute deviation of a normal distribution, to its standard deviation


@dataclass(frozen=True)
class Scale:
    """How one objective, of which small is better, is made a standard normal one.

    Values are taken as distances: positive ones (errors, latencies, sizes) from zero, others from a point as far below
    the best as that is below the median. What is standardized are the distances or their logarithms.
    """

    logarithmic: bool
    offset: float
    center: float
    spread: float
    low: float
    high: float
    worthless: float

    @classmethod
    def of(cls, values: Matrix, *, logarithmic: bool = True) -> Scale:
        best, median = float(values.min()), float(np.median(values))
        offset = 0.0 if best > 0 else best - max(median - best, 1e-6 * max(1.0, abs(best)))
        grades = np.log(values - offset) if logarithmic else values - offset
        middle = float(np.median(grades))
        width = _TO_DEVIATION * float(np.median(np.abs(grades - middle)))
        width += 1e-3 if logarithmic else 1e-3 * middle
        low, high = middle - _BEST * width, middle + _WORST * width
        if not logarithmic:
            low = max(low, 0.0)
        clipped = np.clip(grades, low, high)
        worthless = middle + (_WORTHLESS_LOGARITHM if logarithmic else _WORTHLESS_SUM) * width
        return cls(logarithmic, offset, float(clipped.mean()), float(clipped.std()) + 1e-9, low, high, worthless)

    @classmethod
    def suited(cls, values: Matrix, features: Matrix) -> Scale:
        """That on which the rows of features tell more of the values, each by itself.

        Costs of the parts of a network add up, so that latencies and sizes are often best told as they are; what is
        lost of an accuracy is rather a multiple.
        """
        logarithmic, plain = cls.of(values), cls.of(values, logarithmic=False)
        return plain if plain.evidence(values, features) > logarithmic.evidence(values, features) else logarithmic

    def evidence(self, values: Matrix, features: Matrix) -> float:
        """How probable a linear model makes the better half of the values: the mean logarithm, but for a constant.

        The model is a ridge regression, of the strength that tells most, with each value left out in closed form.
        """
        distances, standard = self.positive(values), self.standard(values)
        better = values <= np.median(values)
        left, sizes, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
        told = left.T @ standard
        squares = []
        for strength in _STRENGTHS:
            kept = sizes**2 / (sizes**2 + strength)
            leverage = (left**2) @ kept + 1 / len(values)
            missed = (standard - left @ (kept * told)) / np.maximum(1 - leverage, 1e-3)
            squares.append(np.mean(missed[better] ** 2))
        slope = -np.log(distances[better]).mean() if self.logarithmic else 0.0
        return float(slope - np.log(self.spread) - 0.5 * np.log(min(squares) + 1e-6))

    def standard(self, values: Matrix) -> Matrix:
        distances = self.positive(values)
        grades = np.log(distances) if self.logarithmic else distances
        return np.asarray((np.clip(grades, self.low, self.high) - self.center) / self.spread)

    def positive(self, values: Matrix) -> Matrix:
        """Distances, none better than the best that is conceivable."""
        return np.maximum(values - self.offset, self._distance(self.low))

    def distances(self, standard: Matrix) -> Matrix:
        return np.asarray(self._distance(self.center + self.spread * standard))

    def belief(self, mean: Matrix, deviation: Matrix) -> Belief:
        """What is believed of distances, by means and standard deviations of standard values."""
        make = LogNormal if self.logarithmic else Normal
        return make(self.center + self.spread * mean, self.spread * deviation)

    def beyond(self, standard: float) -> float:
        """A distance somewhat worse than a standard value, but no worse than what is worth nothing."""
        return float(
            min(_MARGIN * self._distance(self.center + self.spread * standard), self._distance(self.worthless))
        )

    def _distance(self, grades: Any) -> Matrix:
        return np.asarray(np.exp(grades) if self.logarithmic else np.maximum(grades, 0.0))


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
