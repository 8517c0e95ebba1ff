"""What a person sees of a study that runs: lines in a log, time left in `nas status`."""

from __future__ import annotations

import time

import pytest

from nas.cli.live import LiveProgress
from nas.search import Engine, FixedProposals
from nas.store import Record, Results
from nas.study import status


def progress(tmp_path):
    """The progress of a study that has nothing to do."""
    results = Results(tmp_path / "r")
    with (
        results.driving(),
        Engine(results, FixedProposals([], "baseline"), price=lambda plan: {}, objectives=["minimize macs"]) as engine,
    ):
        return engine.progress()


def test_a_log_says_nothing_twice(tmp_path, capsys):
    with LiveProgress("title") as live:
        for _ in range(3):
            live.update(progress(tmp_path))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("baselines")]
    assert len(lines) == 1
    assert "done in" in lines[0]


def candidate(state, finished=None):
    return Record(0, state, finished=finished)


def test_time_left_goes_by_the_pace_of_the_live_driver():
    since = time.time() - 100
    old = [candidate("complete", since - 1000)] * 2
    new = [candidate("complete", since + 10), candidate("pruned", since + 90)]
    assert status._seconds_left([*old, *new, candidate("running")], 10, since) == pytest.approx(300, rel=0.05)
    assert status._seconds_left([*old, *new], 10, None) is None
    assert status._seconds_left(old, 10, since) is None
    assert status._seconds_left(new, 2, since) is None
