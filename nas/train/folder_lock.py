"""One trainer a folder: an exclusive lock that dies with its process, so that an orphan and its successor never mix."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

from nas.errors import StoreError

LOCK_NAME = "train.lock"


class FolderLock:
    """Holds `folder/train.lock` from construction to `release`, or until the object or the process is gone.

    Waits up to `wait_s` seconds for another trainer (one that outlived its driver, say), then raises `StoreError`.
    """

    def __init__(self, folder: Path, wait_s: float = 0.0) -> None:
        self.path = folder / LOCK_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"a trial's folder must be writable, but {self.path} is not: {error.strerror}") from error
        self._close = weakref.finalize(self, os.close, descriptor)
        deadline = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                self._close()
                raise StoreError(
                    f"only one process may train a trial, but process {owner} is training {folder} "
                    f"(waited {wait_s:g} s); wait until it ends, or end it, then start again"
                )
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        self._close()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
