"""Bayesian linear regression in its dual form: evidence, leave-one-out and predictions from one eigendecomposition.

The model is `y = mean + f + noise`, `f` normal with covariance `scale * K`, the mean unknown (flat prior), noise normal
with variance `scale * ratio / weights**2`. Rows are multiplied by their weights first, so that all have equal noise;
features are centred with the same weights, so that `K` does not reach the mean. Formulas: Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, sections 2.7 (flat priors), 5.4.1 (evidence) and 5.4.2 (leave-one-out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TINY = 1e-18  # variances are of numbers near one
RATIOS = np.exp(np.linspace(np.log(1e-6), np.log(1e2), 60))  # noise to mean prior variance, tried all


@dataclass(frozen=True, eq=False)
class Posterior:
    """What was learnt from `n` values.

    `dual` (n) are the coefficients of the rows of `K`, `precision` (n, n) the inverse covariance with the mean
    projected out, `scale` the prior's variance, `noise` that of the noise of a row of weight 1, `mean_variance` that of
    the mean; `evidence` is the log marginal likelihood. `residuals` and `variances` (n) are those of leaving one out,
    in the units of y: what each row was off by when the others predicted it, and how much it was expected to be.
    """

    mean: float
    dual: Array
    precision: Array
    scale: float
    noise: float
    mean_variance: float
    evidence: float
    residuals: Array
    variances: Array

    def predict(self, cross: Array, own: Array) -> tuple[Array, Array]:
        """Mean and variance, without noise, of `f + mean`.

        `cross` (m, n) is the covariance with the weighted rows, `own` (m) with themselves.
        """
        explained = np.einsum("ij,ij->i", cross @ self.precision, cross)
        return self.mean + cross @ self.dual, self.scale * np.maximum(own - explained, 0) + self.mean_variance


def learn(kernel: Array, y: Array, weights: Array) -> Posterior:
    """The posterior of y (n) under `kernel` (n, n), that of weighted, weight-centred rows; noise by most evidence."""
    n = len(y)
    unit = weights / np.linalg.norm(weights)
    # The mean's direction is a null vector of the kernel; lifted above all others it is the last eigenvector.
    size = float(np.trace(kernel))
    size = size if size > 1e-12 else 1.0  # all networks alike: there is only noise
    values, vectors = np.linalg.eigh(kernel + 2 * size * np.outer(unit, unit))
    values, vectors = np.maximum(values[:-1], 0), vectors[:, :-1]
    level = float(unit @ (weights * y)) / float(np.linalg.norm(weights))
    turned = vectors.T @ (weights * (y - level))
    ratios = RATIOS * size / (n - 1)
    shrunk = values[:, None] + ratios  # (n - 1, ratios)
    scales = np.maximum((turned[:, None] ** 2 / shrunk).sum(0) / (n - 1), TINY)
    evidence = -0.5 * ((n - 1) * np.log(scales) + np.log(shrunk).sum(0))
    best = int(np.argmax(evidence))
    ratio, scale = float(ratios[best]), float(scales[best])
    precision = (vectors / shrunk[:, best]) @ vectors.T
    dual = precision @ (weights * (y - level))
    own = np.maximum(np.diag(precision), TINY)
    return Posterior(
        mean=level,  # the kernel is centred, so that f has no part in the level
        dual=dual,
        precision=precision,
        scale=scale,
        noise=scale * ratio,
        mean_variance=scale * ratio / float(weights @ weights),
        evidence=float(evidence[best]),
        residuals=dual / own / weights,
        variances=scale / own / weights**2,
    )
