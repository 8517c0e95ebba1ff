"""kill -9 of the driver and of trainers at random moments: nothing is lost, left behind, or done twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from nas.store import Record, Results
from nas.store.files import read_lines

PROGRAM = Path(__file__).with_name("slow_work.py")
KILLS = 10
FINISHED = ("complete", "pruned", "failed", "infeasible", "duplicate")


def start(folder: Path, runner: str, trials: int, seconds: float, scheduling: str = "stop") -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), str(folder), runner, str(trials), str(seconds), scheduling]
    with (folder.parent / "driver.out").open("a") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def finish(driver: subprocess.Popen[bytes], folder: Path) -> None:
    driver.wait(timeout=240)
    assert driver.returncode == 0, (folder.parent / "driver.out").read_text()[-3000:]


def outcome(record: Record) -> tuple[object, ...]:
    return (record.state, record.arch_id, record.values.get("accuracy"), tuple(record.decisions.items()))


def finished(folder: Path) -> dict[int, tuple[object, ...]]:
    return {record.trial: outcome(record) for record in Results(folder).records() if record.state in FINISHED}


def check_end(folder: Path, trials: int, before: dict[int, tuple[object, ...]]) -> None:
    records = Results(folder).records()
    now = {record.trial: outcome(record) for record in records}
    assert {trial: now[trial] for trial in before} == before, "a finished trial was lost or changed"
    assert [r.trial for r in records if r.state == "running"] == []
    entered = [r for r in records if r.gate is None]
    assert Counter(r.state for r in entered).keys() <= {"complete", "pruned"}, [r.reason for r in entered]
    assert len(entered) == trials
    assert len({r.folder for r in entered}) == trials, "a network was evaluated twice"
    for record in entered:
        epochs = [line["epoch"] for line in read_lines(folder / "trials" / record.folder / "trained.jsonl")]
        assert len(set(epochs)) >= len(record.curve) > 0
        # The epoch that a kill cut short may have begun twice; one that was saved never does.
        repeats = {epoch: count for epoch, count in Counter(epochs).items() if count > 1}
        assert sum(count - 1 for count in repeats.values()) <= 1, (record.folder, epochs)


def wait_for_training(folder: Path, since: float, driver: subprocess.Popen[bytes]) -> None:
    """Until a trainer has begun (or taken up again) a trial."""

    def begun() -> bool:
        with contextlib.suppress(FileNotFoundError):
            return any(pid.stat().st_mtime > since for pid in folder.glob("trials/*/pid"))
        return False

    while not begun() and driver.poll() is None:
        time.sleep(0.02)


def kill_drivers(
    folder: Path,
    runner: str,
    trials: int,
    seconds: float,
    startup: float,
    rng: random.Random,
    scheduling: str = "stop",
) -> None:
    """Half of the kills at any moment from the start, half at any moment of training."""
    kept: dict[int, tuple[object, ...]] = {}
    survived = 0
    for turn in range(KILLS):
        since = time.time()
        driver = start(folder, runner, trials, seconds, scheduling)
        if turn % 2:
            wait_for_training(folder, since, driver)
        try:
            driver.wait(timeout=rng.uniform(0.0, 1.5 if turn % 2 else startup))
            survived += 1
        except subprocess.TimeoutExpired:
            os.kill(driver.pid, signal.SIGKILL)
            driver.wait()
        now = finished(folder)
        assert kept.items() <= now.items(), "a finished trial was lost or changed"
        kept = now
    assert survived <= KILLS // 2, "the study must still be going on while it is killed"
    finish(start(folder, runner, trials, seconds, scheduling), folder)
    check_end(folder, trials, kept)


def test_kill_driver_of_the_local_runner(tmp_path: Path) -> None:
    kill_drivers(tmp_path / "study", "local", 40, 0.05, 2.5, random.Random(1))


@pytest.mark.slow
def test_kill_driver_that_promotes(tmp_path: Path) -> None:
    kill_drivers(tmp_path / "study", "local", 60, 0.05, 2.5, random.Random(4), "promote")


@pytest.mark.slow
@pytest.mark.parametrize("scheduling", ["stop", "promote"])
def test_kill_driver_of_ray(tmp_path: Path, scheduling: str) -> None:
    kill_drivers(tmp_path / "study", "ray", 24, 0.4, 9.0, random.Random(2), scheduling)


@pytest.mark.slow
def test_kill_trainers_of_ray(tmp_path: Path) -> None:
    folder, trials, rng = tmp_path / "study", 20, random.Random(3)
    driver = start(folder, "ray", trials, 1.0)
    killed, kills = 0, Counter[Path]()
    deadline = time.monotonic() + 200
    while killed < KILLS and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(rng.uniform(0.5, 3.0))
        # Not one network four times: that is meant to fail.
        pids = [pid for pid in sorted(folder.glob("trials/*/pid")) if kills[pid] < 3]
        if pids:
            pid = rng.choice(pids)
            try:
                os.kill(int(pid.read_text()), signal.SIGKILL)
                kills[pid] += 1
                killed += 1
            except (FileNotFoundError, ProcessLookupError, ValueError):
                continue
    assert killed == KILLS
    finish(driver, folder)
    check_end(folder, trials, {})
