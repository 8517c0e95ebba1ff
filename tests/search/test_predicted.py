"""The gate of the predictor: what it turns away, what is measured all the same, what it is told."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_engine import BLIND, BUDGETS, Killed, check, make, search, train
from tiny import TinySpace, latency, price

from nas.arch import Plan
from nas.search import Goals
from nas.search.gates import Gates, Rejected
from nas.search.local import LocalProposals
from nas.search.predicted import AUDIT, audited
from nas.search.probe import find_reachable
from nas.store import Record, Results
from nas.store.journal import JournalWriter


@dataclass(frozen=True)
class Guess:
    p50: float
    low: float
    high: float
    least: float
    most: float


class Knows:
    """Forecasts the true time within bounds of 5% (90%) and 10% (sure)."""

    def __init__(self, reliable: bool = True, scale: float = 1.0) -> None:
        self.reliable = reliable
        self.scale = scale
        self.told: list[tuple[str, float, Mapping[str, float] | None]] = []

    def forecast(self, plan: Plan) -> Guess:
        ms = self.scale * price(plan)["macs"] / 1e6
        return Guess(ms, 0.95 * ms, 1.05 * ms, 0.9 * ms, 1.1 * ms)

    def learn(self, plan: Plan, latency: Mapping[str, Any], forecast: Mapping[str, float] | None = None) -> None:
        self.told.append((plan.arch_id, latency["p50"], forecast))


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def measuring(measured: list[str]) -> Any:
    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        measured.append(plan.arch_id)
        return latency(plan)

    return measure


def by_prediction(records: list[Record]) -> list[Record]:
    return [record for record in records if record.gate == "predicted"]


def test_only_what_is_surely_over_is_turned_away_unmeasured(results: Results) -> None:
    measured: list[str] = []
    records = search(results, sampler=BLIND, predictor=Knows(), measure=measuring(measured), trials=30)
    check(records, 30)
    turned_away = by_prediction(records)
    assert turned_away
    assert not {record.arch_id for record in turned_away} & set(measured)
    for record in turned_away:
        ms = record.values["macs"] / 1e6
        assert 0.9 * ms > 0.2
        assert record.state == "infeasible"
        assert record.latency is None
        assert record.constraints["latency_ms <= 0.2"] == pytest.approx(ms - 0.2)
        assert record.reason == (
            f"latency_ms <= 0.2: predicted {ms:.4g} ms, surely between {0.9 * ms:.4g} and {1.1 * ms:.4g} ms"
        )
    for record in records:
        if record.gate == "latency" and int(record.arch_id, 16) % AUDIT:
            assert 0.9 * record.values["macs"] / 1e6 <= 0.2


def test_nothing_is_turned_away_by_a_predictor_that_is_not_reliable(results: Results) -> None:
    records = search(results, predictor=Knows(reliable=False), trials=30)
    assert not by_prediction(records)
    measured = [record for record in records if record.latency]
    assert any(record.gate == "latency" for record in measured)
    for record in measured:
        ms = record.values["macs"] / 1e6
        assert record.predicted == {"p50": ms, "low": 0.95 * ms, "high": 1.05 * ms}
        assert record.values["predicted_ms"] == ms
        assert record.interval["predicted_ms"] == (0.95 * ms, 1.05 * ms)


def test_one_in_some_is_measured_all_the_same(results: Results) -> None:
    """A predictor that is wrong all over would otherwise never be found wrong."""
    gates = Gates(Goals.parse(["minimize latency_ms"], BUDGETS), price, latency, predictor=Knows(scale=1000))
    space, passed, turned_away = TinySpace(), 0, 0
    for seed in range(300):
        decisions = space.sample(random.Random(seed))
        if decisions["width"] == 8:
            continue
        plan = space.decode(decisions)
        if audited(plan):
            gates.predicted(plan, gates.forecast(plan), price(plan), decisions)
            passed += 1
        else:
            with pytest.raises(Rejected, match="surely between"):
                gates.predicted(plan, gates.forecast(plan), price(plan), decisions)
            turned_away += 1
    assert 0 < passed < turned_away / 4


def test_without_a_budget_on_latency_it_only_learns(results: Results) -> None:
    knows = Knows(scale=1000)
    records = search(results, predictor=knows, budgets=[], trials=10)
    assert not by_prediction(records)
    assert len(knows.told) == 10


def test_a_study_that_names_no_latency_has_no_use_for_it(results: Results) -> None:
    knows = Knows()
    records = search(results, predictor=knows, budgets=[], objectives=["maximize accuracy"], trials=4)
    assert knows.told == []
    assert all(record.predicted == {} and "predicted_ms" not in record.values for record in records)


def test_a_driver_that_goes_on_tells_it_again_what_was_measured(results: Results) -> None:
    first = Knows()
    with results.driving(), make(results, predictor=first) as engine:
        train(engine, stop_after=9)
    again = Knows(scale=1.1)  # another calibration meanwhile: what was forecast then still counts
    with results.driving(), make(results, predictor=again) as engine:
        assert sorted(again.told) == sorted(first.told[:-1])  # the one in training comes when it is taken up
        train(engine)
    assert sorted(again.told[: len(first.told)]) == sorted(first.told)
    assert len(again.told) == len({arch_id for arch_id, *_ in again.told})
    check(results.records(), 12)


def test_progress_counts_it_also_after_a_restart(results: Results) -> None:
    for trials in (12, 16):
        with results.driving(), make(results, sampler=BLIND, predictor=Knows(), trials=trials) as engine:
            train(engine)
            progress = engine.progress()
        assert progress.rejected["predicted"] == len(by_prediction(results.records())) > 0


def test_what_is_surely_slow_is_not_proposed() -> None:
    gates = Gates(Goals.parse(["minimize latency_ms"], BUDGETS), price, latency, predictor=Knows())
    space = TinySpace()
    local = LocalProposals(space, gates, lambda decisions, plan: False)
    rng = random.Random(0)
    for pressure in (0.0, 0.3, 1.0):
        for _ in range(20):
            decisions = local.propose([], rng, pressure)
            assert decisions is not None
            assert 0.9 * price(space.decode(decisions))["macs"] / 1e6 <= 0.2


def test_the_fastest_by_prediction_are_measured_first_when_a_budget_is_probed() -> None:
    """MACs mislead here: attention is slow although it has few."""
    measured: list[str] = []

    class Contrary(Knows):
        def forecast(self, plan: Plan) -> Guess:
            ms = 1.0 if plan.steps[0].block.type == "attention" else 0.1 * len(plan.steps)
            return Guess(ms, ms, ms, ms, ms)

    gates = Gates(
        Goals.parse(["minimize latency_ms"], ["latency_ms <= 0.05"]),
        price,
        measuring(measured),
        predictor=Contrary(reliable=False),
    )
    space = TinySpace()
    decisions = find_reachable(space, gates, random.Random(0))
    plan = space.decode(decisions)
    assert plan.steps[0].block.type == "conv"
    assert len(plan.steps) == 1
    assert measured[0] == plan.arch_id or len(measured) > 1


@pytest.mark.parametrize("at", [4, 9, 15, 23, 34, 48])
def test_a_driver_killed_at_a_write_is_taken_up_with_its_forecasts(
    results: Results, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    real, count = JournalWriter.append_logs, 0

    def append(self: JournalWriter, logs: list[dict[str, Any]]) -> None:
        nonlocal count
        count += 1
        if count > at:
            raise Killed
        real(self, logs)

    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "append_logs", append)
        with pytest.raises(Killed):
            search(results, predictor=Knows(), trials=6)
    before = {record.trial: record for record in results.records() if record.state != "running"}
    written = {record.trial: record.predicted for record in results.records() if record.predicted}
    records = search(results, predictor=Knows(scale=1.1), trials=6)
    check(records, 6)
    assert all(records[number] == record for number, record in before.items())
    assert all(records[number].predicted == predicted for number, predicted in written.items())
