"""Files of a results folder: whole or not there, and clear errors where they cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nas.errors import StoreError
from nas.store import files
from nas.store.lock import DriverLock, holder, is_held

HOLD = """
import sys, time
from pathlib import Path
from nas.store.lock import DriverLock
lock = DriverLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[bytes]:
    """A process that holds the lock."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    other.stdout.close()
    return other


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert files.read_json(path) is None
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_broken_json_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(StoreError, match=r"a\.json must be a readable JSON file"):
        files.read_json(path)


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    assert files.read_lines(path) == []
    files.append_line(path, {"epoch": 1})
    with path.open("a") as file:
        file.write('{"epoch": 2, "acc')
    assert files.read_lines(path) == [{"epoch": 1}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_said_in_words() -> None:
    with pytest.raises(StoreError, match="the disk is full"):
        files.append_line(Path("/dev/full"), {"a": 1})


def test_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        files.write_text(tmp_path / "file" / "a.json", "")


def test_lock_names_who_holds_it_and_ends_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "driver.lock"
    other = hold_elsewhere(path)
    try:
        assert is_held(path)
        assert holder(path)["pid"] == other.pid
        with pytest.raises(StoreError, match=rf"process {other.pid} on .* has been writing it since .*--out"):
            DriverLock(path).acquire()
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert not is_held(path)
    with DriverLock(path) as lock:
        assert lock.held
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert holder(path) == {}


def test_lock_is_not_inherited_by_a_fork(tmp_path: Path) -> None:
    path = tmp_path / "driver.lock"
    lock = DriverLock(path)
    lock.acquire()
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    try:
        lock.release()
        deadline = time.monotonic() + 4
        while is_held(path) and time.monotonic() < deadline:  # until the child has run at all
            time.sleep(0.01)
        assert not is_held(path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_same_process_may_not_take_it_twice(tmp_path: Path) -> None:
    with DriverLock(tmp_path / "lock") as lock, pytest.raises(StoreError, match="by this very process"):
        lock.acquire()
