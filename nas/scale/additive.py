"""Sums of falling powers fitted to the errors of runs, and how far the noise of the runs lets them move.

The form is `error = floor + sum over k of coefficient_k * factor_k ** -exponent_k`: a power law of one quantity
(Hestness et al., 2017) where there is one factor, that of Hoffmann et al. (2022) where there are more. It is fitted to
the log of the errors, for seeds scatter in proportion, by Huber's loss (1964): one failed run does not move it.
Parameters are a row `floor, coefficients (k), exponents (k)`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, nnls

Array = NDArray[np.float64]

HUBER = 1.345  # in standard deviations: 95% as efficient as least squares where the noise is normal
EXACT = 1e-6  # a standard deviation of log errors that is none
NOTHING = 1e-7  # a floor or a coefficient, to the mean error, that is none: the solver stays inside of its bounds
TIE = 1e-4  # pull on exponents that the errors say nothing about, in log error; too weak to move one that they tell
ROUNDS = 3  # fits, each with the noise that the last one left
STARTS = 3
FAR = 8.0  # no draw of noise moves a log error by more: e^8 is 3000 times


@dataclass(frozen=True)
class Exponents:
    """Where exponents may lie; their log is drawn to that of `usual` by a normal prior of standard deviation `spread`.

    Without a spread they are free within `lowest` and `highest`.
    """

    lowest: float
    highest: float
    usual: float
    spread: float = math.inf

    @property
    def tried(self) -> Array:
        """The exponents that a fit may start from."""
        inside = math.sqrt(self.highest / self.lowest) ** 0.25
        return np.geomspace(self.lowest * inside, self.highest / inside, 5)


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters (2k + 1) and what they were found with; `residuals` (n) are log(error / predicted)."""

    parameters: Array
    residuals: Array
    deviation: float
    exponents: Exponents

    def again(self, logs: Array, log_errors: Array) -> Array:
        """The parameters for other errors with the same noise."""
        return _solve(logs, log_errors, [self.parameters], self.exponents, self.deviation)


def predicted(parameters: Array, logs: Array) -> Array:
    """The errors (..., n) that parameters (..., 2k + 1) give for the logs of factors (n, k)."""
    k = logs.shape[1]
    powers = np.exp(-parameters[..., None, k + 1 :] * logs)
    errors: Array = parameters[..., :1] + np.einsum("...nk,...k->...n", powers, parameters[..., 1 : k + 1])
    return errors


def fit(logs: Array, log_errors: Array, exponents: Exponents) -> Fit:
    """The parameters for the logs of factors (n, k) and of errors (n).

    Fits from several starts, the first by least squares, the others by Huber's loss with the standard deviation that
    the one before left (from the median of its residuals).
    """
    n, count = len(logs), 2 * logs.shape[1] + 1
    deviation = math.inf
    starts = _starts(logs, log_errors, exponents)
    for _ in range(ROUNDS):
        parameters = _solve(logs, log_errors, starts, exponents, deviation)
        residuals = log_errors - np.log(predicted(parameters, logs))
        spread = 1.4826 * float(np.median(np.abs(residuals))) * math.sqrt(n / (n - count))
        deviation = max(spread, EXACT)
        starts = [parameters, *starts[:STARTS]]
    return Fit(parameters, residuals, deviation, exponents)


@dataclass(frozen=True)
class Noise:
    """The noise of log errors: what runs of one place have in common (`between`), and what they differ by (`within`).

    Both are mean squares, with their degrees of freedom; `runs` is the mean number of runs at a place. Where places
    stray from the law by no more than their runs from one another, all noise is within.
    """

    between: float
    within: float
    between_freedom: int
    within_freedom: int
    runs: float

    @classmethod
    def of(cls, residuals: Array, places: NDArray[np.intp], parameters: int) -> Noise:
        """The noise in residuals (n) at places (n, numbered from 0), after that many parameters were fitted."""
        counts = np.bincount(places)
        n, groups = len(places), len(counts)
        means = np.bincount(places, residuals) / counts
        within_freedom, between_freedom = n - groups, groups - parameters
        inner = float(((residuals - means[places]) ** 2).sum())
        outer = float((counts * means**2).sum())
        runs = (n - float((counts**2).sum()) / n) / (groups - 1)
        if within_freedom and outer / between_freedom <= inner / within_freedom:
            freedom = n - parameters
            return cls(0.0, (inner + outer) / freedom, 0, freedom, runs)
        within = inner / within_freedom if within_freedom else 0.0
        return cls(outer / between_freedom, within, between_freedom, within_freedom, runs)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Standard deviations (count) of places and of runs that so few runs allow: scaled inverse chi-square."""
        between, within = np.zeros(count), np.zeros(count)
        if self.within_freedom:
            within = self.within * self.within_freedom / rng.chisquare(self.within_freedom, count)
        if self.between_freedom:
            square = self.between * self.between_freedom / rng.chisquare(self.between_freedom, count)
            between = np.maximum(square - within, 0) / self.runs
        return np.sqrt(between), np.sqrt(within)


@dataclass(frozen=True, eq=False)
class Draws:
    """What else might have been found: parameters (draws, 2k + 1) and the noise (draws, m) of one more run in each."""

    parameters: Array
    noise: Array

    def interval(self, values: Array, confidence: float) -> tuple[float, float]:
        """The middle part of values (draws)."""
        low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)

    def band(self, logs: Array, confidence: float) -> tuple[Array, Array]:
        """The interval of the error of one more run at each of the logs of factors (n, k)."""
        errors = predicted(self.parameters, logs)[:, None, :] * np.exp(self.noise)[:, :, None]
        ends = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.quantile(errors.reshape(-1, len(logs)), ends, axis=0)
        return low, high


def bootstrap(logs: Array, found: Fit, places: NDArray[np.intp], seed: int, draws: int, more: int = 20) -> Draws:
    """Fits to errors made up from the law that was found and its noise.

    The parametric bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 6.5) on two levels,
    places and runs (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8): noise of the log error is normal, and
    its size is drawn too, without which intervals of few runs are too narrow. No place is left out of a draw, so that
    each has as many as the law needs.
    """
    rng = np.random.default_rng(seed)
    between, within = Noise.of(found.residuals, places, len(found.parameters)).draw(rng, draws)

    def noise(columns: int, shared: Array) -> Array:
        drawn = between[:, None] * shared + within[:, None] * rng.standard_normal((draws, columns))
        return np.clip(drawn, -FAR, FAR)

    log_law = np.log(predicted(found.parameters, logs))
    made = log_law + noise(len(logs), rng.standard_normal((draws, int(places.max()) + 1))[:, places])
    parameters = np.array([found.again(logs, each) for each in made])
    return Draws(parameters, noise(more, rng.standard_normal((draws, more))))


def _starts(logs: Array, log_errors: Array, exponents: Exponents) -> list[Array]:
    """Parameters with exponents of a grid, by the least relative squared error, best first."""
    k = logs.shape[1]
    weights = np.exp(-log_errors)
    found = []
    for tried in itertools.product(exponents.tried, repeat=k):
        columns = np.column_stack([np.ones(len(logs)), np.exp(-np.array(tried) * logs)])
        linear, off = nnls(columns * weights[:, None], np.ones(len(logs)))
        found.append((float(off), np.concatenate([linear, tried])))
    found.sort(key=lambda each: each[0])
    return [parameters for _, parameters in found[:STARTS]]


def _solve(logs: Array, log_errors: Array, starts: list[Array], exponents: Exponents, deviation: float) -> Array:
    """The parameters of least loss; by least squares where the noise is not known yet (infinite), or none."""
    n, k = logs.shape
    level = float(log_errors.mean())
    log_errors = log_errors - level  # errors near one, in whatever unit they come
    unit = np.concatenate([np.full(k + 1, math.exp(level)), np.ones(k)])
    robust = EXACT < deviation < math.inf
    pull = max(TIE, deviation / exponents.spread) if robust else TIE
    usual = math.log(exponents.usual)

    def parts(x: Array) -> tuple[Array, Array, Array]:
        powers = np.exp(-np.exp(x[k + 1 :]) * logs)
        return powers, np.maximum(x[0] + powers @ x[1 : k + 1], 1e-12), np.exp(x[k + 1 :])

    def off(x: Array) -> Array:
        _, errors, _ = parts(x)
        return np.concatenate([np.log(errors) - log_errors, pull * (x[k + 1 :] - usual)])

    def slopes(x: Array) -> Array:
        powers, errors, exponent = parts(x)
        jacobian = np.zeros((n + k, 2 * k + 1))
        jacobian[:n, 0] = 1 / errors
        jacobian[:n, 1 : k + 1] = powers / errors[:, None]
        jacobian[:n, k + 1 :] = -x[1 : k + 1] * exponent * logs * powers / errors[:, None]
        jacobian[n:, k + 1 :] = pull * np.eye(k)
        return jacobian

    low = np.concatenate([np.zeros(k + 1), np.full(k, math.log(exponents.lowest))])
    high = np.concatenate([np.full(k + 1, np.inf), np.full(k, math.log(exponents.highest))])
    best = None
    for start in starts:
        x = start / unit
        x[k + 1 :] = np.log(x[k + 1 :])
        found = least_squares(
            off,
            np.clip(x, low, high),
            slopes,
            bounds=(low, high),
            loss="huber" if robust else "linear",
            f_scale=HUBER * deviation if robust else 1.0,
            max_nfev=200,
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    linear = np.where(best.x[: k + 1] > NOTHING, best.x[: k + 1], 0)
    parameters: Array = unit * np.concatenate([linear, np.exp(best.x[k + 1 :])])
    return parameters
