from __future__ import annotations

import json

import numpy as np
import pytest
from synthetic import Additive, networks

from nas.errors import NasError
from nas.measure.predictor import (
    Counts,
    Key,
    Predictor,
    StaleCalibration,
    count_digits,
    held_out_error,
    propose_first,
)
from nas.measure.predictor.error import ranks, spearman

KEY = Key("mobile", "cpu runtime=eager", {"torch": "2.13.0", "date": "2026-01-01"}, {"target": 0.01})


def made(seed: int, count: int = 60, noise: float = 0.02, by_position: float = 0.3):
    rng = np.random.default_rng(seed)
    truth = Additive(rng, by_position)
    known, held = networks(rng, count), networks(rng, 400)
    return known, truth(known, rng, noise), held, truth(held, rng, noise)


def error_of(predictor, held, ms):
    p50, low, high = predictor.predict(held)
    return held_out_error(p50, ms, (low <= ms) & (ms <= high))


def test_an_additive_model_is_found_exactly_once_there_are_as_many_networks_as_times():
    rng = np.random.default_rng(0)
    truth = Additive(rng)
    known, held = networks(rng, 120), networks(rng, 200)
    predictor = Predictor.fit(known, truth(known))
    assert predictor.chosen.form in ("time", "relative")
    np.testing.assert_allclose(predictor.predict(held).p50, truth(held), rtol=1e-3)


def test_few_networks_suffice_where_an_operator_takes_the_same_time_everywhere():
    known, ms, held, held_ms = made(1, count=20, by_position=0.0)
    found = error_of(Predictor.fit(known, ms), held, held_ms)
    assert found.spearman > 0.95
    assert found.within10 > 0.98


def test_a_product_of_factors_is_seen_to_be_one():
    rng = np.random.default_rng(2)
    factors = np.exp(rng.normal(0, 0.3, 5))
    known, held = networks(rng, 60), networks(rng, 100)
    times = [np.array([np.prod([factors[int(d)] for d in text]) for text in texts]) for texts in (known, held)]
    predictor = Predictor.fit(known, times[0])
    assert predictor.chosen.form == "log"
    np.testing.assert_allclose(predictor.predict(held).p50, times[1], rtol=0.02)


@pytest.mark.parametrize("count", [20, 60, 150])
def test_nine_in_ten_measurements_lie_in_their_interval(count):
    found = [error_of(Predictor.fit(known, ms), held, held_ms) for known, ms, held, held_ms in map_made(count)]
    assert 0.85 <= np.median([each.coverage90 for each in found]) <= 0.95


def map_made(count: int):
    return [made(seed, count, noise=0.05) for seed in range(12)]


def test_intervals_take_their_width_from_the_networks_that_were_not_proposed():
    said, unsaid = [], []
    for seed in range(8):
        known, ms, held, held_ms = made(seed, count=80, noise=0.05)
        _, exact, *_ = made(seed, count=80, noise=0.0)
        ms[:40] = exact[:40]
        said.append(error_of(Predictor.fit(known, ms, KEY, range(40)), held, held_ms).coverage90)
        unsaid.append(error_of(Predictor.fit(known, ms, KEY), held, held_ms).coverage90)
    assert 0.85 <= np.median(said) <= 0.95
    assert np.median(unsaid) < 0.85


def test_what_is_known_without_noise_lies_in_its_interval():
    known, _, held, _ = made(0, count=120)
    same = Predictor.fit(known, np.full(120, 3.0))
    assert error_of(same, held, np.full(len(held), 3.0)).coverage90 == 1.0


def test_which_were_proposed_is_kept():
    known, ms, held, _ = made(21, count=60)
    predictor = Predictor.fit(known, ms, KEY, range(30))
    again = Predictor.from_json(json.loads(predictor.dumps()))
    np.testing.assert_array_equal(again.predict(held), predictor.predict(held))
    assert again.update(known[:9], ms[:9]).proposed == predictor.proposed
    nearly_all = Predictor.fit(known, ms, KEY, range(55))  # too few others to tell from
    np.testing.assert_array_equal(nearly_all.predict(held), Predictor.fit(known, ms).predict(held))
    with pytest.raises(NasError, match=r"places among 60 networks, but got \[60\]"):
        Predictor.fit(known, ms, KEY, [60])


def test_the_cross_validated_error_is_near_that_on_other_networks():
    known, ms, held, held_ms = made(3, count=120, noise=0.04)
    predictor = Predictor.fit(known, ms)
    told, true = predictor.error, error_of(predictor, held, held_ms)
    assert told.n == 120
    assert told.spearman == pytest.approx(true.spearman, abs=0.05)
    assert told.within5 == pytest.approx(true.within5, abs=0.12)
    assert told.coverage90 == pytest.approx(0.9, abs=0.08)
    assert "within 10%" in str(told)


def test_what_was_never_seen_widens_the_interval():
    rng = np.random.default_rng(4)
    known = [text.replace("4", "3") for text in networks(rng, 60)]
    predictor = Predictor.fit(known, Additive(rng)(known, rng, 0.02))
    p50, low, high = predictor.predict(["012301230123", "012401240124"])
    assert (high - low)[1] > 2 * (high - low)[0]
    assert (low <= p50).all()
    assert (p50 <= high).all()


def test_times_stay_positive_far_outside_of_what_was_measured():
    known = [text.replace("4", "3") for text in networks(np.random.default_rng(5), 30)]
    predictor = Predictor.fit(known, [1 + 3 * text.count("3") for text in known])
    for prediction in predictor.predict(["000000000000", "444444444444"]):
        assert (prediction > 0).all()


def test_an_update_is_learning_with_all_that_was_measured():
    known, ms, held, _ = made(6, count=40)
    step_by_step = Predictor.fit(known[:20], ms[:20], KEY).update(known[20:], ms[20:])
    at_once = Predictor.fit(known, ms, KEY)
    assert step_by_step.key == KEY
    np.testing.assert_array_equal(step_by_step.predict(held), at_once.predict(held))


def with_prior(texts, ms, rng, noise):
    """Timings of the blocks alone are all too low, and not exact."""
    return [count_digits(t, p) for t, p in zip(texts, 0.8 * ms * np.exp(rng.normal(0, noise, len(ms))), strict=True)]


def test_isolated_timings_help_where_few_networks_were_measured():
    known, ms, held, held_ms = made(7, count=15, noise=0.01, by_position=6.0)
    rng = np.random.default_rng(8)
    helped = Predictor.fit(with_prior(known, ms, rng, 0.02), ms)
    without = error_of(Predictor.fit(known, ms), held, held_ms)
    error = error_of(helped, with_prior(held, held_ms, rng, 0.02), held_ms)
    assert helped.chosen.uses_prior
    assert error.spearman > 0.95 > 0.8 > without.spearman
    assert error.within5 > without.within5 + 0.2


def test_isolated_timings_that_tell_nothing_are_left_out():
    known, ms, held, held_ms = made(8, count=40)
    rng = np.random.default_rng(8)
    misled = Predictor.fit(with_prior(known, ms, rng, 0.5), ms)
    assert not misled.chosen.uses_prior
    error = error_of(misled, with_prior(held, held_ms, rng, 0.5), held_ms)
    assert error == error_of(Predictor.fit(known, ms), held, held_ms)


def test_it_is_kept_as_json_and_predicts_the_same():
    known, ms, held, _ = made(9, count=40)
    predictor = Predictor.fit([count_digits(text, 3.0) for text in known], ms, KEY)
    again = Predictor.from_json(json.loads(predictor.dumps()), KEY)
    counted = [count_digits(text, 3.0) for text in held]
    np.testing.assert_allclose(again.predict(counted), predictor.predict(counted), rtol=1e-9)
    assert again == predictor
    assert again.key == KEY
    assert json.loads(predictor.dumps())["error"]["n"] == 40


def test_a_calibration_for_something_else_is_refused_with_what_changed():
    known, ms, *_ = made(10, count=10)
    kept = Predictor.fit(known, ms, KEY).to_json()
    now = Key("mobile", "cpu runtime=eager", {"torch": "2.14.0", "date": "2026-05-05"}, {"target": 0.01})
    with pytest.raises(StaleCalibration, match=r"environment.torch was '2.13.0', now is '2.14.0'; calibrate") as caught:
        Predictor.from_json(kept, now)
    assert caught.value.changed == {"environment.torch": ("2.13.0", "2.14.0")}
    with pytest.raises(StaleCalibration, match=r"device was .* now is 'cuda:0'"):
        Predictor.from_json(kept, Key("mobile", "cuda:0", KEY.environment, KEY.protocol))
    Predictor.from_json(kept, Key("mobile", "cpu runtime=eager", {"torch": "2.13.0", "date": "x"}, {"target": 0.01}))


def test_keys_survive_json_whatever_sequences_they_hold():
    key = Key("s", "d", {"cpus": (0, 1)}, {})
    assert key.changed(Key.from_json(json.loads(json.dumps(key.to_json())))) == {}


@pytest.mark.parametrize("broken", [{}, [], {"version": 1}, {"version": 99}, {"version": 2, "key": 3}])
def test_what_was_not_written_by_it_is_refused(broken):
    with pytest.raises(NasError, match="a calibration must be"):
        Predictor.from_json(broken)


@pytest.mark.parametrize("truncate", ["names", "networks", "ms"])
def test_a_damaged_calibration_is_refused(truncate):
    known, ms, *_ = made(11, count=10)
    kept = Predictor.fit(known, ms).to_json()
    kept[truncate] = kept[truncate][:1]
    with pytest.raises(NasError):
        Predictor.from_json(kept)


def test_bad_input_is_named():
    known, ms, *_ = made(12, count=10)
    with pytest.raises(NasError, match="at least 3 measured networks, but got 2"):
        Predictor.fit(known[:2], ms[:2])
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(NasError, match=f"positive number of milliseconds, but network 4 has {bad}"):
            Predictor.fit(known, [*ms[:4], bad, *ms[5:]])
    with pytest.raises(NasError, match="one time for each network"):
        Predictor.fit(known, ms[:5])
    with pytest.raises(NasError, match="counted in the same way, but network 9 is 3 digits"):
        Predictor.fit([*known[:9], "012"], ms)
    with pytest.raises(NasError, match="prior_ms or none, but network 9 has one"):
        Predictor.fit([*known[:9], count_digits(known[9], 2.0)], ms)
    with pytest.raises(NasError, match="string of digits, one decision a digit, but got '01a'"):
        Predictor.fit(["01a", *known[1:]], ms)
    with pytest.raises(NasError, match="counted in the same way"):
        Predictor.fit(known, ms).predict(["012"])
    with pytest.raises(NasError, match="must be Counts, a Plan or a string of digits, but got int"):
        Predictor.fit([3, 4, 5], [1, 2, 3])
    with pytest.raises(NasError, match="at least one operator"):
        Counts("x", ({},))
    with pytest.raises(NasError, match="finite number"):
        Counts("x", ({"count:a": float("nan")},))
    with pytest.raises(NasError, match="prior_ms must be a positive"):
        count_digits("012", -1.0)


def test_three_networks_are_enough_to_say_something():
    predictor = Predictor.fit(["012", "112", "222"], [1.0, 2.0, 3.5])
    p50, low, high = predictor.predict(["012", "222"])
    assert (low < p50).all()
    assert (p50 < high).all()
    assert predictor.error.n == 3
    assert predictor.predict([]).p50.shape == (0,)


def test_equal_networks_of_equal_time_are_no_trouble():
    predictor = Predictor.fit(["0123"] * 5, [2.0] * 5)
    assert predictor.predict(["0123"]).p50[0] == pytest.approx(2)
    assert predictor.error.to_json()["spearman"] is None


def test_ranks_are_shared_by_equal_values():
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5, 1, 3.5, 2])
    assert spearman(np.array([1.0, 2, 3]), np.array([10.0, 20, 25])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)


class TestChoosing:
    """Half of the positions matter little in most networks on offer: those that tell about the rest are few."""

    def pool(self, rng: np.random.Generator) -> list[str]:
        # 270 networks of nearly one kind, and 30 that vary.
        dull = ["00000000" + "".join(map(str, rng.integers(0, 2, 4))) for _ in range(270)]
        return dull + networks(rng, 30)

    def error_after(self, chosen: list[int], pool: list[str], truth: Additive) -> float:
        rng = np.random.default_rng(99)
        picked = [pool[i] for i in chosen]
        held = networks(np.random.default_rng(100), 300)
        p50 = Predictor.fit(picked, truth(picked, rng, 0.01)).predict(held).p50
        return float(np.mean(np.abs(p50 / truth(held) - 1)))

    def test_asking_beats_chance(self):
        asked, chance = [], []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            truth, pool = Additive(rng), self.pool(rng)
            counts = [count_digits(text) for text in pool]
            chosen = propose_first(counts, 6)
            measured = [pool[i] for i in chosen]
            predictor = Predictor.fit(measured, truth(measured, rng, 0.01))
            rest = [i for i in range(len(pool)) if i not in chosen]
            chosen = chosen + [rest[i] for i in predictor.propose([pool[i] for i in rest], 14)]
            asked.append(self.error_after(chosen, pool, truth))
            chance.append(self.error_after(rng.choice(len(pool), 20, replace=False).tolist(), pool, truth))
        assert np.mean(asked) < 0.7 * np.mean(chance)

    def test_a_twin_is_not_asked_for(self):
        rng = np.random.default_rng(0)
        known = [text.replace("4", "0").replace("3", "0") for text in networks(rng, 30)]
        predictor = Predictor.fit(known, Additive(rng)(known, rng, 0.01))
        offered = ["333333333333", "333333333333", "444444444444", known[0]]
        assert sorted(predictor.propose(offered, 2)) in ([0, 2], [1, 2])

    def test_as_many_as_wanted_all_different_and_no_more_than_there_are(self):
        known, ms, held, _ = made(13, count=20)
        predictor = Predictor.fit(known, ms)
        assert len(set(predictor.propose(held, 30))) == 30
        assert sorted(predictor.propose(held[:5], 5)) == [0, 1, 2, 3, 4]
        assert predictor.propose(held, 0) == []
        with pytest.raises(NasError, match=r"among those offered \(5\), but 6 are wanted"):
            predictor.propose(held[:5], 6)
        with pytest.raises(NasError, match=r"among those offered \(0\), but 1 are wanted"):
            propose_first([], 1)
