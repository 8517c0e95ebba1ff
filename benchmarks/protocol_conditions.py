"""What else runs on the machine while networks are measured: nothing, one busy core, two trainers under Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import ROOT
from benchmarks.latency_networks import SPACE

BUSY = "while True: sum(range(1000))"
NAS = "import sys; from nas.cli import main; sys.exit(main())"
PATIENCE_S = 300.0  # until both trainers have trained an epoch
LONG = 100_000  # trials and epochs, more than anybody waits for


@contextmanager
def quiet(device: str) -> Iterator[None]:
    """Nothing of ours."""
    yield


@contextmanager
def busy(device: str) -> Iterator[None]:
    """One process that computes all the time, wherever the scheduler puts it. It knows of no lock."""
    other = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        other.kill()
        other.wait()


@contextmanager
def trainers(device: str) -> Iterator[None]:
    """A study that trains two networks at a time under Ray, on the device that is measured, each step under its lock.

    They pause while this tool measures. Of other timers they know nothing, and compute on.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        study = Path(folder) / "study.yaml"
        study.write_text(yaml.safe_dump(_study(device)), encoding="utf-8")
        out = Path(folder) / "results"
        search = subprocess.Popen(
            [sys.executable, "-c", NAS, "search", str(study), "--out", str(out)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + PATIENCE_S
            while len(list(out.glob("trials/*/*.jsonl"))) < 2:
                if search.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise RuntimeError(f"two trainers must start, but: {said.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.5)
            yield
            if search.poll() is not None:
                raise RuntimeError("the trainers must run as long as is measured, but they ended before")
        finally:
            search.send_signal(signal.SIGINT)  # it stops the trainers and Ray
            try:
                search.wait(timeout=60)
            except subprocess.TimeoutExpired:
                search.kill()
                search.wait()


def _study(device: str) -> dict[str, Any]:
    return {
        "nas": 1,
        "name": "beside",
        "space": str(SPACE),
        "data": {"name": "digits", "resolution": 32, "channels": 3},
        "device": device,
        "objectives": ["maximize accuracy", "minimize macs"],
        "search": {"sampler": "random", "trials": LONG, "rungs": [LONG - 1]},
        "recipe": {"epochs": LONG, "batch_size": 64, "precision": "float32"},
        "run": {"concurrent": 2, "cpus": 1, "gpus": 0.5 if device.startswith("cuda") else 0},
        "finalists": {"count": 0},
    }


CONDITIONS: dict[str, Callable[[str], AbstractContextManager[None]]] = {
    "quiet": quiet,
    "busy": busy,
    "trainers": trainers,
}
