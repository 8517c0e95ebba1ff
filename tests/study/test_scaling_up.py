"""The rank correlation of small and scaled networks, and what it is taken to mean."""

from __future__ import annotations

import numpy as np
import pytest

from nas.study.scaling_up import rank_correlation

SMALL = np.linspace(0.5, 0.7, 12)


@pytest.mark.parametrize(
    ("scaled", "said"),
    [
        (SMALL + 0.1, "searching small is allowed"),
        (1 - SMALL, "the order does not survive"),
        (SMALL + 0.06 * np.random.default_rng(3).standard_normal(12), "too few networks to say"),
    ],
)
def test_what_a_correlation_means_follows_from_its_interval(scaled, said):
    found = rank_correlation(SMALL, scaled)
    assert found.low <= found.value <= found.high
    assert said in found.sentence


def test_a_few_that_agree_may_do_so_by_chance():
    four, ten = (rank_correlation(SMALL[:n], SMALL[:n]) for n in (4, 10))
    assert (four.value, ten.value) == pytest.approx((1, 1))
    assert "too few networks to say" in four.sentence
    assert "searching small is allowed" in ten.sentence


def test_it_depends_on_ranks_alone_and_not_on_chance():
    small, scaled = [0.1, 0.3, 0.2, 0.4, 0.5], [0.5, 0.7, 0.6, 0.9, 0.8]
    found = rank_correlation(small, scaled)
    assert found.value == pytest.approx(0.9)
    assert found == rank_correlation(np.exp(small), np.log(scaled))
    assert rank_correlation([0.5] * 5, scaled).value == 0
