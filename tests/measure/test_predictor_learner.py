"""A predictor that learns during a search: when it speaks, when it may reject, what it takes in."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from test_predictor_plans import TABLE, plans

from nas.arch import Plan
from nas.measure.predictor import Counts, Key, Learner, Predictor, count_plan, tells


def count(plan: Plan) -> Counts:
    return count_plan(plan, TABLE.step)


def true_ms(plan: Plan) -> float:
    return 0.1 + sum(0.02 + TABLE.step(step).macs * 2e-6 for step in plan.steps)


def measured(ms: float, half: float = 0.01, **more: Any) -> dict[str, Any]:
    return {"p50": ms, "low": (1 - half) * ms, "high": (1 + half) * ms, "trusted": True, **more}


def noisy(plan: Plan, sd: float = 0.01) -> float:
    return true_ms(plan) * random.Random(plan.arch_id).gauss(1, sd)


@pytest.fixture(scope="module")
def known() -> list[Plan]:
    return list({plan.arch_id: plan for plan in plans(150)}.values())


def test_it_says_nothing_before_it_knows_a_few_and_rejects_only_after_more(known: list[Plan]) -> None:
    learner = Learner(count)
    spoke, reliable = [], []
    for plan in known[:40]:
        forecast = learner.forecast(plan)
        spoke.append(forecast is not None)
        reliable.append(learner.reliable)
        as_told = forecast and {"p50": forecast.p50, "low": forecast.low, "high": forecast.high}
        learner.learn(plan, measured(noisy(plan)), as_told)
    assert spoke == [False] * 8 + [True] * 32
    assert not any(reliable[:20])
    assert reliable[-1]


def test_sure_bounds_are_wider_and_hold_the_truth(known: list[Plan]) -> None:
    learner = Learner(count)
    for plan in known[:60]:
        learner.learn(plan, measured(noisy(plan)))
    inside = []
    for plan in known[60:]:
        found = learner.forecast(plan)
        assert found is not None
        assert found.least < found.low < found.p50 < found.high < found.most
        inside.append(found.least <= noisy(plan) <= found.most)
    assert np.mean(inside) >= 0.95


def test_times_that_follow_no_rule_are_never_relied_upon(known: list[Plan]) -> None:
    learner, rng = Learner(count), random.Random(0)
    for plan in known[:60]:
        learner.learn(plan, measured(rng.uniform(1, 10)))
        learner.forecast(plan)
        assert not learner.reliable


def test_a_calibration_is_relied_upon_until_its_forecasts_fail(known: list[Plan]) -> None:
    predictor = Predictor.fit([count(plan) for plan in known[:60]], [noisy(plan) for plan in known[:60]], Key("s"))
    learner = Learner(count, predictor)
    assert learner.reliable
    for plan in known[60:]:  # the device takes half as long again as when it was calibrated
        forecast = learner.forecast(plan)
        assert forecast is not None
        told = {"p50": forecast.p50, "low": forecast.low, "high": forecast.high}
        learner.learn(plan, measured(1.5 * noisy(plan)), told)
        if not learner.reliable:
            break
    assert not learner.reliable
    assert plan in known[60:75]


def test_a_calibration_learns_from_the_study_too(known: list[Plan]) -> None:
    shallow = [plan for plan in known if len(plan.steps) <= 6]
    deep = [plan for plan in known if len(plan.steps) > 8]
    predictor = Predictor.fit([count(plan) for plan in shallow], [noisy(plan) for plan in shallow])
    learner = Learner(count, predictor)

    def off() -> float:
        found = [(learner.forecast(plan), 2 * true_ms(plan)) for plan in deep[20:]]
        return float(np.mean([abs(forecast.p50 / ms - 1) for forecast, ms in found if forecast]))

    before = off()
    for plan in deep[:20]:  # all that is deep takes twice as long, which the calibration could not know
        learner.learn(plan, measured(2 * noisy(plan)))
    assert off() < before / 3


def test_what_tells_too_little_is_not_learnt_from(known: list[Plan]) -> None:
    assert tells(measured(1.0, 0.09))
    assert not tells(measured(1.0, 0.11))
    assert not tells({"p50": 1.0, "low": 1.0, "high": 1.0})
    learner = Learner(count)
    for plan in known[:20]:
        learner.learn(plan, measured(1.0, 0.2))
        learner.learn(plan, measured(1.0, trusted=False))
    assert learner.forecast(known[0]) is None


def test_it_learns_anew_now_and_then_and_not_each_time(known: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    real = Predictor.fit.__func__  # type: ignore[attr-defined]

    def fit(cls: type[Predictor], networks: Any, *given: Any) -> Predictor:
        fits.append(len(networks))
        return real(cls, networks, *given)  # type: ignore[no-any-return]

    monkeypatch.setattr(Predictor, "fit", classmethod(fit))
    learner = Learner(count)
    for plan in known[:100]:
        learner.forecast(plan)
        learner.learn(plan, measured(noisy(plan)))
    assert fits == [8, *range(12, 84, 4), *range(84, 100, 4)]
