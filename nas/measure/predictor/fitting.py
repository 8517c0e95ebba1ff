"""Which form of time is linear in the counts, and how much finer levels matter: tried, the best kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.counts import Counts
from nas.measure.predictor.design import Design, scale_of
from nas.measure.predictor.intervals import width
from nas.measure.predictor.regression import Array, Posterior, learn

Indices = NDArray[np.intp]

# `time`: times add up, with noise of equal size; `relative`: they add up, with noise in proportion; `log`: factors.
Form = Literal["time", "relative", "log"]
FORMS: tuple[Form, ...] = ("time", "relative", "log")
DECAYS = (1.0, 0.5, 0.25, 0.1, 0.03)

# Form and decay are chosen by at most this many networks: more would not change the choice, and take far longer.
ENOUGH = 128
# Predicted times lie at least at this share of the fastest that was measured: sums can fall below zero.
LEAST = 0.1


class Prediction(NamedTuple):
    """Predicted times in ms (n each): the middle, and the bounds within which 90% of measurements lie."""

    p50: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Fit:
    """A form and decay with what was learnt in them from n networks.

    `unit_ms` is what times are divided by, `weights` (n) are those of the networks learnt from, `centre` the weighted
    mean of their scaled columns, `rows` (n, columns) their weighted, centred, scaled columns.
    """

    design: Design
    form: Form
    decay: float
    unit_ms: float
    least_ms: float
    weights: Array
    centre: Array
    rows: Array
    posterior: Posterior

    def latent(self, networks: Sequence[Counts]) -> tuple[Array, Array]:
        """Of each network the mean and the variance, without noise, of what is linear."""
        columns, rest = side_by_side(self.design.matrices(networks), self.decay)
        rows = columns - self.centre
        mean, variance = self.posterior.predict(rows @ self.rows.T, (rows**2).sum(1) + rest)
        return mean + offset(networks, self.form, self.unit_ms), variance

    def to_ms(self, latent: Array) -> Array:
        """Milliseconds of what is linear, never less than a share of the fastest that was measured."""
        return np.maximum(to_ms(latent, self.form, self.unit_ms), self.least_ms)

    def spread(self, latent: Array, variance: Array) -> Array:
        """The standard deviation of a measurement of each network, in the units of `latent`."""
        size = np.maximum(latent, self.least_ms / self.unit_ms) if self.form == "relative" else np.ones(len(latent))
        return np.sqrt(variance + self.posterior.noise * size**2)

    def predict(self, networks: Sequence[Counts]) -> Prediction:
        """The times of networks, and 90% intervals for one measurement of each."""
        latent, variance = self.latent(networks)
        half = self.width * self.spread(latent, variance)
        return Prediction(*(self.to_ms(value) for value in (latent, latent - half, latent + half)))

    @cached_property
    def width(self) -> float:
        """Half a 90% interval in standard deviations."""
        return width(self.posterior.residuals, self.posterior.variances)


def best_fit(networks: Sequence[Counts], ms: Array, forms: Sequence[Form] = FORMS) -> Fit:
    """The fit of all networks in the form that predicts best when one is left out, with the decay of most evidence."""
    design = Design.of(networks)
    matrices = design.matrices(networks)
    grams = [matrix @ matrix.T for matrix, _ in matrices]
    n = len(ms)
    few = np.unique(np.linspace(0, n - 1, min(n, ENOUGH)).round().astype(int))
    weights = {"time": np.ones(n), "log": np.ones(n)}
    weights["relative"] = 1 / np.maximum(_pilot(grams, networks, ms, few), 0.5 * float(np.min(ms / np.mean(ms))))
    found = []
    for form in forms:
        unit = unit_of(ms, form)
        y = to_latent(ms, form, unit) - offset(networks, form, unit)
        decay, posterior = _best_decay(grams, y, weights[form], few)
        left_out = to_ms(to_latent(ms[few], form, unit) - posterior.residuals, form, unit)
        off = np.abs(np.log(np.maximum(left_out, LEAST * np.min(ms)) / ms[few]))
        found.append((float(np.mean(np.minimum(off, 1.0))), form, decay))
    _, form, decay = min(found, key=lambda each: each[0])
    return _fit(design, matrices, networks, ms, form, decay, weights[form])


def _best_decay(grams: Sequence[Array], y: Array, weights: Array, few: Indices) -> tuple[float, Posterior]:
    """The decay of most evidence, and what the few say with it."""
    small = [gram[np.ix_(few, few)] for gram in grams]
    tried = [
        (decay, learn(centred(gram_of(small, decay), weights[few]), y[few], weights[few]))
        for decay in (DECAYS if len(grams) > 1 else DECAYS[:1])
    ]
    return max(tried, key=lambda each: each[1].evidence)


def _pilot(grams: Sequence[Array], networks: Sequence[Counts], ms: Array, few: Indices) -> Array:
    """A first guess of all times, relative to their mean, from the few, as if noise were equal."""
    unit = unit_of(ms, "time")
    prior = offset(networks, "time", unit)
    decay, posterior = _best_decay(grams, to_latent(ms, "time", unit) - prior, np.ones(len(ms)), few)
    gram = gram_of(grams, decay)[:, few]
    middle = gram[few].mean(0)
    cross = gram - gram.mean(1)[:, None] - middle + middle.mean()
    return prior + posterior.mean + cross @ posterior.dual


def _fit(
    design: Design,
    matrices: Sequence[tuple[Array, Array]],
    networks: Sequence[Counts],
    ms: Array,
    form: Form,
    decay: float,
    weights: Array,
) -> Fit:
    unit = unit_of(ms, form)
    columns, _ = side_by_side(matrices, decay)
    centre = weights**2 @ columns / (weights @ weights)
    rows = (columns - centre) * weights[:, None]
    posterior = learn(rows @ rows.T, to_latent(ms, form, unit) - offset(networks, form, unit), weights)
    return Fit(design, form, decay, unit, LEAST * float(np.min(ms)), weights, centre, rows, posterior)


def gram_of(grams: Sequence[Array], decay: float) -> Array:
    """The prior covariance of networks: that of each level by its scale."""
    return np.sum([scale_of(level, decay) ** 2 * gram for level, gram in enumerate(grams)], axis=0)


def centred(gram: Array, weights: Array) -> Array:
    """The covariance of weighted rows after the weighted mean of all columns was taken off."""
    middle = gram @ (weights**2 / (weights @ weights))
    shifted = gram - middle[:, None] - middle + middle @ (weights**2 / (weights @ weights))
    return shifted * np.outer(weights, weights)


def side_by_side(matrices: Sequence[tuple[Array, Array]], decay: float) -> tuple[Array, Array]:
    """All columns times the scale of their level, and the prior variance of what has no column."""
    scales = [scale_of(level, decay) for level in range(len(matrices))]
    columns = np.concatenate([scale * matrix for scale, (matrix, _) in zip(scales, matrices, strict=True)], axis=1)
    return columns, np.sum([scale**2 * rest for scale, (_, rest) in zip(scales, matrices, strict=True)], axis=0)


def unit_of(ms: Array, form: Form) -> float:
    """What times are divided by: their mean, the geometric one for factors."""
    return float(np.exp(np.mean(np.log(ms)))) if form == "log" else float(np.mean(ms))


def to_latent(ms: Array, form: Form, unit: float) -> Array:
    """What is linear in the counts."""
    return np.log(ms / unit) if form == "log" else ms / unit


def to_ms(latent: Array, form: Form, unit: float) -> Array:
    """The inverse of `to_latent`; sums may be negative."""
    return unit * (np.exp(np.minimum(latent, 50.0)) if form == "log" else latent)


def offset(networks: Sequence[Counts], form: Form, unit: float) -> Array:
    """The prior mean of each network, in what is linear; zeros where nothing is known before measuring."""
    if any(each.prior_ms is None for each in networks):
        return np.zeros(len(networks))
    return to_latent(np.array([each.prior_ms for each in networks], dtype=float), form, unit)
