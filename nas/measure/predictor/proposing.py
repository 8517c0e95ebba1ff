"""What to measure next: the networks that make all others' predictions surest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.errors import NasError
from nas.measure.predictor.counts import Counts, check_alike, without_prior
from nas.measure.predictor.design import Design, side_by_side
from nas.measure.predictor.fitting import Fit
from nas.measure.predictor.regression import Array

# How many candidates are weighed against each other; more are thinned out evenly.
MOST = 1000
# The noise that is expected before anything was measured, relative to how much networks differ.
NOISE = 0.05


def propose_next(fit: Fit, known: Sequence[Counts], candidates: Sequence[Counts], count: int) -> list[int]:
    """Indices of the `count` candidates to measure next to the `known` that were learnt from, the most telling first.

    What counts is the relative error of all candidates, hence over which networks one asks matters.
    """
    _check(count, candidates)
    some = _thinned(len(candidates), count)
    if not some:
        return []
    offered = [candidates[i] for i in some]
    if not fit.uses_prior:
        known, offered = without_prior(known), without_prior(offered)
    latent, _ = fit.latent(offered)
    # Two candidates may share what no known one has: here every name has a column.
    design = Design.of([*known, *offered], fit.design.units)
    columns, _ = side_by_side(design.matrices([*known, *offered]), fit.decay)
    old, new = columns[: len(known)], columns[len(known) :]
    centre = fit.weights**2 @ old / (fit.weights @ fit.weights)
    cross = (new - centre) @ ((old - centre) * fit.weights[:, None]).T
    posterior = fit.posterior
    covariance = (new - centre) @ (new - centre).T - cross @ posterior.precision @ cross.T
    covariance = posterior.scale * covariance + posterior.mean_variance
    noises = fit.spread(latent, np.zeros(len(latent))) ** 2
    size = np.maximum(latent, fit.least_ms / fit.unit_ms) if fit.form != "log" else np.ones(len(latent))
    return [some[i] for i in greedy(covariance, noises, size**-2.0, count)]


def propose_first(networks: Sequence[Counts], count: int) -> list[int]:
    """Indices of the `count` networks to measure when nothing was measured yet, the most telling first."""
    _check(count, networks)
    check_alike(networks)
    some = _thinned(len(networks), count)
    if not some:
        return []
    offered = [networks[i] for i in some]
    columns, _ = side_by_side(Design.of(offered).matrices(offered), 1.0)
    rows = columns - columns.mean(0)
    noise = NOISE * float((rows**2).sum(1).mean()) + 1e-12
    return [some[i] for i in greedy(rows @ rows.T, np.full(len(rows), noise), np.ones(len(rows)), count)]


def greedy(covariance: Array, noises: Array, weights: Array, count: int) -> list[int]:
    """Indices of the `count` candidates that reduce the weighted sum of all variances most, one after the other.

    `covariance` (m, m) is what is believed of the candidates, `noises` (m) the variance of a measurement of each. After
    each choice the covariance is that after measuring it, so that the next one is not its twin (sequential A-optimal
    design; Cohn, Ghahramani and Jordan, Active Learning with Statistical Models, 1996).
    """
    covariance = covariance.copy()
    free = np.ones(len(covariance), dtype=bool)
    chosen: list[int] = []
    for _ in range(count):
        variances = np.maximum(np.diag(covariance) + noises, 1e-300)
        gain = (weights @ covariance**2) / variances
        best = int(np.argmax(np.where(free, gain, -1.0)))
        chosen.append(best)
        free[best] = False
        column = covariance[:, best].copy()
        covariance -= np.outer(column, column) / variances[best]
    return chosen


def _check(count: int, networks: Sequence[Counts]) -> None:
    if not 0 <= count <= len(networks):
        raise NasError(f"the networks to measure must be among those offered ({len(networks)}), but {count} are wanted")


def _thinned(size: int, count: int) -> list[int]:
    return np.linspace(0, size - 1, min(size, max(MOST, count))).round().astype(int).tolist()
