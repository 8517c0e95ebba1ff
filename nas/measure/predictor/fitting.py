"""A form with what was learnt in it, and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.counts import Counts, without_prior
from nas.measure.predictor.design import Design, side_by_side
from nas.measure.predictor.forms import Form, offset, to_ms
from nas.measure.predictor.intervals import CONFIDENCE, width
from nas.measure.predictor.regression import Array, Posterior

# Predicted times lie at least at this share of the fastest that was measured: sums can fall below zero.
LEAST = 0.1
EXACT = 1e-9  # of a time that is known without any noise, the error of computing it


class Prediction(NamedTuple):
    """Predicted times in ms (n each): the middle, and the bounds within which 90% of measurements lie (or as asked)."""

    p50: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Fit:
    """A form and decay with what was learnt in them from n networks.

    `unit_ms` is what times are divided by, `weights` (n) are those of the networks learnt from, `centre` the weighted
    mean of their scaled columns, `rows` (n, columns) their weighted, centred, scaled columns; `proposed` (n) are those
    that a predictor chose.
    """

    design: Design
    form: Form
    uses_prior: bool
    decay: float
    unit_ms: float
    least_ms: float
    weights: Array
    centre: Array
    rows: Array
    posterior: Posterior
    proposed: NDArray[np.bool_]

    def latent(self, networks: Sequence[Counts]) -> tuple[Array, Array]:
        """Of each network the mean and the variance, without noise, of what is linear."""
        if not self.uses_prior:
            networks = without_prior(networks)
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

    def predict(self, networks: Sequence[Counts], confidence: float = CONFIDENCE) -> Prediction:
        """The times of networks, and intervals for one measurement of each."""
        latent, variance = self.latent(networks)
        residuals, variances = self.posterior.residuals, self.posterior.variances
        half = width(residuals, variances, self.proposed, confidence) * self.spread(latent, variance)
        half += EXACT * np.abs(latent)
        return Prediction(*(self.to_ms(value) for value in (latent, latent - half, latent + half)))
