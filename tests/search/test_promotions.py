"""Successive halving that promotes: the decisions alone, then the engine around them, restarts included."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection
from tiny import TinySpace, Trains, accuracy, latency, price

from nas.schedule import Resources, run
from nas.search import Engine, Progress, Rungs, SpaceProposals
from nas.search.goals import dominates
from nas.search.history import History
from nas.search.promotions import Promotions, epsilon_net
from nas.store import Record, Results
from nas.store.attributes import PROMOTED, RUNGS
from nas.store.journal import JournalWriter

BUDGETS = ["latency_ms <= 0.2", "macs <= 300000"]
points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30)


ALL = range(99)


def promoted(promotions: Promotions, paused: Collection[int] = ALL, last: bool = False) -> list[int]:
    """All that can be promoted now, in their order."""
    found: list[int] = []
    while (trial := promotions.next(paused, last=last)) is not None:
        promotions.promote(trial)
        found.append(trial)
    return found


def test_a_network_pauses_at_each_rung_and_goes_on_when_it_is_promoted() -> None:
    promotions = Promotions(Rungs((2, 5, 12), 2))
    assert (promotions.until(0), promotions.passed(0)) == (2, None)
    assert promotions.enter(0, 1, (0.1,)) == "go on"
    assert promotions.enter(0, 2, (0.2,)) == "pause"
    assert (promotions.until(0), promotions.passed(0)) == (5, 0)
    assert promotions.next(ALL) is None  # alone at the rung
    promotions.enter(1, 2, (0.1,))
    assert promoted(promotions) == [0]
    assert promotions.enter(0, 2, (0.2,)) == "go on"  # reported again when it is taken up
    assert promotions.enter(0, 5, (0.3,)) == "pause"
    assert promotions.until(0) == 12
    assert promoted(promotions, last=True) == [0]
    assert promotions.enter(0, 12, (0.4,)) == "go on"
    assert promotions.passed(0) == 2


def test_the_best_third_of_one_objective_is_promoted_when_it_is_known() -> None:
    promotions = Promotions(Rungs((1, 3), 3))
    order = []
    for trial, gain in enumerate([5, 4, 6, 3, 5.5, 1, 7, 2, 0]):
        promotions.enter(trial, 1, (float(gain),))
        order.append(promoted(promotions))
    # The first of three, the second of six; 7 has to wait until one more may go on. What came first never does.
    assert order == [[], [], [2], [], [], [4], [], [], [6]]


def test_the_highest_rung_gives_first() -> None:
    promotions = Promotions(Rungs((1, 3, 9), 2))
    for trial, epoch in itertools.product(range(2), (1, 3)):
        promotions.enter(trial, epoch, (float(trial),))
    for trial in range(2, 7):
        promotions.enter(trial, 1, (float(trial),))
    assert promoted(promotions) == [1, 6]  # three of the first rung may go on, and two have


def test_a_rung_that_was_skipped_is_entered_late() -> None:
    promotions = Promotions(Rungs((1, 3, 9), 2))
    assert promotions.enter(0, 4, (1.0,)) == "pause"
    assert promotions.passed(0) == 1
    promotions.enter(1, 1, (0.5,))
    assert promotions.next(ALL) is None  # 0 went on from the first rung; the second has nobody else
    assert promoted(promotions, last=True) == [0]


def test_what_trained_beyond_a_rung_was_promoted_there() -> None:
    promotions = Promotions(Rungs((1, 3), 2))
    for trial in range(4):
        promotions.enter(trial, 1, (float(trial),))
    assert promotions.enter(3, 2, (4.0,)) == "go on"  # reported to an earlier driver; it failed before the next rung
    assert promoted(promotions, paused={0, 1, 2}) == [2]


def test_what_has_ended_is_compared_with_but_not_promoted() -> None:
    promotions = Promotions(Rungs((1, 3), 2))
    for trial, gain in enumerate([4.0, 3.0, 2.0, 1.0]):
        promotions.enter(trial, 1, (gain,))
    assert promoted(promotions, paused={1, 2, 3}) == [1]


def test_networks_within_the_budgets_come_first_then_the_nearest_to_them() -> None:
    promotions = Promotions(Rungs((1, 3), 1))
    for trial, (gain, excess) in enumerate([(9.0, 0.5), (8.0, 0.1), (1.0, 0.0), (2.0, -3.0), (7.0, 0.1)]):
        promotions.enter(trial, 1, (gain,), excess)
    assert promoted(promotions) == [3, 2, 1, 4, 0]


def test_a_front_is_promoted_spread_out() -> None:
    line = [(float(x), 10.0 - x) for x in range(11)]
    promotions = Promotions(Rungs((1, 3), 11 / 3))
    for trial, gains in enumerate(line):
        promotions.enter(trial, 1, gains)
    promotions.enter(11, 1, (0.0, 0.0))
    assert promoted(promotions) == [10, 0, 5]


def test_a_front_is_filled_where_those_promoted_are_not() -> None:
    promotions = Promotions(Rungs((1, 3), 2))
    promotions.enter(0, 1, (10.0, 0.0))
    promotions.enter(1, 1, (9.0, 1.0))
    assert promoted(promotions) == [0]
    promotions.enter(2, 1, (0.0, 10.0))
    promotions.enter(3, 1, (1.0, 9.0))
    assert promoted(promotions) == [2]


@pytest.mark.parametrize("bad", [-np.inf, np.inf, 1e308])
def test_a_net_of_what_has_no_measure(bad: float) -> None:
    net = epsilon_net(np.array([[0.0, 1.0], [bad, 0.5], [1.0, 0.5], [1.0, 0.5]]))
    assert sorted(net) == [0, 1, 2, 3]


@given(points)
def test_each_of_a_net_is_the_farthest_from_those_before(rows: list[tuple[int, int]]) -> None:
    found = np.array(rows, dtype=float)
    scaled = (found - found.min(axis=0)) / np.where(np.ptp(found, axis=0) > 0, np.ptp(found, axis=0), 1.0)
    net = epsilon_net(found)
    assert sorted(net) == list(range(len(rows)))
    for count in range(1, len(net)):
        apart = [min(np.linalg.norm(scaled[a] - scaled[b]) for b in net[:count]) for a in net[count:]]
        assert apart[0] == pytest.approx(max(apart))


@given(points, st.floats(1.0, 5.0))
def test_one_in_reduction_goes_on_and_nobody_before_who_dominates_it(
    rows: list[tuple[int, int]], reduction: float
) -> None:
    promotions = Promotions(Rungs((1, 2), reduction))
    for trial, gains in enumerate(rows):
        promotions.enter(trial, 1, gains)
    found = promoted(promotions)
    assert len(found) == int(len(rows) / reduction)
    for place, trial in enumerate(found):
        rest = set(range(len(rows))) - set(found[:place])
        assert not any(dominates(rows[other], rows[trial]) for other in rest)
    assert len(promoted(promotions, last=True)) == (not found)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def make(results: Results, **options: Any) -> Engine:
    defaults = {
        "price": price,
        "measure": latency,
        "objectives": ["maximize accuracy", "minimize latency_ms"],
        "budgets": BUDGETS,
        "rungs": Rungs((1, 2, 4)),
        "scheduling": "promote",
        "trials": 18,
        "look_ahead": 0,
    }
    return Engine(results, SpaceProposals(TinySpace(), "random"), **{**defaults, **options})


def trained(results: Results) -> list[Record]:
    return [r for r in results.records() if r.gate is None and r.state != "duplicate"]


def check(results: Results, trials: int = 18) -> None:
    """All that began has ended, and one in three of each rung went on."""
    records = trained(results)
    assert len(records) == len({r.folder for r in records}) == trials
    assert {r.state for r in records} == {"complete", "pruned"}
    for record in records:
        rung = {1: 0, 2: 1, 4: 2}[record.epochs]
        assert (record.rung, record.state == "complete") == (rung, rung == 2)
        assert [line["epoch"] for line in record.curve] == list(range(1, record.epochs + 1))
        if rung < 2:
            where = f"rung {rung + 1} of 3, epoch {record.epochs}"
            assert record.reason == f"stopped at {where}: not among the best one in 3"
    assert sum(r.epochs >= 2 for r in records) == trials // 3
    assert sum(r.epochs == 4 for r in records) == trials // 9


class Resumes(Trains):
    """Work that goes on behind the epoch that a trial's curve has, as a checkpoint would; counts what it trains."""

    def __init__(self, only_at_the_end: bool = False) -> None:
        super().__init__()
        self.only_at_the_end = only_at_the_end
        self.trained: list[tuple[int, int]] = []

    def open(self, job: Any) -> Any:
        self.opened.append(job["trial"])
        return Resumed(self, job)


class Resumed:
    def __init__(self, work: Resumes, job: Any) -> None:
        self.work, self.job = work, job

    def __iter__(self) -> Any:
        file = Path(self.job["folder"]) / "state"
        done = int(file.read_text()) if file.exists() else 0
        for epoch in range(max(1, done), self.job["epochs"] + 1):
            if epoch > done:
                self.work.trained.append((self.job["trial"], epoch))
                file.write_text(str(epoch))
            known = {} if self.work.only_at_the_end and epoch < 4 else {"accuracy": accuracy(self.job, epoch)}
            yield {"epoch": epoch, "seconds": 0.5, **known}

    def close(self) -> None:
        self.work.closed += 1


@pytest.mark.parametrize(("runner", "workers", "ahead"), [("local", 1, 0), ("local", 1, 2), ("simulated", 4, 0)])
def test_runners(results: Results, runner: Any, workers: int, ahead: int) -> None:
    work = Resumes()
    with results.driving():
        progress = run(make(results, look_ahead=ahead), work, Resources(workers), runner)
    assert (progress.finished, progress.paused, progress.done) == (True, 0, 18)
    check(results)
    assert sorted(work.trained) == sorted((r.trial, line["epoch"]) for r in trained(results) for line in r.curve)
    assert work.closed == len(work.opened) > 18
    assert all(r.seconds == 0.5 * r.epochs for r in trained(results))


def test_what_was_reached_at_each_rung_is_written_with_the_trial(results: Results) -> None:
    with results.driving():
        run(make(results), Resumes(), runner="local")
        trials = results.study("candidate", ["maximize", "minimize"]).get_trials()
    for record in trained(results):
        known = {
            str(line["epoch"]): [line["accuracy"], record.values["latency_ms"]]
            for line in record.curve
            if line["epoch"] in (1, 2)
        }
        assert trials[record.trial].user_attrs[RUNGS] == known
        promoted = next((epoch for epoch in ("2", "1") if record.epochs > int(epoch)), None)
        assert trials[record.trial].user_attrs.get(PROMOTED) == promoted


def test_who_goes_on_from_a_rung_without_a_pause_is_running(results: Results) -> None:
    with results.driving(), make(results, scheduling="stop") as engine:
        candidate = engine.take()
        assert candidate is not None
        for epoch, rung in ((1, "1"), (2, "2"), (3, "2")):
            assert engine.report(candidate.trial, {"epoch": epoch, "accuracy": 0.5})
            trials = results.study("candidate", ["maximize", "minimize"]).get_trials()
            assert trials[candidate.trial].user_attrs[PROMOTED] == rung
        found = History.of(trials, [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE], {}, None, {})
        assert (len(found.running), len(found.hints)) == (1, 2)


def test_who_was_promoted_before_the_search_was_stopped_goes_on(results: Results) -> None:
    with results.driving(), make(results) as engine:
        for accuracy in (0.6, 0.7):
            candidate = engine.take()
            assert candidate is not None
            engine.report(candidate.trial, {"epoch": 1, "accuracy": accuracy})
    with results.driving():
        study = results.study("candidate", ["maximize", "minimize"])
        first = next(trial for trial in study.get_trials() if RUNGS in trial.user_attrs)
        study._storage.set_trial_user_attr(first._trial_id, PROMOTED, "1")
    with results.driving(), make(results) as engine:
        again = engine.take()
    assert again is not None
    assert (again.trial, again.epochs) == (first.number, 2)


@pytest.mark.parametrize("runner", ["local", "simulated"])
def test_what_cannot_be_compared_at_rungs_trains_to_the_end(results: Results, runner: Any) -> None:
    work = Resumes(only_at_the_end=True)
    with results.driving():
        run(make(results, trials=4), work, runner=runner)
        trials = results.study("candidate", ["maximize", "minimize"]).get_trials()
    assert [(r.state, r.epochs) for r in trained(results)] == [("complete", 4)] * 4
    assert not any(RUNGS in trial.user_attrs for trial in trials)


@pytest.mark.parametrize("runner", ["local", "simulated"])
@pytest.mark.parametrize("stop_after", [0, 3, 8, 17, 25])
def test_a_search_that_was_stopped_goes_on_with_those_that_pause(
    results: Results, runner: Any, stop_after: int
) -> None:
    class Gone(BaseException):
        """Stands in for kill -9."""

    def tick(progress: Progress) -> None:
        if len(work.trained) >= stop_after:
            raise Gone

    work = Resumes()
    with results.driving(), pytest.raises(Gone):
        run(make(results), work, runner=runner, on_progress=tick, every_s=0)
    assert all(r.state in ("running", "complete", "infeasible", "duplicate") for r in results.records())
    with results.driving():
        run(make(results), work, runner=runner)
    check(results)
    assert sorted(work.trained) == sorted((r.trial, line["epoch"]) for r in trained(results) for line in r.curve)


class Killed(BaseException):
    """Stands in for kill -9: nothing after it is written."""


@pytest.mark.parametrize("at", range(5, 120, 6))
def test_killed_at_any_write(results: Results, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Every line of the journal may be the last."""
    real, count = JournalWriter.append_logs, 0

    def append(self: JournalWriter, logs: list[dict[str, Any]]) -> None:
        nonlocal count
        count += 1
        if count > at:
            raise Killed
        real(self, logs)

    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "append_logs", append)
        with results.driving(), pytest.raises(Killed):
            run(make(results, trials=9), Resumes(), runner="local")
    before = {r.trial: r for r in results.records() if r.state != "running"}
    work = Resumes()
    with results.driving():
        run(make(results, trials=9), work, runner="local")
        trials = results.study("candidate", ["maximize", "minimize"]).get_trials()
    check(results, 9)
    records = {r.trial: r for r in results.records()}
    assert all(records[number] == record for number, record in before.items())
    for record in trained(results):
        assert trials[record.trial].user_attrs[RUNGS].keys() == {str(at) for at in (1, 2) if at <= record.epochs}


def test_more_trials_later_leave_those_that_were_stopped(results: Results) -> None:
    with results.driving():
        run(make(results, trials=9), Resumes(), runner="local")
    first = results.records()
    with results.driving():
        run(make(results, trials=18), Resumes(), runner="local")
    assert results.records()[: len(first)] == first
    assert len(trained(results)) == 18
    assert all(r.state in ("complete", "pruned") for r in trained(results))


def test_several_trainers_wait_for_those_that_may_be_promoted(results: Results) -> None:
    def work(engine: Engine) -> None:
        while (candidate := engine.take(wait=True)) is not None:
            for epoch in range(1, candidate.epochs + 1):
                if not engine.report(candidate.trial, {"epoch": epoch, "accuracy": accuracy(candidate.job(), epoch)}):
                    break

    with results.driving(), make(results, look_ahead=3) as engine:
        threads = [threading.Thread(target=work, args=(engine,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.finished
        assert engine.drained
    assert {r.state for r in trained(results)} == {"complete", "pruned"}
    assert len(trained(results)) == 18


def test_a_preference_chooses_among_those_within_the_budgets() -> None:
    asked: list[list[int]] = []

    def prefer(trials: Sequence[int]) -> int | None:
        asked.append(sorted(trials))
        return max(trials)

    promotions = Promotions(Rungs((1, 3), 2))
    for trial, (gain, excess) in enumerate([(0.9, 0.0), (0.5, 0.0), (0.8, 0.0), (1.0, 2.0)]):
        promotions.enter(trial, 1, (gain,), excess)
    assert promotions.next(range(4), prefer=prefer) == 2
    promotions.promote(2)
    assert promotions.next([0, 1, 3]) == 0
    promotions.promote(0)
    assert promotions.next([1, 3], prefer=prefer) is None
    assert asked == [[0, 1, 2]]
