"""Power laws: what one more doubling of MACs, parameters, images or milliseconds is worth, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError
from nas.scale.additive import Array, Draws, Exponents, bootstrap, fit, predicted

CONFIDENCE = 0.9
DRAWS = 200
PARAMETERS = 3
EXPONENTS = Exponents(0.01, 4.0, 0.3)  # found for images and text: 0.05 to 0.5 (Hestness et al., 2017)

Interval = tuple[float, float]


class Predicted(NamedTuple):
    """Errors at the sizes that were asked for; `low` and `high` (n) are the interval of one more run's."""

    middle: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """What was found in `n` runs: error = floor + scale * (size / unit) ** -exponent.

    `unit` is the geometric mean of the sizes, so that `scale` is how far a network of middle size is above the floor;
    both are in the unit of the errors. A scale of zero says that errors do not fall; the exponent then means nothing.
    Sizes from `smallest` to `largest` were seen, others are extrapolation. `residuals` (n) are the logs of
    error / predicted, `r2` the share of the variance of the log errors that the law explains (NaN where they are all
    equal). Intervals hold with `confidence`.
    """

    floor: float
    scale: float
    exponent: float
    unit: float
    floor_interval: Interval
    scale_interval: Interval
    exponent_interval: Interval
    confidence: float
    residuals: Array = field(repr=False)
    r2: float
    n: int
    smallest: float
    largest: float
    draws: Draws = field(repr=False)

    def predict(self, sizes: Sequence[float] | Array) -> Predicted:
        """The error at each size (n), with the interval of one more run: that of the law, and the noise of runs.

        Raises `NasError` for sizes that are not positive numbers.
        """
        logs = np.log(positive("size", sizes) / self.unit)[:, None]
        middle = predicted(np.array([self.floor, self.scale, self.exponent]), logs)
        return Predicted(middle, *self.draws.band(logs, self.confidence))

    def to_json(self) -> dict[str, Any]:
        """The numbers of a report; the draws are left out, for the runs and the seed give them again."""
        return {
            "floor": self.floor,
            "scale": self.scale,
            "exponent": self.exponent,
            "unit": self.unit,
            "floor_interval": list(self.floor_interval),
            "scale_interval": list(self.scale_interval),
            "exponent_interval": list(self.exponent_interval),
            "confidence": self.confidence,
            "residuals": self.residuals.tolist(),
            "r2": None if math.isnan(self.r2) else self.r2,
            "n": self.n,
            "smallest": self.smallest,
            "largest": self.largest,
        }


@dataclass(frozen=True)
class HeldOutSize:
    """How far off a law is at a size whose runs it was not fitted to, as a share of their error.

    `mean` is over all of the `n` sizes left out in turn, `largest` that of the largest alone, an extrapolation.
    """

    mean: float
    largest: float
    n: int

    def __float__(self) -> float:
        return self.mean

    def __str__(self) -> str:
        return f"{self.mean:.1%} off at a size left out, {self.largest:.1%} at the largest ({self.n} sizes)"


def fit_power_law(
    sizes: Sequence[float] | Array,
    errors: Sequence[float] | Array,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    draws: int = DRAWS,
) -> PowerLaw:
    """The law error = floor + scale * (size / unit) ** -exponent, floor >= 0, of runs (n) of several sizes.

    `sizes` are MACs, parameters, images or ms, `errors` are 1 - accuracy or a loss, an entry for every run: seeds of a
    size are entries of their own. Fitted to log errors by Huber's loss; intervals are of a parametric bootstrap of
    `draws` fits, with noise of two parts, what the runs of a size have in common and what they differ by
    (`nas.scale.additive`). The exponent lies between 0.01 and 4. Sources: Hestness et al., Deep Learning Scaling is
    Predictable, 2017; Kaplan et al., Scaling Laws for Neural Language Models, 2020; Rosenfeld et al., 2020 (the floor).

    Raises `NasError` for fewer than 4 distinct sizes, unequal lengths, and numbers that are not positive.

    >>> law = fit_power_law([1, 4, 16, 64, 256], [0.6, 0.4, 0.3, 0.25, 0.225])
    >>> round(law.floor, 3), round(law.exponent, 3)
    (0.2, 0.5)
    """
    size, error = _runs(sizes, errors)
    check_confidence(confidence)
    distinct, places = _distinct(size, PARAMETERS + 1, "a power law of three parameters")
    unit = float(np.exp(np.log(distinct).mean()))
    logs, log_errors = np.log(size / unit)[:, None], np.log(error)
    found = fit(logs, log_errors, EXPONENTS)
    drawn = bootstrap(logs, found, places, seed, draws)
    floor, scale, exponent = found.parameters.tolist()
    intervals = [drawn.interval(column, confidence) for column in drawn.parameters.T]
    return PowerLaw(
        floor=floor,
        scale=scale,
        exponent=exponent,
        unit=unit,
        floor_interval=intervals[0],
        scale_interval=intervals[1],
        exponent_interval=intervals[2],
        confidence=confidence,
        residuals=found.residuals,
        r2=explained(found.residuals, log_errors),
        n=len(size),
        smallest=float(distinct[0]),
        largest=float(distinct[-1]),
        draws=drawn,
    )


def cross_validated(sizes: Sequence[float] | Array, errors: Sequence[float] | Array) -> HeldOutSize:
    """The mean absolute relative error of a power law of runs (n) at sizes that it was not fitted to, each in turn.

    Raises `NasError` for fewer than 5 distinct sizes, and for what `fit_power_law` does.
    """
    size, error = _runs(sizes, errors)
    distinct, places = _distinct(size, PARAMETERS + 2, "leaving out a size of a power law of three parameters")
    logs, log_errors = np.log(size / np.exp(np.log(distinct).mean()))[:, None], np.log(error)
    off = []
    for place in range(len(distinct)):
        held = places == place
        found = fit(logs[~held], log_errors[~held], EXPONENTS)
        off.append(float(np.abs(predicted(found.parameters, logs[held]) / error[held] - 1).mean()))
    return HeldOutSize(float(np.mean(off)), off[-1], len(distinct))


def explained(residuals: Array, log_errors: Array) -> float:
    """The share of the variance of log errors (n) that is not in the residuals (n); NaN where there is none."""
    total = float(((log_errors - log_errors.mean()) ** 2).sum())
    return 1 - float((residuals**2).sum()) / total if total > 1e-18 else float("nan")


def positive(what: str, values: Sequence[float] | Array) -> Array:
    """The values as an array; `NasError` where one is not a positive number."""
    array = np.atleast_1d(np.asarray(values, float))
    for place, value in np.ndenumerate(array):
        if not (value > 0 and np.isfinite(value)):
            raise NasError(f"every {what} must be a positive number, but number {place[0]} (from 0) is {value:g}")
    return array


def check_confidence(confidence: float) -> None:
    """Raises `NasError` for what is not a share between 0 and 1."""
    if not 0 < confidence < 1:
        raise NasError(f"the confidence must be between 0 and 1, such as 0.9, but got {confidence:g}")


def _runs(sizes: Sequence[float] | Array, errors: Sequence[float] | Array) -> tuple[Array, Array]:
    size, error = positive("size", sizes), positive("error", errors)
    if size.ndim != 1 or size.shape != error.shape:
        raise NasError(f"there must be one error for each size, but got {size.shape} sizes and {error.shape} errors")
    return size, error


def _distinct(sizes: Array, needed: int, what: str) -> tuple[Array, NDArray[np.intp]]:
    distinct, places = np.unique(sizes, return_inverse=True)
    if len(distinct) < needed:
        raise NasError(
            f"{what} needs runs of at least {needed} distinct sizes, but got {len(distinct)}; train more sizes,"
            " for more seeds of the same do not help"
        )
    return distinct, places
