"""The engine: gates in order, told states, exact numbers, restarts at every point."""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny import Choice, TinySpace, Trains, accuracy, latency, price

from nas.arch import Plan
from nas.errors import BudgetUnreachable, DeviceError, NasError, StoreError
from nas.search import Candidate, Engine, GoalError, Goals, Patience, Rungs, SpaceProposals, TooManyFailures
from nas.search.gates import Gates
from nas.search.probe import find_reachable
from nas.space.expression import parse
from nas.store import Record, Results

BLIND = "optuna.samplers:RandomSampler"  # knows no budgets
BUDGETS = ["latency_ms <= 0.2", "macs <= 300000"]
Fail = Callable[[Mapping[str, Any]], str | None]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def make(results: Results, space: TinySpace | None = None, **options: Any) -> Engine:
    sampler = options.pop("sampler", "random")
    defaults = {
        "price": price,
        "measure": latency,
        "objectives": ["maximize accuracy", "minimize latency_ms"],
        "budgets": BUDGETS,
        "rungs": Rungs((1, 2, 4)),
        "trials": 12,
        "look_ahead": 0,
    }
    return Engine(results, SpaceProposals(space or TinySpace(), sampler), **{**defaults, **options})


def train(engine: Engine, stop_after: int | None = None, fail: Fail | None = None) -> int:
    """Train one candidate after the other; how many reports there were. Leaves all as it is after `stop_after`."""
    reports = 0
    while (candidate := engine.take(wait=True)) is not None:
        reason = fail(candidate.job()) if fail else None
        if reason:
            engine.fail(candidate.trial, reason)
            continue
        done = len(engine.results.curve(candidate.key))
        for epoch in range(done + 1, candidate.epochs + 1):
            if reports == stop_after:
                return reports
            reports += 1
            line = {"epoch": epoch, "accuracy": accuracy(candidate.job(), epoch), "seconds": 0.5}
            if not engine.report(candidate.trial, line):
                break
    return reports


def search(results: Results, **options: Any) -> list[Record]:
    with results.driving(), make(results, **options) as engine:
        train(engine)
    return results.records()


def entered(records: list[Record]) -> list[Record]:
    return [r for r in records if r.state in ("complete", "pruned", "failed") and r.gate is None]


def check(records: list[Record], trials: int) -> None:
    assert len(entered(records)) == trials
    assert len({r.folder for r in entered(records)}) == trials
    assert all(r.state != "running" for r in records)


def test_networks_in_training_show_where_the_budgets_are_met(results: Results) -> None:
    """One network in 216 is fast, and nothing but being near another fast one tells which."""

    def measure(plan: Plan, budget_ms: float | None = None) -> dict[str, Any]:
        slow = any(plan.steps[0].block.fields[name] for name in "abc")
        return latency(plan) | {
            "p50": 1.0 if slow else 0.1,
            "low": 0.9 if slow else 0.09,
            "high": 1.1 if slow else 0.11,
        }

    space = TinySpace(tuple(Choice(name, tuple(range(6))) for name in "abc"))
    patience = Patience(probe=100_000, measured=100_000)
    options = {"measure": measure, "budgets": ["latency_ms <= 0.2"], "trials": 8, "patience": patience}
    with results.driving(), make(results, space, **options) as engine:
        taken = [engine.take(wait=True) for _ in range(8)]  # nothing is complete meanwhile
    assert None not in taken


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "nsga3", "gp", "qmc", "surrogate"])
def test_every_sampler_gets_the_number_of_networks_asked_for(results: Results, sampler: str) -> None:
    records = search(results, sampler=sampler, trials=16)
    check(records, 16)
    for record in entered(records):
        assert record.constraints.keys() == set(BUDGETS)
        assert all(excess <= 0 for excess in record.constraints.values())
        assert record.values["latency_ms"] == pytest.approx(record.values["macs"] / 1e6)
        assert record.interval["latency_ms"][0] < record.values["latency_ms"]
        assert (results.trial_folder(record.folder) / "architecture.json").exists()


def test_gates_in_order_of_their_price(results: Results) -> None:
    measured: list[str] = []

    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        assert budget_ms == pytest.approx(0.2)
        assert price(plan)["macs"] <= 300000
        measured.append(plan.arch_id)
        return latency(plan)

    records = search(results, sampler=BLIND, measure=measure, trials=30)
    gates = Counter(r.gate for r in records)
    assert gates.keys() >= {"structure", "duplicate", "cost", "latency"}
    assert len(measured) == len(set(measured)) == 30 + gates["latency"]
    for record in records:
        match record.gate:
            case "structure":
                assert "heads must divide" in (record.reason or "")
                assert record.constraints == {"can be built": 1.0}
            case "cost":
                assert record.constraints["macs <= 300000"] > 0
                assert record.latency is None
                assert "is exceeded by" in (record.reason or "")
            case "latency":
                assert record.constraints["latency_ms <= 0.2"] > 0
                assert record.latency is not None
            case "duplicate":
                assert record.state == "duplicate"
                assert record.source is not None
                assert record.source < record.trial


def test_how_optuna_is_told(results: Results) -> None:
    with results.driving(), make(results, objectives=["maximize accuracy"], trials=30) as engine:
        train(engine, fail=lambda job: "broken" if job["decisions"]["depth"] == 4 else None)
        trials = {t.number: t for t in results.study("candidate", ["maximize"]).get_trials()}
    told = {(r.state, trials[r.trial].state.name) for r in results.records()}
    assert told == {
        ("complete", "COMPLETE"),
        ("pruned", "PRUNED"),
        ("infeasible", "PRUNED"),
        ("failed", "FAIL"),
        ("duplicate", "FAIL"),
    }
    for record in results.records():
        if record.state == "pruned":
            assert trials[record.trial].value == record.values["accuracy"]
            assert record.rung in (0, 1)
            where = f"rung {record.rung + 1} of 3, epoch {record.epochs}"
            assert record.reason == f"stopped at {where}: not among the best one in 3"
        if record.state == "failed":
            assert record.reason == "broken"
            assert record.constraints.keys() == set(BUDGETS)


def test_complete_networks_beat_pruned_ones_at_their_rung(results: Results) -> None:
    records = search(results, objectives=["maximize accuracy"], trials=24)
    first = {r.state: [] for r in entered(records)}
    for record in entered(records):
        first[record.state].append(record.curve[0]["accuracy"])
        if record.state == "complete":
            assert [line["epoch"] for line in record.curve] == [1, 2, 3, 4]
            assert record.seconds == 2.0
    assert sum(first["complete"]) / len(first["complete"]) > sum(first["pruned"]) / len(first["pruned"])


def test_an_exhausted_space_ends_the_search_and_says_so(results: Results) -> None:
    space = TinySpace()
    networks = set()
    for depth in (1, 2, 3, 4):
        for width in (8, 16, 24, 32, 48, 64, 96, 128):
            for kind, name, values in (("attention", "heads", (1, 2, 4)), ("conv", "kernel", (3, 5, 7))):
                for value in values:
                    decisions = {"depth": depth, "width": width, "kind": kind, f"kind.{kind}.{name}": value}
                    if not (width == 8 and value == 4):
                        plan = space.decode(decisions)
                        if price(plan)["macs"] <= 50000:
                            networks.add(plan.arch_id)
    with results.driving(), make(results, trials=500, budgets=["macs <= 50000"]) as engine:
        train(engine)
        progress = engine.progress()
    assert progress.finished
    assert "no new network within the budgets" in progress.note or "none of the last" in progress.note
    check(results.records(), progress.done)
    assert 0.97 * len(networks) <= progress.done <= len(networks)


def test_budget_on_costs_that_nothing_meets(results: Results) -> None:
    with pytest.raises(BudgetUnreachable, match=r"smallest seen is macs 4608 at network \w{16} \(depth=1, width=8"):
        search(results, budgets=["macs <= 1000"])
    assert entered(results.records()) == []
    assert all(r.state != "running" for r in results.records())


def test_budget_on_latency_that_nothing_meets(results: Results) -> None:
    with pytest.raises(
        BudgetUnreachable, match=r"`latency_ms <= 0.001` was exceeded by at least 0.0036.* latency_ms 0.0046"
    ):
        search(results, budgets=["latency_ms <= 0.001"])
    assert entered(results.records()) == []


def width_first(plan: Plan, budget_ms: float | None = None) -> dict[str, Any]:
    """Wide networks are fast here, so that those of few MACs are slow; the fastest takes 1.01 ms."""
    ms = 128 / plan.input.channels + 0.01 * len(plan.steps)
    return {"p50": ms, "low": ms, "high": ms, "p90": ms, "p99": ms, "trusted": True, "flags": []}


def test_the_least_latency_is_found_although_few_macs_are_slow() -> None:
    measured: list[str] = []

    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        measured.append(plan.arch_id)
        return width_first(plan)

    gates = Gates(Goals.parse(["minimize latency_ms"], ["latency_ms <= 0.5"]), price, measure)
    with pytest.raises(
        BudgetUnreachable, match=r"smallest seen is latency_ms 1\.01 at network \w{16} \(depth=1, width=128"
    ):
        find_reachable(TinySpace(), gates, random.Random(0))
    assert len(set(measured)) == len(measured) <= 5 + 20


def test_a_budget_on_costs_that_leaves_only_slow_networks_is_named_too() -> None:
    """The fast networks are the wide ones, which have too many MACs to be measured."""
    gates = Gates(Goals.parse(["minimize macs"], ["latency_ms <= 1.5", "macs <= 20000"]), price, width_first)
    with pytest.raises(
        BudgetUnreachable,
        match=r"the smallest measured within the budgets on costs is latency_ms .* "
        r"of the (\d+) that were measured, all of them within the budgets on costs, 0 meet `latency_ms <= 1\.5`, "
        r"\1 meet `macs <= 20000`; change one of them, or let the space",
    ):
        find_reachable(TinySpace(), gates, random.Random(0))


def test_a_fast_network_of_many_macs_is_found() -> None:
    gates = Gates(Goals.parse(["minimize latency_ms"], ["latency_ms <= 1.5"]), price, width_first)
    assert find_reachable(TinySpace(), gates, random.Random(0))["width"] >= 96


def test_the_smallest_model_is_found_although_it_has_most_macs() -> None:
    def costs(plan: Plan) -> dict[str, float]:
        return price(plan) | {"params": 1e6 / plan.input.channels}

    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        return width_first(plan) | {"model_mb": costs(plan)["params"] / 1e6}

    gates = Gates(Goals.parse(["minimize model_mb"], ["model_mb <= 0.001"]), costs, measure)
    with pytest.raises(BudgetUnreachable, match=r"smallest seen is model_mb 0\.0078125 at network .* \(.*width=128"):
        find_reachable(TinySpace(), gates, random.Random(0))


@pytest.mark.parametrize(("further", "measuring"), [(3, 20.0), (20, 0.0)])
def test_measuring_for_the_least_is_bounded(further: int, measuring: float) -> None:
    measured: list[str] = []

    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        measured.append(plan.arch_id)
        return width_first(plan)

    gates = Gates(Goals.parse(["minimize latency_ms"], ["latency_ms <= 0.001"]), price, measure)
    with pytest.raises(BudgetUnreachable):
        find_reachable(TinySpace(), gates, random.Random(0), further=further, measuring=measuring)
    assert len(measured) == 5 + (further if measuring else 0)


@pytest.mark.parametrize("budget", ["macs <= 5000", "latency_ms <= 0.005"])
def test_budget_that_one_network_meets_is_found(results: Results, budget: str) -> None:
    records = search(results, budgets=[budget], trials=3)
    (one,) = entered(records)
    assert one.decisions == {"depth": 1, "width": 8, "kind": "conv", "kind.conv.kernel": 3}


def test_a_space_where_nothing_can_be_built(results: Results) -> None:
    class Nothing(TinySpace):
        def decode(self, decisions: Mapping[str, Any]) -> Plan:
            return super().decode({"width": 8, "kind.attention.heads": 4})

    with pytest.raises(NasError, match=r"none of 400 samples was: s1.block: heads must divide"):
        search(results, space=Nothing())


def test_constraints_of_the_space_on_costs(results: Results) -> None:
    space = TinySpace(cost_constraints=(parse("params <= 2000 or depth == 1"),))
    records = search(results, sampler=BLIND, space=space, budgets=[], trials=20)
    check(records, 20)
    for record in entered(records):
        assert record.values["params"] <= 2000 or record.decisions["depth"] == 1
    assert any(r.gate == "cost" for r in records)


def test_train_decisions_make_another_trial_but_not_another_network(results: Results) -> None:
    space = TinySpace(extra=(Choice("train.dropout", (0.0, 0.2, 0.4), train=True),))
    records = search(results, space=space, trials=60, budgets=["macs <= 60000"], rungs=Rungs((1,)))
    check(records, 60)
    assert len({r.arch_id for r in entered(records)}) < 60
    assert all(r.folder.startswith(f"{r.arch_id}-") for r in entered(records))


def test_a_budget_on_what_training_gives_is_looked_at_in_the_end(results: Results) -> None:
    records = search(results, budgets=["accuracy >= 0.55"], objectives=["minimize macs"], rungs=Rungs((4,)), trials=20)
    complete = [r for r in records if r.state == "complete"]
    assert {r.feasible for r in complete} == {True, False}
    assert all(r.feasible == (r.values["accuracy"] >= 0.55) for r in complete)
    assert all(r.latency is None for r in complete)


def test_untrusted_measurement_is_marked(results: Results) -> None:
    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        return {**latency(plan), "trusted": int(plan.arch_id, 16) % 2 == 0, "flags": ["busy"]}

    records = search(results, measure=measure)
    assert {bool(r.latency and r.latency["trusted"]) for r in entered(records)} == {True, False}
    rejected = [r for r in records if r.gate == "latency" and r.latency and not r.latency["trusted"]]
    assert all("the measurement is not trusted" in (r.reason or "") for r in rejected)


def test_measuring_that_keeps_failing_ends_the_search(results: Results) -> None:
    def measure(plan: Plan, budget_ms: float | None) -> dict[str, Any]:
        raise DeviceError("the device is gone")

    with pytest.raises(DeviceError, match="the device is gone"):
        search(results, measure=measure)
    assert {r.reason for r in results.records() if r.state == "failed"} == {"the device is gone"}
    check(search(results), 12)


def test_failures_go_on_until_too_many_in_a_row(results: Results) -> None:
    turns = itertools.count()
    with results.driving(), make(results, max_failures=3) as engine:
        train(engine, fail=lambda job: "loss is NaN" if next(turns) % 3 else None)
    assert {r.reason for r in results.records() if r.state == "failed"} == {"loss is NaN"}
    other = Results(results.folder.parent / "other")
    reasons = (f"reason {number}" for number in range(9))
    with (
        other.driving(),
        make(other, max_failures=3) as engine,
        pytest.raises(TooManyFailures, match="3 trials failed one after the other; the first because: reason 0"),
    ):
        train(engine, fail=lambda job: next(reasons))


def test_report_without_a_number_fails_the_trial(results: Results) -> None:
    with results.driving(), make(results, trials=3) as engine:
        for line in ({"epoch": 1, "accuracy": math.nan}, {"epoch": 4, "loss": 1.0}, None):
            candidate = engine.take(wait=True)
            assert candidate is not None
            if line is None:
                engine.finish(candidate.trial)
            else:
                assert not engine.report(candidate.trial, line)
            assert not engine.report(candidate.trial, {"epoch": 2, "accuracy": 0.5})
            engine.finish(candidate.trial)
            engine.fail(candidate.trial, "too late")
    reasons = [r.reason or "" for r in entered(results.records())]
    assert "must be" in reasons[0]
    assert "the last report lacks a value" in reasons[1]
    assert reasons[2] == "training ended without a report"


def test_goal_that_names_no_value_is_found_before_training(results: Results) -> None:
    with pytest.raises(GoalError, match="did you mean 'latency_ms'"):
        search(results, budgets=["latencyms <= 1"])
    with pytest.raises(GoalError, match="'latency_ms', which is no value"):
        search(Results(results.folder.parent / "other"), measure=None)


def test_going_on_draws_something_else_and_ends_at_the_same_number(results: Results) -> None:
    first = search(results, trials=6)
    second = search(results, trials=14)
    assert second[: len(first)] == first
    check(second, 14)
    assert search(results, trials=14) == second
    assert search(results, trials=3) == second
    repeated = [r for r in second[len(first) :] if r.gate == "duplicate"]
    assert len(repeated) < 8


@pytest.mark.parametrize("stop_after", range(0, 24, 3))
def test_a_driver_that_died_is_taken_up_where_it_was(results: Results, stop_after: int) -> None:
    with results.driving(), make(results) as engine:
        before = train(engine, stop_after=stop_after)
    left = [r for r in results.records() if r.state == "running"]
    assert len(left) == 1
    with results.driving(), make(results) as engine:
        after = train(engine)
    records = results.records()
    check(records, 12)
    taken_up = records[left[0].trial]
    assert taken_up.state in ("complete", "pruned")
    assert taken_up.folder == left[0].folder
    assert before + after == sum(len(r.curve) for r in entered(records))


class Killed(BaseException):
    """Stands in for kill -9: nothing after it is written."""


@pytest.mark.parametrize("at", range(1, 60))
def test_killed_at_any_write(results: Results, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Every line of the journal may be the last."""
    from nas.store.journal import JournalWriter

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
            search(results, trials=6)
    before = {r.trial: r for r in results.records() if r.state != "running"}
    records = search(results, trials=6)
    check(records, 6)
    assert all(records[number] == record for number, record in before.items())
    for record in records:
        if record.gate is None:
            assert record.constraints.keys() == set(BUDGETS)


def test_what_passed_the_gates_is_shown_before_it_trains(results: Results) -> None:
    shown: list[str] = []

    def look(candidate: Candidate) -> None:
        assert candidate.folder.is_dir()
        assert threading.current_thread().name == "gating"
        results.keep_proxies(candidate.key, {"synflow": {"value": 1.5, "reason": None, "ms": 1.0}})
        shown.append(candidate.key)

    records = search(results, admitted=look, look_ahead=2)
    check(records, 12)
    assert shown == [record.folder for record in entered(records)]
    assert all(record.proxies == {"synflow": 1.5} for record in entered(records))

    def stumble(candidate: Candidate) -> None:
        raise StoreError("no room")

    with pytest.raises(StoreError, match="no room"):
        search(results, admitted=stumble, trials=14)


def test_ready_networks_are_dropped_when_fewer_are_asked_for(results: Results) -> None:
    with results.driving(), make(results, trials=8, look_ahead=0) as engine:
        taken = [engine.take(wait=True) for _ in range(8)]
        engine.report(taken[5].trial, {"epoch": 1, "accuracy": 0.4})
    records = search(results, trials=3)
    check(records, 3)
    assert records[taken[5].trial].state in ("complete", "pruned")
    dropped = [r for r in records if r.gate == "dropped"]
    assert len(dropped) == 5
    again = search(results, trials=40, budgets=[], rungs=Rungs((1,)))
    check(again, 40)


def test_what_was_queued_by_a_driver_that_died_is_not_left_behind(results: Results) -> None:
    search(results, trials=3)
    queued = {"depth": 2, "width": 24, "kind": "conv", "kind.conv.kernel": 5}
    with results.driving():
        results.study("candidate", ["maximize", "minimize"]).enqueue_trial(queued)
    check(search(results, trials=3), 3)
    with results.driving():
        results.study("candidate", ["maximize", "minimize"]).enqueue_trial(queued)
    records = search(results, trials=4)
    check(records, 4)
    assert entered(records)[-1].decisions == queued


def test_gating_ahead_lets_several_trainers_run(results: Results) -> None:
    trained: list[int] = []
    lock = threading.Lock()

    def work(engine: Engine) -> None:
        while (candidate := engine.take(wait=True)) is not None:
            with lock:
                trained.append(candidate.trial)
            for epoch in range(1, candidate.epochs + 1):
                line = {"epoch": epoch, "accuracy": accuracy(candidate.job(), epoch)}
                if not engine.report(candidate.trial, line):
                    break

    with results.driving(), make(results, trials=40, look_ahead=3, sampler="tpe") as engine:
        threads = [threading.Thread(target=work, args=(engine,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.finished
        assert engine.drained
    assert len(trained) == len(set(trained)) == 40
    check(results.records(), 40)


def test_error_of_gating_reaches_who_takes(results: Results) -> None:
    with (
        results.driving(),
        make(results, budgets=["macs <= 1"], look_ahead=2) as engine,
        pytest.raises(BudgetUnreachable),
    ):
        engine.take(wait=True)


def test_progress(results: Results) -> None:
    with results.driving(), make(results, trials=10, sampler="nsga2") as engine:
        assert (engine.progress().done, engine.progress().eta_s) == (0, None)
        train(engine, stop_after=12)
        halfway = engine.progress()
        assert halfway.running == 1
        assert halfway.eta_s is not None
    search(results, trials=10, sampler="nsga2")
    with results.driving(), make(results, trials=10, sampler="nsga2") as engine:
        end = engine.progress()
    records = results.records()
    complete = [r for r in records if r.feasible]
    assert end.finished
    assert (end.done, end.eta_s, end.running, end.proposals) == (10, 0.0, 0, len(records))
    assert end.best["accuracy"].value == max(r.values["accuracy"] for r in complete)
    assert end.best["latency_ms"].value == min(r.values["latency_ms"] for r in complete)
    assert end.rejected == {g: c for g, c in Counter(r.gate for r in records).items() if g}
    assert 1 <= end.front_size <= len(complete)
    shares = [sum(r.origin.get(key, 0) for r in records) for key in ("drawn", "independent")]  # as reports count them
    assert [end.drawn, end.independent] == shares
    assert 0 <= end.independent <= end.drawn


def test_many_rejections_turn_to_the_engines_own_proposals(results: Results) -> None:
    """A budget that one draw in fifty meets costs few draws of the sampler."""
    records = search(results, budgets=["macs <= 20000"], trials=6, patience=Patience(rejections=4))
    check(records, 6)
    assert len(records) < 120


def test_everything_goes_through_a_database_too(tmp_path: Path) -> None:
    results = Results(tmp_path / "study", storage=f"sqlite:///{tmp_path}/x.db")
    with results.driving(), make(results, trials=2, look_ahead=2) as engine:
        train(engine, stop_after=2)
    records = search(results, trials=2)
    check(records, 2)


def test_in_process_runner(results: Results) -> None:
    from nas.schedule import run

    work = Trains(lambda job: "broken" if job["decisions"]["depth"] == 2 else None)
    seen = []
    with results.driving():
        progress = run(make(results), work, runner="local", on_progress=seen.append, every_s=0)
    assert progress == seen[-1]
    assert progress.finished
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert work.closed == len(work.opened) == 12
    failed = [r for r in results.records() if r.state == "failed"]
    assert {r.reason for r in failed} == {"broken"}
    assert all((results.trial_folder(r.folder) / "error.txt").read_text().startswith("Traceback") for r in failed)
