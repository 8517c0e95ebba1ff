from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.measure.statistics import Pairs, counted, drift, interval, log_ratio, quietest, taken_of, widened

TRUE = np.log(3.0)


def made(rng: np.random.Generator, rounds: int = 60, noise: float = 0.02, slow: float = 0.0) -> Pairs:
    """Pairs with a true ratio of 3; in a share `slow` of the blocks, each on its own, something takes 60 % longer."""
    shape = (rounds, 2)
    blocks = [
        noise * rng.exponential(size=shape) + np.where(rng.random(shape) < slow, np.log(1.6), 0.0) for _ in range(2)
    ]
    return Pairs(TRUE + blocks[0], blocks[1])


def test_most_blocks_disturbed_hardly_move_the_ratio():
    rng = np.random.default_rng(0)
    errors, plain = [], []
    for _ in range(50):
        steady, hit = made(rng), rng.random((60, 2)) < 0.6
        pairs = Pairs(steady.model + 0.5 * hit, steady.reference + 0.1 * hit)  # the network suffers more
        errors.append(abs(log_ratio(pairs, 2.2) - TRUE))
        plain.append(abs(np.median(pairs.ratio) - TRUE))
    assert np.quantile(errors, 0.95) < 0.01
    assert np.median(plain) > 0.2


def test_choosing_the_quietest_favours_no_ratio():
    rng = np.random.default_rng(1)
    pairs = [Pairs(TRUE + rng.normal(0, 0.1, (200, 2)), rng.normal(0, 0.1, (200, 2))) for _ in range(100)]
    errors = [log_ratio(p, 2.2) - TRUE for p in pairs]
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors))


def test_pairs_from_which_time_was_taken_count_only_where_there_are_too_few_others():
    rng = np.random.default_rng(5)
    steady, taken = made(rng, 6), np.zeros((6, 2))
    taken[:3, 0] = 0.3
    touched = Pairs(steady.model + np.where(taken > 0, np.log(1.3), 0.0), steady.reference, taken)
    chosen = quietest(touched, 2.2)
    assert chosen.sum() == 8
    assert not chosen[taken > 0].any()
    assert taken_of(touched, chosen) == 0.0
    assert log_ratio(touched, 2.2) == pytest.approx(TRUE, abs=0.02)
    every = Pairs(touched.model, touched.reference, np.full((6, 2), 0.02))
    assert taken_of(every, quietest(every, 2.2)) == 0.02
    grains = Pairs(steady.model, steady.reference, np.full((6, 2), 0.005))  # of half a percent nobody is afraid
    assert (quietest(grains, 2.2) == quietest(steady, 2.2)).all()


@pytest.mark.parametrize("slow", [0.0, 0.3])
def test_the_interval_covers_the_truth_as_often_as_it_says(slow):
    rng = np.random.default_rng(2)
    hits = 0
    for i in range(200):
        low, high = interval(made(rng, rounds=80, slow=slow), 2.2, 0.95, seed=i)
        hits += low <= TRUE <= high
    assert 0.88 <= hits / 200 <= 1.0


def test_the_interval_narrows_with_more_pairs_and_is_repeatable():
    rng = np.random.default_rng(3)
    few, many = made(rng, 20), made(rng, 500)
    assert np.diff(interval(many, 2.2, 0.95, 0)) < np.diff(interval(few, 2.2, 0.95, 0))
    assert interval(few, 2.2, 0.95, 0) == interval(few, 2.2, 0.95, 0)


def test_drift_is_seen_and_its_absence_too():
    rng = np.random.default_rng(4)
    steady = made(rng, 200)
    assert abs(drift(steady, 2.2)) < 0.01
    shifted = Pairs(
        steady.model + np.linspace(0, 0.2, 200)[:, None], steady.reference - np.linspace(0, 0.2, 200)[:, None]
    )
    assert drift(shifted, 2.2) > 0.1


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 60), st.floats(-5, 5), st.floats(0.5, 10.0), st.integers(0, 1000))
def test_another_unit_of_time_changes_nothing_but_the_unit(rounds, shift, keep, seed):
    pairs = made(np.random.default_rng(seed), rounds)
    moved = Pairs(pairs.model + shift, pairs.reference)
    both = Pairs(pairs.model + shift, pairs.reference + shift)
    assert quietest(pairs, keep).sum() == counted(2 * rounds, keep)
    assert log_ratio(moved, keep) == pytest.approx(log_ratio(pairs, keep) + shift, abs=1e-9)
    assert log_ratio(both, keep) == pytest.approx(log_ratio(pairs, keep), abs=1e-9)
    low, high = interval(pairs, keep, 0.9, seed)
    assert low <= high


def test_a_floor_widens_in_quadrature_and_keeps_the_middle_inside():
    assert widened(1.0, (0.97, 1.04), 0.0) == (0.97, 1.04)
    low, high = widened(1.0, (0.97, 1.04), 0.04)
    assert (low, high) == pytest.approx((0.95, 1 + 0.04 * 2**0.5))
    assert widened(1.0, (1.01, 1.02), 0.0) == (1.0, 1.02)
