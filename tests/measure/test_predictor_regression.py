"""The closed forms against what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from nas.measure.predictor.design import centred
from nas.measure.predictor.regression import RATIOS, learn


def example(weighted: bool):
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(14, 5))
    y = columns @ rng.normal(size=5) + 3 + 0.3 * rng.normal(size=14)
    return columns, y, rng.uniform(0.5, 2, 14) if weighted else np.ones(14)


def kriged(columns, y, weights, noise, new):
    """Mean and variance (without noise) at `new` by a joint normal with a very wide prior of the mean."""
    wide = 1e7
    covariance = columns @ columns.T + wide + np.diag(noise / weights**2)
    cross = new @ columns.T + wide
    solved = np.linalg.solve(covariance, np.column_stack([y, cross]))
    return cross @ solved[:, 0], new @ new + wide - cross @ solved[:, 1]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_prediction_is_that_of_the_joint_normal_distribution(weighted):
    columns, y, weights = example(weighted)
    found = learn(centred(columns @ columns.T, weights), y, weights)
    centre = weights**2 @ columns / (weights @ weights)
    new = np.array([0.3, -1.0, 2.0, 0.0, 0.5])
    cross = (new - centre) @ ((columns - centre) * weights[:, None]).T
    mean, variance = found.predict(cross[None], np.array([(new - centre) @ (new - centre)]))
    expected, spread = kriged(columns, y, weights, found.noise / found.scale, new)
    assert mean[0] == pytest.approx(expected, rel=1e-5)
    assert variance[0] == pytest.approx(found.scale * spread, rel=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_leaving_one_out_in_closed_form_is_leaving_each_one_out(weighted):
    columns, y, weights = example(weighted)
    found = learn(centred(columns @ columns.T, weights), y, weights)
    ratio = found.noise / found.scale
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        mean, variance = kriged(columns[others], y[others], weights[others], ratio, columns[i])
        assert found.residuals[i] == pytest.approx(y[i] - mean, rel=1e-4, abs=1e-6)
        assert found.variances[i] == pytest.approx(found.scale * (variance + ratio / weights[i] ** 2), rel=1e-3)


def test_the_evidence_is_the_likelihood_of_contrasts_and_the_noise_is_where_it_is_largest():
    columns, y, weights = example(True)
    n = len(y)
    kernel = centred(columns @ columns.T, weights)
    found = learn(kernel, y, weights)
    # An orthonormal basis of all that the mean cannot reach.
    basis = np.linalg.svd(np.eye(n) - np.outer(weights, weights) / (weights @ weights))[0][:, : n - 1]
    z = basis.T @ (weights * y)

    def evidence(ratio):
        covariance = basis.T @ kernel @ basis + ratio * np.eye(n - 1)
        scale = z @ np.linalg.solve(covariance, z) / (n - 1)
        return -0.5 * ((n - 1) * np.log(scale) + np.linalg.slogdet(covariance)[1])

    tried = [evidence(ratio * np.trace(kernel) / (n - 1)) for ratio in RATIOS]
    assert found.evidence == pytest.approx(max(tried), rel=1e-6)
    assert found.noise / found.scale == pytest.approx(RATIOS[np.argmax(tried)] * np.trace(kernel) / (n - 1))


def test_networks_that_are_all_alike_are_predicted_by_their_mean():
    found = learn(np.zeros((4, 4)), np.array([1.0, 2.0, 3.0, 6.0]), np.ones(4))
    mean, _ = found.predict(np.zeros((1, 4)), np.zeros(1))
    assert mean[0] == pytest.approx(3)
