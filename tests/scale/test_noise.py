from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import t, ttest_ind, tukey_hsd

from nas.errors import NasError
from nas.scale.noise import winner


def groups(counts, effects=None, noise=0.005, seed=0):
    rng = np.random.default_rng(seed)
    effects = effects or [0.0] * len(counts)
    return {
        f"g{place}": (0.7 + effect + noise * rng.standard_normal(count)).tolist()
        for place, (count, effect) in enumerate(zip(counts, effects, strict=True))
    }


@pytest.mark.parametrize("counts", [(3, 3, 3), (2, 5, 3, 4), (2, 2), (3,) * 9])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_that_of_tukey(counts, seed):
    runs = groups(counts, [0.004 * place for place in range(len(counts))], seed=seed)
    found = winner(runs)
    names = list(runs)
    other = tukey_hsd(*runs.values())
    best, second = names.index(found.best), names.index(found.runner_up)
    assert found.p == pytest.approx(other.pvalue[best, second], rel=1e-6, abs=1e-9)
    assert found.difference == pytest.approx(other.statistic[best, second])
    assert set(found.tied) == {
        name for place, name in enumerate(names) if place != best and other.pvalue[best, place] > 0.05
    }
    interval = other.confidence_interval(0.95)
    assert found.honest == pytest.approx((interval.high - interval.low)[best, second] / 2, rel=1e-6)


def test_of_two_groups_it_is_the_t_test():
    runs = groups((4, 4), [0, 0.006])
    assert winner(runs).p == pytest.approx(ttest_ind(*runs.values()).pvalue, rel=1e-6)


def test_noise_is_pooled_and_intervals_are_of_the_t_distribution():
    found = winner({"a": [0.70, 0.72], "b": [0.50, 0.52, 0.54], "c": [0.6]})
    assert found.freedom == 3
    assert found.noise == pytest.approx((0.001 / 3) ** 0.5)
    low, high = found.groups["b"].interval
    assert (low + high) / 2 == pytest.approx(0.52)
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, 3) * found.noise / 3**0.5)
    assert np.diff(found.groups["c"].interval)[0] == pytest.approx(np.diff(found.groups["b"].interval)[0] * 3**0.5)
    assert list(found.groups) == ["a", "b", "c"]


def test_chance_alone_has_a_winner_once_in_twenty():
    won = [winner(groups((3,) * 5, seed=seed)).significant for seed in range(30)]
    assert np.mean(won) <= 0.1


def test_a_clear_winner():
    found = winner({"deep": [0.71, 0.72, 0.73], "wide": [0.60, 0.61, 0.62], "fine": [0.50, 0.52, 0.51]})
    assert (found.best, found.runner_up) == ("deep", "wide")
    assert found.significant
    assert found.tied == ()
    assert found.p < 0.05
    assert found.difference > found.honest
    assert found.sentence() == (
        "deep has the best mean, 72.0%, 11.0 points above the next; seeds differ by 1.0 points (standard deviation), "
        "so that is more than seed noise: it is better than all others"
    )


def test_a_winner_by_noise():
    found = winner({"x": [0.700, 0.710], "y": [0.702, 0.712], "z": [0.5, 0.51]})
    assert (found.best, found.tied, found.significant) == ("y", ("x",), False)
    assert found.sentence("triples") == (
        "y has the best mean, 70.7%, 0.2 points above the next; seeds differ by 0.7 points (standard deviation), "
        "so that is not more than seed noise: 1 of the 2 other triples cannot be told from it"
    )


def test_of_two_groups_the_other_is_named_as_one():
    assert winner({"x": [0.7, 0.71], "y": [0.7, 0.711]}).sentence().endswith("noise: the other cannot be told from it")
    assert winner({"x": [0.7, 0.71], "y": [0.2, 0.21]}).sentence().endswith("noise: it is better than the other")


def test_one_seed_each_tells_no_noise():
    found = winner({"x": [0.7], "y": [0.712], "z": [0.3]})
    assert (found.noise, found.honest, found.p) == (None, None, None)
    assert not found.significant
    assert found.tied == ("x", "z")
    assert found.groups["x"].interval is None
    assert found.sentence() == (
        "y has the best mean, 71.2%, 1.2 points above the next; with one seed each it is not known how far seeds "
        "differ, so that may be noise"
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_group_alone(seeds):
    found = winner({"x": [0.7, 0.71, 0.72][:seeds]})
    assert (found.best, found.runner_up, found.difference, found.p, found.tied) == ("x", None, None, None, ())
    assert not found.significant
    assert (found.groups["x"].interval is None) == (seeds == 1)
    assert "nothing to compare it with" in found.sentence()


@pytest.mark.parametrize("value", [0.7, 0.0])
def test_equal_groups_are_tied(value):
    found = winner({"x": [value] * 3, "y": [value] * 2, "z": [value] * 7})
    assert (found.best, found.noise, found.difference, found.p) == ("x", 0, 0, 1)
    assert found.tied == ("y", "z")
    assert not found.significant


def test_without_noise_any_difference_counts():
    found = winner({"x": [0.7] * 3, "y": [0.7001] * 3})
    assert (found.best, found.p, found.significant) == ("y", 0, True)
    assert "0.01 points above the next" in found.sentence()


def test_with_unequal_counts_one_that_is_far_but_of_a_single_seed_may_be_tied():
    runs = {"x": [0.700, 0.702] * 6, "y": [0.6975, 0.6995] * 6, "z": [0.6984]}
    found = winner(runs)
    assert found.runner_up == "y"
    assert found.p < 0.05
    assert found.tied == ("z",)
    assert not found.significant


def test_more_confidence_needs_more_difference():
    runs = groups((3,) * 4, [0, 0.004, 0.008, 0.012])
    assert winner(runs, 0.99).honest > winner(runs, 0.9).honest
    assert set(winner(runs, 0.9).tied) <= set(winner(runs, 0.99).tied)


def test_percent_or_shares_are_alike():
    runs = groups((3, 4, 2), [0, 0.004, 0.008])
    found, percent = winner(runs), winner({name: [100 * value for value in each] for name, each in runs.items()})
    assert percent.p == pytest.approx(found.p)
    assert percent.tied == found.tied


def test_what_json_says():
    for runs in (groups((2, 3)), {"x": [0.7], "y": [0.8]}, {"x": [0.7]}):
        data = winner(runs).to_json()
        assert json.loads(json.dumps(data, allow_nan=False)) == data


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ({}, "at least one group of runs, but got none"),
        ({"x": [0.7], "y": []}, "every group must have at least one run, but y has none"),
        ({"x": [0.7, float("nan")]}, r"every run must be a number, but x has \[0.7, nan\]"),
    ],
)
def test_runs_that_cannot_be_compared(runs, told):
    with pytest.raises(NasError, match=told):
        winner(runs)


def test_a_confidence_that_is_none():
    with pytest.raises(NasError, match="confidence must be between 0 and 1"):
        winner({"x": [0.7]}, confidence=95)
