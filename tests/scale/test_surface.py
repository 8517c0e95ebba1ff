from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from nas.errors import BudgetUnreachable, NasError
from nas.scale.surface import best, fit_surface, macs

TRUTH = (0.15, (0.10, 0.06, 0.05), (0.5, 0.8, 1.2))
WIDE = ((0.5, 8), (0.5, 8), (0.5, 8))


def truth(factors, floor=TRUTH[0], coefficients=TRUTH[1], exponents=TRUTH[2]):
    return floor + (np.array(coefficients) * np.asarray(factors, float) ** -np.array(exponents)).sum(-1)


def points(count=16, seed=0):
    """Factors spread over what a study would train: half to four times of each."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(math.log(0.5), math.log(4), (count, 3)))


def runs(count=16, noise=0.01, seed=0, **parameters):
    rng = np.random.default_rng(1000 + seed)
    factors = points(count, seed)
    return factors, truth(factors, **parameters) * np.exp(noise * rng.standard_normal(count))


@pytest.fixture(scope="module")
def exact():
    return fit_surface(*runs(20, noise=0), draws=2)


def test_a_surface_without_noise_is_found_exactly(exact):
    assert exact.floor == pytest.approx(TRUTH[0], abs=1e-3)
    assert exact.coefficients == pytest.approx(TRUTH[1], abs=1e-3)
    assert exact.exponents == pytest.approx(TRUTH[2], rel=0.01)
    assert exact.r2 == pytest.approx(1)
    factors = points(5, seed=9)
    np.testing.assert_allclose(exact.predict(factors).middle, truth(factors), rtol=1e-3)
    assert exact.error(1, 2, 3) == pytest.approx(truth([1, 2, 3]), rel=1e-3)


def test_intervals_hold_about_nine_times_in_ten():
    inside = []
    for seed in range(10):
        found = fit_surface(*runs(16, noise=0.02, seed=seed), draws=30)
        new = points(200, seed=500 + seed)
        one_more = truth(new) * np.exp(0.02 * np.random.default_rng(seed).standard_normal(200))
        _, low, high = found.predict(new)
        inside.append(((low <= one_more) & (one_more <= high)).mean())
    assert 0.82 <= np.mean(inside) <= 0.98


def test_noise_moves_predictions_little():
    found = fit_surface(*runs(16, noise=0.01), draws=10)
    factors = points(50, seed=7)
    middle, low, high = found.predict(factors)
    np.testing.assert_allclose(middle, truth(factors), rtol=0.05)
    assert (low < high).all()
    assert found.n == len(found.residuals) == 16
    for low, high in (found.floor_interval, *found.coefficient_intervals, *found.exponent_intervals):
        assert 0 <= low <= high


def test_the_same_seed_gives_the_same():
    first, again, other = (fit_surface(*runs(10), seed=seed, draws=5) for seed in (1, 1, 2))
    assert first.to_json() == again.to_json()
    assert other.coefficients == first.coefficients
    assert other.coefficient_intervals != first.coefficient_intervals


def test_the_unit_of_errors_does_not_matter():
    factors, errors = runs(12)
    one, percent = fit_surface(factors, errors, draws=2), fit_surface(factors, 100 * errors, draws=2)
    np.testing.assert_allclose(percent.predict(factors).middle, 100 * one.predict(factors).middle, rtol=1e-4)
    assert best(percent, budget=4, bounds=WIDE) == pytest.approx(best(one, budget=4, bounds=WIDE), rel=0.01)


def test_a_dimension_that_is_worth_nothing_gets_nothing():
    found = fit_surface(*runs(20, noise=0, coefficients=(0.1, 0.0, 0.1)), draws=2)
    assert found.coefficients[1] == pytest.approx(0, abs=1e-4)
    assert best(found, budget=16, bounds=WIDE)[1] == pytest.approx(0.5, rel=0.1)


def test_where_all_errors_are_equal_the_cheapest_is_the_best():
    found = fit_surface(points(10), [0.3] * 10, draws=2)
    assert found.coefficients == pytest.approx((0, 0, 0), abs=1e-6)
    assert found.floor == pytest.approx(0.3)
    assert math.isnan(found.r2)
    assert best(found, budget=100, bounds=WIDE) == pytest.approx((0.5, 0.5, 0.5))
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("budget", [0.5, 2, 4, 30])
def test_the_best_is_that_of_a_solver(exact, budget):
    found = best(exact, budget=budget, bounds=WIDE)
    assert macs(*found) <= budget
    solved = minimize(
        lambda x: exact.error(*np.exp(x)),
        np.full(3, math.log(budget) / 5),
        bounds=[(math.log(low), math.log(high)) for low, high in WIDE],
        constraints={"type": "ineq", "fun": lambda x: math.log(budget) - x @ [1, 2, 2]},
        options={"ftol": 1e-12},
    )
    assert exact.error(*found) == pytest.approx(solved.fun, rel=1e-4)
    assert np.log(found) == pytest.approx(solved.x, abs=0.05)


def test_where_the_budget_is_large_the_bounds_hold(exact):
    assert best(exact, budget=1e6, bounds=((1, 2), (1, 3), (1, 4))) == pytest.approx((2, 3, 4))
    assert best(exact, budget=1e6, bounds=((1, 1), (1, 3), (2, 2))) == pytest.approx((1, 3, 2))


def test_a_cost_with_steps_is_kept_to(exact):
    def stepped(d, w, r):
        return math.ceil(3 * d) * math.ceil(8 * w) ** 2 * math.ceil(7 * r) ** 2 / (3 * 64 * 49)

    found = best(exact, budget=4, bounds=WIDE, cost=stepped)
    assert stepped(*found) <= 4
    assert exact.error(*found) < exact.error(4**0.2, 4**0.2, 4**0.2)
    assert found == best(exact, budget=4, bounds=WIDE, cost=stepped)


def test_a_cheaper_dimension_is_used_more(exact):
    def mostly_depth(d, w, r):
        return d**3 * w * r

    assert best(exact, budget=4, bounds=WIDE, cost=mostly_depth)[0] < best(exact, budget=4, bounds=WIDE)[0]


def test_a_budget_that_nothing_meets(exact):
    with pytest.raises(BudgetUnreachable, match=r"it is 0.5, and depth 1, width 1, resolution 1 cost 1"):
        best(exact, budget=0.5, bounds=((1, 2),) * 3)


@pytest.mark.parametrize("bounds", [((1, 2),) * 2, ((1, 2), (1, 2), (2, 1)), ((1, 2), (1, 2), (0, 1))])
def test_bounds_that_are_none(exact, bounds):
    with pytest.raises(NasError, match="bounds must be three pairs"):
        best(exact, budget=1, bounds=bounds)


def test_runs_that_tell_no_surface():
    factors, errors = runs(10)
    with pytest.raises(NasError, match=r"surface of 7 parameters needs runs at 8 distinct points or more, but got 7"):
        fit_surface(np.repeat(factors[:7], 2, axis=0), np.repeat(errors[:7], 2))
    same = factors.copy()
    same[:, 1] = 1.5
    with pytest.raises(NasError, match=r"2 distinct values or more, but the factor of width is 1.5 everywhere"):
        fit_surface(same, errors)
    with pytest.raises(NasError, match=r"one error for each point, but got \(9,\) errors for 10 points"):
        fit_surface(factors, errors[:9])
    with pytest.raises(NasError, match=r"factors must be \(n, 3\), of depth, width and resolution, but got \(10, 2\)"):
        fit_surface(factors[:, :2], errors)
    with pytest.raises(NasError, match="every factor must be a positive number, but number 0"):
        fit_surface(-factors, errors)
    with pytest.raises(NasError, match="every error must be a positive number"):
        fit_surface(factors, errors * float("nan"))
    with pytest.raises(NasError, match="confidence must be between 0 and 1"):
        fit_surface(factors, errors, confidence=1)


def test_what_json_says():
    data = fit_surface(*runs(9), draws=3).to_json()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["width"]["coefficient"] >= 0
    assert len(data["depth"]["exponent_interval"]) == 2
