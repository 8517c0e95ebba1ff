"""The actor that trains: a class Trainable of Ray Tune around a session of the study's work."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import pickle
import sys
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from nas.errors import NasError, StoreError
from nas.schedule.reason import reason_of
from nas.schedule.work import Job, Session, Work

# Keys of what a step returns: a report, the end of the session, or why it failed.
REPORT, ENDED, FAILED, STOPPED = "nas_report", "nas_ended", "nas_failed", "nas_stopped"

# How long to wait for a trainer that an earlier driver left behind; Ray ends it within seconds.
PATIENCE_S = 60.0


def pack(job: Job) -> str:
    """A job as short text: Tune keeps several copies of every trial's configuration."""
    return base64.b85encode(zlib.compress(json.dumps(job).encode())).decode()


def unpack(text: str) -> Job:
    """The job that `pack` packed."""
    job: Job = json.loads(zlib.decompress(base64.b85decode(text)))
    return job


class Trainer(Trainable):
    """One job after the other in one process; every step is an epoch. All state that lasts is in the job's folder."""

    def setup(self, config: dict[str, Any], work: bytes = b"", path: Sequence[str] = ()) -> None:
        # The driver's import path: work may come from a folder that only the driver was told of.
        sys.path.extend(entry for entry in path if entry not in sys.path)
        self._packed = work
        self._work: Work | None = None
        self._session: Session | None = None
        self._lines: Iterator[Mapping[str, Any]] | None = None
        self._lock: int | None = None
        self._done = False
        self._job = unpack(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._done = False
        self._job = unpack(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        if self._done:
            return {ENDED: True}
        try:
            if self._lines is None:
                self._lines = self._open()
            line = next(self._lines, None)
            if line is not None and line.get("epoch", 0) >= self._job["epochs"]:
                # Tune may keep this process idle for long, and another one may be told to go on with the network.
                self._done = True
                self.cleanup()
        except StoreError as error:  # not the network's fault, and the next one would fare no better: a full disk
            return {STOPPED: str(error)}
        except Exception as error:
            with contextlib.suppress(OSError):
                (Path(self._job["folder"]) / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            return {FAILED: reason_of(error)}
        return {ENDED: True} if line is None else {REPORT: json.dumps(dict(line), default=float)}

    def cleanup(self) -> None:
        session, self._session, self._lines = self._session, None, None
        try:
            if session is not None:
                session.close()
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing to do: a session goes on from its folder."""

    def _open(self) -> Iterator[Mapping[str, Any]]:
        if self._work is None:
            self._work = pickle.loads(self._packed)
        self._lock = hold(Path(self._job["folder"]))
        self._session = self._work.open(self._job)
        return iter(self._session)


def hold(folder: Path) -> int:
    """The exclusive lock of a trial's folder, so that a trainer without a driver and its successor never both write.

    Returns a file descriptor; closing it (or dying) gives the lock back. Raises `NasError` after a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "trainer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise NasError(
                    f"a trial must be trained by one process, but another one has held {folder} for {PATIENCE_S:.0f} s"
                ) from None
            time.sleep(0.1)
