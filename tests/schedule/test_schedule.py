"""Runners: Ray Tune and this process end the same way, fail the same way, and can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from slow_work import SlowWork
from tiny import TinySpace, latency, price

from nas.arch import Plan
from nas.errors import BudgetUnreachable, DeviceError, NasError, StoreError
from nas.schedule import Resources, cluster, join_at, run
from nas.schedule.reason import reason_of
from nas.search import Engine, Progress, Rungs, SpaceProposals, TooManyFailures
from nas.store import Record, Results
from nas.store.files import read_lines

PROGRAM = Path(__file__).with_name("slow_work.py")
TWO = Resources(concurrent=2, custom={"camera": 0.5})


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    with cluster(TWO):
        yield


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def make(results: Results, **options: Any) -> Engine:
    defaults = {
        "price": price,
        "measure": latency,
        "objectives": ["maximize accuracy", "minimize latency_ms"],
        "budgets": ["latency_ms <= 0.2", "macs <= 300000"],
        "rungs": Rungs((1, 2, 4)),
        "trials": 10,
    }
    return Engine(results, SpaceProposals(TinySpace(), "random"), **{**defaults, **options})


def entered(results: Results) -> list[Record]:
    return [r for r in results.records() if r.gate is None]


class Fragile(SlowWork):
    """Fails, each in its way, at some depths."""

    def open(self, job: Mapping[str, Any]) -> Any:
        match job["decisions"]["depth"]:
            case 1:
                raise NasError("the loss is\nnot a number")
            case 2:
                raise ZeroDivisionError("division by zero")
            case 3 if not (marker := Path(job["folder"]).parent / "died").exists():  # the first of them, once
                marker.touch()
                os._exit(9)
        return super().open(job)


def test_ray_and_failures(results: Results) -> None:
    seen: list[Progress] = []
    with results.driving():
        engine = make(results, trials=14, max_failures=99)
        progress = run(engine, Fragile(0.0), TWO, on_progress=seen.append, every_s=0)
    assert progress.finished
    assert progress.done == 14
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    records = entered(results)
    assert len(records) == len({r.folder for r in records}) == 14
    for record in records:
        expected = {1: "the loss is not a number", 2: "ZeroDivisionError: division by zero"}
        if reason := expected.get(record.decisions["depth"]):
            assert (record.state, record.reason) == ("failed", reason)
            assert "Traceback" in (results.trial_folder(record.folder) / "error.txt").read_text()
        else:
            assert record.state in ("complete", "pruned")
            assert [line["epoch"] for line in record.curve] == list(range(1, len(record.curve) + 1))
    assert {r.decisions["depth"] for r in records} == {1, 2, 3, 4}


def test_ray_goes_on_with_those_that_are_promoted(results: Results) -> None:
    with results.driving():
        progress = run(make(results, trials=12, scheduling="promote"), SlowWork(0.0), TWO)
    assert (progress.finished, progress.done, progress.paused) == (True, 12, 0)
    records = entered(results)
    assert {(r.state, r.rung, r.epochs) for r in records} == {("pruned", 0, 1), ("pruned", 1, 2), ("complete", 2, 4)}
    assert [sum(r.epochs >= epochs for r in records) for epochs in (1, 2, 4)] == [12, 4, 1]
    for record in records:
        assert [line["epoch"] for line in record.curve] == list(range(1, record.epochs + 1))
        trained = read_lines(results.trial_file(record.folder, "trained.jsonl"))
        assert [line["epoch"] for line in trained] == [line["epoch"] for line in record.curve]


class Deadly(SlowWork):
    """Kills its process, always."""

    def open(self, job: Mapping[str, Any]) -> Any:
        os._exit(9)


@pytest.mark.slow
def test_a_trial_that_always_kills_its_trainer_fails(results: Results) -> None:
    with results.driving():
        progress = run(make(results, trials=1), Deadly(0.0), TWO)
    assert (progress.failed, progress.finished) == (1, True)
    (record,) = entered(results)
    assert "its trainer died 4 times in an epoch" in (record.reason or "")


class Unwilling(SlowWork):
    """Cannot even be opened."""

    def open(self, job: Mapping[str, Any]) -> Any:
        raise NasError(f"no data for trial {job['trial']}")


@pytest.mark.parametrize("runner", ["ray", "local"])
def test_too_many_failures_stop_the_search(results: Results, runner: str) -> None:
    with results.driving(), pytest.raises(TooManyFailures, match="because: no data for trial"):
        run(make(results, max_failures=3), Unwilling(0.0), TWO, runner)
    assert 3 <= sum(r.state == "failed" for r in entered(results)) <= 5


@pytest.mark.parametrize("runner", ["ray", "local"])
def test_error_of_a_gate_stops_the_search(results: Results, runner: str) -> None:
    with results.driving(), pytest.raises(BudgetUnreachable):
        run(make(results, budgets=["macs <= 1"]), SlowWork(0.0), TWO, runner)
    assert entered(results) == []


class Full(SlowWork):
    """Finds the disk full once the next network is being measured."""

    def open(self, job: Mapping[str, Any]) -> Any:
        assert MEASURING.wait(30)
        raise StoreError("no space left")


MEASURING = threading.Event()


def test_who_measures_is_told_that_nobody_waits_before_it_is_waited_for(results: Results) -> None:
    left, told = threading.Event(), []

    @contextmanager
    def attended() -> Iterator[None]:
        try:
            yield
        finally:
            left.set()

    def measure(plan: Plan, budget_ms: float | None) -> Any:
        if (results.folder / "measured").exists():
            MEASURING.set()
            told.append(left.wait(20))
        (results.folder / "measured").touch()
        return latency(plan)

    with results.driving(), pytest.raises(StoreError, match="no space left"):
        run(make(results, measure=measure, budgets=[]), Full(), runner="local", attended=attended())
    assert told == [True]


def test_nothing_is_measured_before_somebody_waits_for_it(results: Results) -> None:
    there, attended_then = threading.Event(), []

    @contextmanager
    def attended() -> Iterator[None]:
        time.sleep(0.3)  # an engine that looks ahead would be measuring by now
        there.set()
        yield

    def measure(plan: Plan, budget_ms: float | None) -> Any:
        attended_then.append(there.is_set())
        return latency(plan)

    with results.driving():
        run(make(results, measure=measure, trials=2), SlowWork(0.0), runner="local", attended=attended())
    assert attended_then
    assert all(attended_then)


def test_progress_goes_on_while_nothing_is_ready(results: Results) -> None:
    shown, told = threading.Event(), []

    def measure(plan: Plan, budget_ms: float | None) -> Any:
        told.append(shown.wait(20))
        return latency(plan)

    with results.driving():
        engine = make(results, measure=measure, trials=1)
        run(engine, SlowWork(0.0), runner="local", on_progress=lambda progress: shown.set(), every_s=0)
    assert set(told) == {True}


def test_ray_prints_nothing_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    from ray._private.worker import print_to_stdstream

    print_to_stdstream({"lines": ["a node has been marked dead"], "pid": "raylet", "is_err": False}, False)
    assert capsys.readouterr() == ("", "")


def test_a_cluster_is_joined_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert join_at(None) is None
    assert join_at("auto") == "auto"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert join_at(None) == "10.0.0.1:6379"
    assert join_at("auto") == "auto"


def test_wrong_runner(results: Results) -> None:
    with results.driving(), pytest.raises(NasError, match="must be ray, local or simulated"):
        run(make(results), SlowWork(), TWO, "slurm")


def test_what_no_node_has_is_refused() -> None:
    with (
        pytest.raises(DeviceError, match=r"none has CPU 1 \(most on one node: 2\), GPU 1 \(most on one node: 0\)"),
        cluster(Resources(gpus=1)),
    ):
        pass


@pytest.mark.parametrize("wrong", [{"concurrent": 0}, {"cpus": -1}, {"gpus": 1.5}])
def test_wrong_resources(wrong: dict[str, Any]) -> None:
    with pytest.raises(NasError, match="resources: "):
        Resources(**wrong)


def test_a_cluster_that_does_not_answer() -> None:
    command = "from nas.schedule import Resources, cluster\nwith cluster(Resources(address='127.0.0.1:1')): pass"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert "NasError: Ray must be joined at 127.0.0.1:1, but" in done.stderr


def test_reason_is_one_line_that_fits() -> None:
    assert reason_of(NasError("a\n  b")) == "a b"
    assert reason_of(KeyError()) == "KeyError"
    assert len(reason_of(ValueError("x" * 9999))) == 500


@pytest.mark.parametrize("runner", ["local", "ray"])
def test_ctrl_c_leaves_what_can_go_on(tmp_path: Path, runner: str) -> None:
    results = Results(tmp_path / "study")
    command = [sys.executable, str(PROGRAM), str(results.folder), runner, "6", "0.3"]
    with (tmp_path / "out").open("w") as output:
        driver = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 60
        while len([r for r in results.records() if r.curve]) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(timeout=30) == -signal.SIGINT, (tmp_path / "out").read_text()
    assert "KeyboardInterrupt" in (tmp_path / "out").read_text()
    before = results.records()
    assert any(r.state == "running" for r in before)
    assert results.driver == {}
    with results.driving():
        progress = run(make(results, trials=6), SlowWork(0.0), runner="local")
    assert progress.finished
    assert len(entered(results)) == 6
    assert all(r.state != "running" for r in results.records())
