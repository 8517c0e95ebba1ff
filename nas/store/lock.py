"""One driver at a time: an exclusive lock on the results folder that a dead process cannot keep."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nas.errors import StoreError
from nas.store.files import writing

# A process that looks whether somebody drives (`is_held`), or one that is just dying, holds the lock for a moment.
PATIENCE_S = 0.5


class DriverLock:
    """An flock on `path`, held from `acquire` to `release` (or while in `with`).

    The operating system gives it back when its process dies, however it dies. What the holder forks does not hold it.
    `acquire` raises `StoreError` that names the host and process holding it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        os.register_at_fork(after_in_child=self._forget)

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> None:
        if self._fd is not None:
            raise StoreError(f"results folder {self.path.parent} is already being written by this very process")
        with writing(self.path):
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        patience = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > patience:
                    os.close(fd)
                    raise StoreError(self._held_by(holder(self.path))) from None
                time.sleep(0.05)
            except OSError as error:
                os.close(fd)
                raise StoreError(f"the file system of {self.path} must support locks, but {error.strerror}") from error
        self._fd = fd
        with writing(self.path):
            text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()})
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode(), 0)

    def release(self) -> None:
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            self._forget()

    def _forget(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _held_by(self, other: dict[str, Any]) -> str:
        who = f"process {other['pid']} on {other['host']}" if other else "another process"
        since = f" since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(other['since']))}" if other else ""
        return (
            f"results folder {self.path.parent} must have one writer at a time, but {who} has been writing it{since}; "
            "wait until it is done, stop it, or choose another folder with --out"
        )

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder(path: Path) -> dict[str, Any]:
    """Who wrote the lock file last: `pid`, `host` and `since`; empty when it was given back in order."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {"pid": int(data["pid"]), "host": str(data["host"]), "since": float(data["since"])}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def is_held(path: Path) -> bool:
    """Whether a live process holds the lock now; asks without taking it away from anybody."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(fd)
