from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.measure import Device, calibration, contention, gpu
from nas.measure.calibration import Calibration
from nas.measure.priority import realtime, realtime_now

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's counters")


@needs_linux
def test_the_counters_of_the_kernel_are_told_as_shares():
    watch = contention.Watch(Device())
    sum(range(3_000_000))
    evidence = watch.stop()
    assert evidence["switches"] >= 0
    if Path("/proc/pressure/cpu").exists():
        assert 0 <= evidence["pressure"] <= 1.5
    assert 0 <= evidence.get("steal", 0) <= 1
    assert not contention.contended({**evidence, "steal": 0.0})


@needs_linux
def test_a_container_out_of_its_share_is_throttled(monkeypatch, tmp_path):
    monkeypatch.setattr(contention, "CGROUP", tmp_path)
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nnr_periods 9\nnr_throttled 3\n")
    watch = contention.Watch(Device())
    (tmp_path / "cpu.stat").write_text("usage_usec 9\nnr_periods 12\nnr_throttled 5\n")
    evidence = watch.stop()
    assert evidence["quota_throttled"] == 2
    assert contention.throttled(evidence)


@pytest.mark.parametrize(
    ("evidence", "contended", "throttled"),
    [
        ({"switches": 500, "pressure": 0.9}, False, False),
        ({"steal": 0.2}, True, False),
        ({"foreign_processes": 1}, True, False),
        ({"thermal_throttled": 2}, False, True),
        ({"gpu_throttled": True}, False, True),
    ],
)
def test_what_evidence_alone_proves(evidence, contended, throttled):
    assert contention.contended(evidence) == contended
    assert contention.throttled(evidence) == throttled


def driver(monkeypatch, tmp_path, script: str) -> None:
    """Puts a stand-in for nvidia-smi on PATH."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(gpu, "uuid_of", lambda index: "GPU-1")
    monkeypatch.setattr(gpu, "_seen", {})


def test_foreign_processes_and_slowdown_of_a_gpu(monkeypatch, tmp_path):
    driver(
        monkeypatch,
        tmp_path,
        f'case "$*" in *compute-apps*) echo {os.getpid()}; echo 77;; *clocks_event*) echo 0x0000000000000040;; esac',
    )
    assert gpu.state(0, "cuda-0") == {"foreign_processes": 1, "gpu_throttled": True}


def test_a_busy_gpu_at_its_power_cap_is_not_throttled(monkeypatch, tmp_path):
    script = 'case "$*" in *compute-apps*) ;; *clocks_event*) exit 6;; *) echo 0x0000000000000004;; esac'
    driver(monkeypatch, tmp_path, script)
    assert gpu.state(0, "cuda-0") == {"foreign_processes": 0, "gpu_throttled": False}


def test_without_a_driver_nothing_is_claimed(monkeypatch, tmp_path):
    driver(monkeypatch, tmp_path, "exit 9")
    assert gpu.state(0, "cuda-0") == {}
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(gpu, "_seen", {})
    assert gpu.state(0, "cuda-0") == {}


def test_in_a_container_one_unknown_process_is_taken_for_ours():
    ours = {os.getpid()}
    assert gpu.foreign({os.getpid(), 4}, ours) == 1
    assert gpu.foreign({999_999}, ours) == 0
    assert gpu.foreign({999_998, 999_999}, ours) == 1
    assert gpu.foreign({999_998, 999_999}, ours | {5}) == 0
    assert gpu.foreign(set(), ours) == 0


TRAINER = """
import subprocess
import sys
from nas.measure import DeviceLock
with DeviceLock("cuda-0").step():
    pass
print("paused", flush=True)
sys.stdin.read()
"""


def test_a_trainer_that_pauses_for_us_is_not_foreign_to_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("NAS_LOCK_DIR", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", TRAINER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"paused\n"
        script = f'case "$*" in *compute-apps*) echo {os.getpid()}; echo {trainer.pid};; *) echo 0x0;; esac'
        driver(monkeypatch, tmp_path, script)
        assert gpu.state(0, "cuda-0")["foreign_processes"] == 0
        monkeypatch.setattr(gpu, "_seen", {})
        assert gpu.state(0, "cuda-1")["foreign_processes"] == 1
        trainer.communicate()
    monkeypatch.setattr(gpu, "_seen", {})
    assert gpu.state(0, "cuda-0")["foreign_processes"] == 1


def test_realtime_priority_is_asked_for_and_given_back():
    before = os.sched_getscheduler(0)
    with realtime(True, whole_process=False) as granted:
        assert realtime_now() == granted
    assert os.sched_getscheduler(0) == before
    with realtime(False, whole_process=False) as granted:
        assert not granted
        assert not realtime_now()


def test_without_permission_it_goes_on_at_normal_priority(monkeypatch):
    def forbid(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", forbid)
    with realtime(True, whole_process=True) as granted:
        assert not granted


class TestCalibration:
    def test_it_is_kept_for_the_same_device_only(self):
        device = Device(threads=7)
        assert calibration.load(device) is None
        stored = Calibration(3.5e-4, time.time())
        assert calibration.store(device, stored)
        assert calibration.load(device) == stored
        assert calibration.load(Device(threads=7, batch=64)) == stored  # the reference has a batch of its own
        assert calibration.load(Device(threads=8)) is None

    def test_a_faster_moment_counts_once_it_was_seen_twice_a_while_apart(self):
        known = Calibration(1.0, 0.0)
        assert known.seen(0.99, 100.0) is known
        hinted = known.seen(0.93, 100.0)
        assert (hinted.seconds, hinted.hint) == (1.0, (0.93, 100.0))
        assert hinted.seen(0.92, 130.0) is hinted
        assert hinted.seen(1.01, 400.0) is hinted
        assert hinted.seen(0.94, 200.0) == Calibration(0.94, 200.0)
        assert hinted.seen(0.92, 200.0) == Calibration(0.93, 200.0)
        assert hinted.seen(0.92, 5000.0).hint == (0.92, 5000.0)  # not the same quiet spell: it begins anew

    def test_far_below_the_known_time_that_was_a_busy_device(self):
        assert Calibration(1.0, 0.0).seen(0.7, 100.0) == Calibration(0.7, 100.0)

    def test_a_hint_is_kept_for_other_processes(self):
        device = Device(threads=11)
        stored = Calibration(3.5e-4, time.time(), True, (3.3e-4, time.time()))
        assert calibration.store(device, stored)
        assert calibration.load(device) == stored

    def test_an_old_or_a_broken_one_does_not_hold(self):
        device = Device(threads=9)
        calibration.store(device, Calibration(1.0, time.time() - calibration.MOST_AGE_S - 1))
        assert calibration.load(device) is None
        for file in calibration.folder().iterdir():
            file.write_text("{")
        assert calibration.load(device) is None

    def test_a_folder_that_cannot_be_written_costs_only_the_memory(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert not calibration.store(Device(), Calibration(1.0, 1.0))
        assert calibration.load(Device()) is None


def test_gpu_state_asks_the_driver_by_the_uuid_of_the_visible_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"0{index}"))
    assert gpu.uuid_of(1) == "GPU-01"
