from __future__ import annotations

import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.measure import DeviceLock
from nas.measure.lock import folder

SCRIPT = Path(__file__).parent / "lock_processes.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAS_LOCK_DIR", str(tmp_path / "locks"))
    # The files are kept open per thread; those of an earlier test are in another folder.
    monkeypatch.setattr("nas.measure.lock._local", threading.local())
    return tmp_path / "locks"


@pytest.fixture
def start() -> Iterator:
    started: list[subprocess.Popen] = []

    def run(*words: object) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def ready(*processes: subprocess.Popen) -> list[str]:
    return [process.stdout.readline() for process in processes]


def events(process: subprocess.Popen) -> list[tuple[str, list[float]]]:
    lines = process.stdout.read()
    assert process.wait(timeout=60) == 0
    return [(line.split()[0], [float(word) for word in line.split()[1:]]) for line in lines.splitlines()]


def test_nobody_steps_or_measures_while_somebody_measures_and_nobody_starves(start):
    trainers = [start("trainer", 4.0, 0.03 + 0.01 * i) for i in range(3)]
    ready(*trainers)
    measurers = [start("measurer", 5, 0.05, *limit) for limit in ((), (), (30.0,))]
    ready(*measurers)
    measured = [times for process in measurers for _, times in events(process)]
    steps = [times for process in trainers for kind, times in events(process) if kind == "step"]
    assert len(measured) == 15
    spans = sorted((began, ended) for began, ended, _ in measured)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    for began, ended in spans:
        assert not any(step[0] < ended and began < step[1] for step in steps)
    # Steps overlap without a gap, yet all fifteen measurements of 50 ms got through, and so did steps between them.
    assert max(began - asked for began, _, asked in measured) < 3.5
    between = [step for step in steps if spans[0][1] < step[0] < spans[-1][0]]
    assert len(between) > 5


def test_measurers_take_turns(start):
    with DeviceLock("cpu").exclusive():
        queue = [start("measurer", 12, 0.01) for _ in range(5)]
        ready(*queue)
        time.sleep(0.3)  # they have said that they ask; now they do
    found = [[began for _, (began, *_) in events(process)] for process in queue]
    order = [number for _, number in sorted((began, i) for i, times in enumerate(found) for began in times)]
    places = [[place for place, number in enumerate(order) if number == i] for i in range(5)]
    assert all(times[0] < 15 for times in places)
    assert all(b - a <= 20 for times in places for a, b in itertools.pairwise(times))  # 5 where all are as quick


def test_who_waits_without_a_limit_stands_in_the_kernels_queue(monkeypatch):
    def awake(seconds: float) -> None:
        raise AssertionError("it must not look again and again, which would disturb who measures")

    lock, order = DeviceLock("cpu"), []

    def measure() -> None:
        with lock.exclusive():
            order.append("second")

    with lock.exclusive():
        thread = threading.Thread(target=measure)
        thread.start()
        time.sleep(0.1)
        monkeypatch.setattr("nas.measure.lock.time.sleep", awake)
        thread.join(0.1)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_whoever_waited_has_a_step_before_the_next_measurement():
    """Also where it is slow to wake: the second measurement stands ready when the first one ends."""
    lock, order = DeviceLock("cpu"), []
    first, second = (threading.Event() for _ in range(2))

    def train() -> None:
        first.wait(5)
        with lock.step():
            order.append("step")

    def measure() -> None:
        second.wait(5)
        with lock.exclusive():
            order.append("measure")

    threads = [threading.Thread(target=work) for work in (measure, train)]
    for thread in threads:
        thread.start()
    with lock.exclusive():
        second.set()  # it asks first, and holds the place of who is next
        time.sleep(0.2)
        first.set()
        time.sleep(0.2)
    for thread in threads:
        thread.join(5)
    assert order == ["step", "measure"]


@pytest.mark.parametrize("held", ["measure", "step"])
def test_a_killed_holder_blocks_nobody(start, held):
    holder = start("hold", held)
    ready(holder)
    lock = DeviceLock("cpu")
    with pytest.raises(DeviceError, match=r"must end within 0\.1 s"), lock.exclusive(timeout=0.1):
        pass
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with lock.exclusive(timeout=5):
        assert time.monotonic() - began < 1
    with lock.step():
        pass


def test_whoever_is_killed_while_waiting_blocks_nobody(start):
    holder = start("hold", "step")
    ready(holder)
    waiting = [start("wait") for _ in range(3)]
    ready(*waiting)
    time.sleep(0.2)  # one waits for the device with the turnstile closed, the others queue
    for process in waiting:
        process.send_signal(signal.SIGKILL)
        process.wait()
    began = time.monotonic()
    with DeviceLock("cpu").step():
        assert time.monotonic() - began < 1
    holder.kill()
    holder.wait()
    with DeviceLock("cpu").exclusive(timeout=2):
        pass


def test_kills_at_ten_random_moments(start):
    rng, nursery = random.Random(5), start("nursery")
    for _ in range(10):
        nursery.stdin.write("next\n")
        nursery.stdin.flush()
        victims = [int(word) for word in nursery.stdout.readline().split()]
        time.sleep(rng.uniform(0, 0.05))
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        assert nursery.stdout.readline() == "dead\n"
        with DeviceLock("cpu").exclusive(timeout=2):
            pass
        with DeviceLock("cpu").step():
            pass


def test_a_fork_does_not_hold_what_its_parent_held(start):
    parent = start("fork")
    child = int(ready(parent)[0].split()[1])
    try:
        parent.kill()
        parent.wait()
        with DeviceLock("cpu").exclusive(timeout=2):
            os.kill(child, 0)  # it is still there
    finally:
        os.kill(child, signal.SIGKILL)


def test_threads_of_one_process_count_for_themselves():
    lock, order = DeviceLock("cpu"), []
    inside, go_on = threading.Event(), threading.Event()

    def train() -> None:
        with lock.step():
            inside.set()
            go_on.wait(5)
            order.append("step")

    thread = threading.Thread(target=train)
    thread.start()
    inside.wait(5)
    with lock.step():  # shared: both step at once, and leaving one does not free the other
        pass
    with pytest.raises(DeviceError, match="training steps on cpu must end"), lock.exclusive(timeout=0.05):
        pass
    go_on.set()
    with lock.exclusive(timeout=5):
        order.append("measure")
    thread.join()
    assert order == ["step", "measure"]


def test_steps_nest_and_mixing_them_with_measuring_is_an_error_not_a_deadlock():
    lock = DeviceLock("cpu")
    with lock.step(), lock.step():
        pass
    with lock.step(), pytest.raises(DeviceError, match="in a training step"), lock.exclusive():
        pass
    with lock.exclusive():
        with pytest.raises(DeviceError, match="is measuring"), lock.step():
            pass
        with pytest.raises(DeviceError, match="in a measurement"), lock.exclusive():
            pass
    with lock.exclusive(timeout=1):
        pass


def test_an_error_inside_gives_the_lock_back():
    lock = DeviceLock("cpu")
    with pytest.raises(ZeroDivisionError), lock.exclusive():
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), lock.step():
        _ = 1 / 0
    with lock.exclusive(timeout=1):
        pass


def test_devices_do_not_wait_for_each_other():
    with DeviceLock("cpu").exclusive(), DeviceLock("cuda-0").exclusive(timeout=1), DeviceLock("cuda-1").step():
        pass


def test_a_copy_sent_to_another_process_is_the_same_lock():
    lock = pickle.loads(pickle.dumps(DeviceLock("cpu")))
    assert lock.name == "cpu"
    with lock.exclusive(), pytest.raises(DeviceError, match="in a measurement"), DeviceLock("cpu").exclusive():
        pass


def test_files_belong_to_everybody(locks):
    before = os.umask(0o077)
    try:
        with DeviceLock("cpu").step():
            pass
    finally:
        os.umask(before)
    assert folder() == locks
    assert locks.stat().st_mode & 0o7777 == 0o1777
    assert {file.name for file in locks.iterdir()} == {"cpu.next", "cpu.waiting", "cpu.turnstile", "cpu.device"}
    assert all(file.stat().st_mode & 0o777 == 0o666 for file in locks.iterdir())


def test_a_folder_that_was_cleaned_up_is_made_anew(locks):
    lock = DeviceLock("cpu")
    for use in (lock.step, lock.exclusive, lock.exclusive, lock.step):
        with use():
            pass
        for file in locks.iterdir():
            file.unlink()
    with lock.step():
        assert {file.name for file in locks.iterdir()} == {"cpu.next", "cpu.waiting", "cpu.turnstile", "cpu.device"}


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAS_LOCK_DIR", str(tmp_path / "file" / "locks"))
    with pytest.raises(DeviceError, match="let NAS_LOCK_DIR name a folder"), DeviceLock("cpu").step():
        pass
    with pytest.raises(DeviceError, match="must be letters, digits"):
        DeviceLock("../cpu")


def test_a_link_in_place_of_a_lock_file_is_not_followed(locks, tmp_path):
    locks.mkdir()
    (locks / "cpu.next").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeviceError, match=r"cpu\.next must be there for everybody"), DeviceLock("cpu").step():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_step_costs_less_than_50_microseconds():
    lock, seconds = DeviceLock("cpu"), []
    for _ in range(2000):
        began = time.perf_counter()
        with lock.step():
            pass
        seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[1000] < 50e-6
