"""Workers on a simulated clock: order of reports, overlap, failures, and sessions given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import TinySpace, Trains, latency, price

from nas.schedule import Resources, run
from nas.search import Engine, Rungs, SpaceProposals, TooManyFailures
from nas.store import Record, Results
from nas.store.record import CLOCK


def simulate(folder: Path, work: Trains, workers: int, **options: Any) -> list[Record]:
    results = Results(folder)
    engine = Engine(
        results,
        SpaceProposals(TinySpace(), "random"),
        price=price,
        measure=latency,
        objectives=["maximize accuracy"],
        look_ahead=0,
        **{"trials": 6, "rungs": Rungs((4,)), **options},
    )
    with results.driving():
        run(engine, work, Resources(concurrent=workers), "simulated")
        return results.records()


def trained(records: list[Record]) -> list[Record]:
    return [r for r in records if r.gate is None and r.state != "duplicate"]


def test_one_worker_takes_one_after_the_other(tmp_path):
    """A made-up network trains for four epochs of half a second."""
    done = trained(simulate(tmp_path / "r", Trains(), 1))
    assert [r.values[CLOCK] for r in done] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert [line[CLOCK] for line in done[1].curve] == [2.5, 3.0, 3.5, 4.0]


def test_several_train_side_by_side(tmp_path):
    done = trained(simulate(tmp_path / "r", Trains(), 4))
    assert [r.values[CLOCK] for r in done] == [2.0, 2.0, 2.0, 2.0, 4.0, 4.0]


def test_what_a_rung_stops_frees_its_worker(tmp_path):
    work = Trains()
    done = trained(simulate(tmp_path / "r", work, 2, rungs=Rungs((1, 4)), trials=10))
    stopped = [r for r in done if r.state == "pruned"]
    assert stopped
    assert all(len(r.curve) == 1 and r.seconds == 0.5 for r in stopped)
    assert max(r.values[CLOCK] for r in done) < 10 * 2.0 / 2
    assert work.closed == len(work.opened) == 10


def test_a_failure_ends_its_trial_only(tmp_path):
    work = Trains(fail=lambda job: "no reason" if job["decisions"]["depth"] == 1 else None)
    done = trained(simulate(tmp_path / "r", work, 3, trials=12))
    failed = [r for r in done if r.state == "failed"]
    assert failed
    assert {r.reason for r in failed} == {"no reason"}
    assert len(done) == 12
    assert work.closed == len(work.opened)


def test_too_many_failures_end_the_search_and_close_what_is_open(tmp_path):
    work = Trains(fail=lambda job: "never" if job["trial"] != 0 else None)
    with pytest.raises(TooManyFailures, match="never"):
        simulate(tmp_path / "r", work, 2, trials=12)
    assert work.closed == len(work.opened)
