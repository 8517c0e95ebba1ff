from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nas.errors import NasError
from nas.scale.laws import cross_validated, fit_power_law


def law(sizes, floor=0.2, scale=0.4, exponent=0.4):
    return floor + scale * sizes**-exponent


def runs(count=8, seeds=1, noise=0.02, shared=0.0, seed=0, **parameters):
    """Sizes and errors of runs; `shared` is the noise that the seeds of a size have in common."""
    rng = np.random.default_rng(seed)
    places = np.repeat(np.arange(count), seeds)
    sizes = np.geomspace(1, 300, count)[places]
    off = shared * rng.standard_normal(count)[places] + noise * rng.standard_normal(len(sizes))
    return sizes, law(sizes, **parameters) * np.exp(off)


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.2, 0.4, 0.4), (0.0, 0.5, 0.1), (1.7, 9.0, 0.8)])
@pytest.mark.parametrize("count", [4, 9])
def test_a_law_without_noise_is_found_exactly(count, floor, scale, exponent):
    sizes, errors = runs(count, noise=0, floor=floor, scale=scale, exponent=exponent)
    found = fit_power_law(sizes, errors, draws=3)
    assert found.floor == pytest.approx(floor, abs=1e-4 * scale)
    assert found.exponent == pytest.approx(exponent, rel=1e-3)
    assert found.scale * found.unit**found.exponent == pytest.approx(scale, rel=1e-3)
    assert found.r2 == pytest.approx(1)
    np.testing.assert_allclose(
        found.predict([5.0, 1000.0]).middle, law(np.array([5, 1000]), floor, scale, exponent), 1e-3
    )


def test_noise_moves_the_law_little_and_the_residuals_are_that_noise():
    sizes, errors = runs(10, seeds=2, noise=0.01)
    found = fit_power_law(sizes, errors, draws=20)
    assert found.floor == pytest.approx(0.2, abs=0.04)
    assert found.exponent == pytest.approx(0.4, abs=0.1)
    assert found.r2 > 0.99
    assert found.n == len(found.residuals) == 20
    np.testing.assert_allclose(found.residuals, np.log(errors / found.predict(sizes).middle))
    assert np.std(found.residuals) == pytest.approx(0.01, rel=0.4)
    assert (found.smallest, found.largest) == (1, pytest.approx(300))


def test_one_failed_run_does_not_move_the_law():
    sizes, errors = runs(10, noise=0.005)
    errors[4] *= 1.5
    found = fit_power_law(sizes, errors, draws=3)
    np.testing.assert_allclose(found.predict(sizes).middle, law(sizes), rtol=0.02)


@pytest.mark.parametrize(("count", "seeds", "shared"), [(6, 1, 0.0), (5, 3, 0.03)])
def test_intervals_hold_nine_times_in_ten(count, seeds, shared):
    inside = []
    for seed in range(20):
        sizes, errors = runs(count, seeds, shared=shared, seed=seed)
        found = fit_power_law(sizes, errors, draws=50)
        new = np.array([20.0, 1000.0])
        _, low, high = found.predict(new)
        rng = np.random.default_rng(100 + seed)
        one_more = law(new) * np.exp(math.hypot(0.02, shared) * rng.standard_normal((100, 2)))
        truth = {"floor": 0.2, "scale": 0.4 * found.unit**-0.4, "exponent": 0.4}
        ends = {name: getattr(found, f"{name}_interval") for name in truth}
        inside.append(
            [
                *(ends[name][0] <= truth[name] <= ends[name][1] for name in truth),
                *((low <= one_more) & (one_more <= high)).mean(0),
            ]
        )
    shares = np.mean(inside, axis=0)
    assert (shares >= 0.65).all()
    assert 0.8 <= shares.mean() <= 0.98


def test_intervals_hold_the_middle_and_widen_away_from_the_runs():
    found = fit_power_law(*runs(6), draws=100)
    middle, low, high = found.predict(np.array([17.0, 30000.0]))
    assert (low < middle).all()
    assert (middle < high).all()
    assert (high - low)[1] / middle[1] > 1.5 * (high - low)[0] / middle[0]


def test_a_higher_confidence_is_wider():
    sizes, errors = runs(6)
    narrow, wide = (fit_power_law(sizes, errors, confidence=each, draws=50) for each in (0.5, 0.95))
    for name in ("floor_interval", "scale_interval", "exponent_interval"):
        assert getattr(wide, name)[0] <= getattr(narrow, name)[0] <= getattr(narrow, name)[1] <= getattr(wide, name)[1]


def test_more_seeds_tell_more():
    widths = [np.diff(fit_power_law(*runs(6, seeds), draws=50).exponent_interval)[0] for seeds in (1, 8)]
    assert widths[1] < widths[0]


def test_what_the_seeds_of_a_size_have_in_common_is_not_averaged_away():
    widths = []
    for shared in (0.0, 0.04):
        found = fit_power_law(*runs(6, 8, noise=0.01, shared=shared, seed=5), draws=50)
        widths.append(np.diff(found.exponent_interval)[0])
    assert widths[1] > 2 * widths[0]


def test_the_same_seed_gives_the_same_and_another_only_other_intervals():
    sizes, errors = runs(6)
    first, again, other = (fit_power_law(sizes, errors, seed=seed, draws=10) for seed in (1, 1, 2))
    assert first.to_json() == again.to_json()
    np.testing.assert_array_equal(first.predict(sizes), again.predict(sizes))
    assert other.exponent == first.exponent
    assert other.exponent_interval != first.exponent_interval


def test_units_change_only_the_numbers_that_have_them():
    sizes, errors = runs(7)
    found, scaled = fit_power_law(sizes, errors, draws=20), fit_power_law(sizes * 1e9, errors * 100, draws=20)
    assert scaled.exponent == pytest.approx(found.exponent, rel=1e-6)
    assert scaled.exponent_interval == pytest.approx(found.exponent_interval, rel=1e-3)
    assert scaled.floor == pytest.approx(100 * found.floor, rel=1e-6)
    assert scaled.unit == pytest.approx(1e9 * found.unit)
    np.testing.assert_allclose(scaled.predict([5e9]), 100 * np.array(found.predict([5])), rtol=1e-3)


def test_the_order_of_runs_does_not_matter():
    sizes, errors = runs(7, 2)
    back = fit_power_law(sizes[::-1], errors[::-1], draws=2)
    assert back.exponent == pytest.approx(fit_power_law(sizes, errors, draws=2).exponent, rel=1e-5)


@pytest.mark.parametrize("errors", [[0.3] * 6, [0.30, 0.31, 0.32, 0.33, 0.34, 0.35]])
def test_errors_that_do_not_fall_have_no_scale(errors):
    found = fit_power_law([1, 2, 4, 8, 16, 32], errors, draws=5)
    assert found.scale == pytest.approx(0, abs=1e-6)
    assert found.floor == pytest.approx(np.mean(errors), rel=0.02)
    assert np.isfinite(found.predict([1, 100])).all()
    json.dumps(found.to_json(), allow_nan=False)


def test_what_json_says():
    data = fit_power_law(*runs(5), draws=5).to_json()
    again = json.loads(json.dumps(data, allow_nan=False))
    assert again == data
    assert len(again["residuals"]) == again["n"] == 5
    assert again["floor_interval"][0] <= again["floor_interval"][1]


def test_a_law_that_holds_is_found_again_at_sizes_left_out():
    exact = cross_validated(*runs(7, noise=0))
    assert exact.mean < 1e-3
    assert exact.n == 7
    noisy = cross_validated(*runs(7, seeds=2, noise=0.03))
    assert 0.005 < float(noisy) == noisy.mean < 0.1
    assert "(7 sizes)" in str(noisy)


def test_a_break_at_the_largest_size_is_seen_there():
    sizes, errors = runs(8, noise=0.002)
    errors[-1] *= 1.3
    found = cross_validated(sizes, errors)
    assert found.largest == pytest.approx(0.23, abs=0.03)
    assert found.mean < found.largest


@pytest.mark.parametrize(
    ("sizes", "errors", "told"),
    [
        ([1, 1, 2, 2, 4, 4], [0.5] * 6, r"at least 4 distinct sizes, but got 3"),
        ([], [], r"at least 4 distinct sizes, but got 0"),
        ([1, 2, 4, 8], [0.5] * 3, r"one error for each size, but got \(4,\) sizes and \(3,\) errors"),
        ([1, 2, 0, 8], [0.5] * 4, r"every size must be a positive number, but number 2 \(from 0\) is 0"),
        ([1, 2, 4, 8], [0.5, 0.4, float("nan"), 0.3], r"every error must be a positive number, but number 2 .* nan"),
        ([1, 2, 4, math.inf], [0.5] * 4, r"every size must be a positive number, but number 3 .* inf"),
    ],
)
def test_runs_that_tell_no_law(sizes, errors, told):
    with pytest.raises(NasError, match=told):
        fit_power_law(sizes, errors)


def test_other_errors():
    sizes, errors = runs(4)
    with pytest.raises(NasError, match="at least 5 distinct sizes, but got 4"):
        cross_validated(sizes, errors)
    with pytest.raises(NasError, match=r"confidence must be between 0 and 1, such as 0.9, but got 90"):
        fit_power_law(sizes, errors, confidence=90)
    with pytest.raises(NasError, match="every size must be a positive number"):
        fit_power_law(sizes, errors, draws=2).predict([-1])
