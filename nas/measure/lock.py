"""Who may use a device now: trainers share it step by step, who measures has it alone.

Four files a device in one folder of the host, locked with flock(2). The kernel gives a lock back when its holder
dies, however it dies, so nothing has to be cleaned up and nobody waits for the dead.

- `NAME.device` is held shared by every running step, and exclusively by who measures.
- `NAME.turnstile` is passed by every step on its way to the device, and closed by who measures before it waits for the
  device: steps under way end, no new ones begin, so overlapping trainers cannot keep a measurement waiting.
- `NAME.waiting` is held shared by every step that found the turnstile closed, until it has passed. Who measures next
  waits for that: between two measurements each trainer that waited has its step, however slow the machine is.
- `NAME.next` is where those who want to measure queue, in the kernel's order: who came first is first. Whoever has
  measured and wants to measure again queues behind who already stands there. With a time limit one does not stand in
  that queue, but looks again and again whether it is empty.

The folder is `$NAS_LOCK_DIR`, or else `/tmp/nas-locks`, and belongs to everybody: users of one host exclude each other.
Containers do only where they share that folder. It has to be on a local file system.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import random
import re
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from nas.errors import DeviceError

POLL_S = 0.002
LONGEST_POLL_S = 0.02


def folder() -> Path:
    """Where the lock files of this host are."""
    if given := os.environ.get("NAS_LOCK_DIR"):
        return Path(given)
    # Not $TMPDIR where there is a /tmp: batch systems give every job its own, and jobs would not see each other.
    shared = Path("/tmp")
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / "nas-locks"


class DeviceLock:
    """The lock of one device on this host; `name` is `Device.lock_name`.

    Cheap to make, to copy and to send to other processes. Every thread counts for itself, and so does every fork:
    a child never holds what its parent held.
    """

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise DeviceError(f"a device lock's name must be letters, digits, '.', '_' and '-', but got '{name}'")
        self.name = name
        self._step = _Step(name)

    def __reduce__(self) -> tuple[type[DeviceLock], tuple[str]]:
        return (DeviceLock, (self.name,))

    def step(self) -> AbstractContextManager[None]:
        """Held by a trainer while it computes one step; waits while somebody measures, or wants to.

        A step within a step of the same thread is part of it. Where nobody measures 5 microseconds in a loop, and some
        30 in the midst of training, where none of its code is in the caches.
        """
        return self._step

    def members(self) -> set[int]:
        """The processes that take part in this lock, this one among them, as far as the host shows them.

        They pause while somebody measures, so what they keep on the device meanwhile does not disturb.
        """
        path = (folder() / f"{self.name}.device").resolve()
        others = {int(process.name) for process in Path("/proc").glob("[0-9]*") if _has_open(process, path)}
        return others | {os.getpid()}

    @contextmanager
    def exclusive(self, timeout: float | None = None) -> Iterator[None]:
        """Held while measuring: every step on the device has ended, and none begins.

        Raises `DeviceError` when it is not granted within `timeout` seconds, or when this very thread is in a step.
        """
        files = _files(self.name)
        if files.depth or files.measuring:
            inside = "a training step" if files.depth else "a measurement"
            raise DeviceError(f"device {self.name} must be free to be measured, but this thread is in {inside} on it")
        until = math.inf if timeout is None else time.monotonic() + timeout
        try:
            self._close_turnstile(files, until, f"within {timeout:g} s" if timeout is not None else "")
            files.measuring = True
            yield
        finally:
            files.measuring = False
            for file in (files.device, files.turnstile, files.waiting, files.next):
                fcntl.flock(file, fcntl.LOCK_UN)

    def _close_turnstile(self, files: _Files, until: float, within: str) -> None:
        while True:
            _wait(files.next, until, f"others must finish measuring on {self.name} {within}, but they did not")
            busy = f"the measurement on {self.name} must end {within}, but it did not"
            _wait(files.turnstile, until, busy, fcntl.LOCK_SH)
            fcntl.flock(files.turnstile, fcntl.LOCK_UN)
            _wait(files.waiting, until, f"steps on {self.name} must have their turn {within}, but did not")
            fcntl.flock(files.waiting, fcntl.LOCK_UN)
            _wait(files.turnstile, until, busy)
            fcntl.flock(files.next, fcntl.LOCK_UN)
            _wait(files.device, until, f"training steps on {self.name} must end {within}, but one did not")
            if not files.gone:
                return
            files.open()


class _Step:
    """Enters and leaves a step; one object for all threads, so that a step makes no garbage."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        files = _files(self._name)
        if files.measuring:
            raise DeviceError(f"device {self._name} must be free for a step, but this thread is measuring on it")
        if files.depth == 0:
            if files.gone:
                files.open()
            _pass(files)
            try:
                fcntl.flock(files.device, fcntl.LOCK_SH)
            finally:
                fcntl.flock(files.turnstile, fcntl.LOCK_UN)
        files.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        files = _files(self._name)
        files.depth -= 1
        if files.depth == 0:
            fcntl.flock(files.device, fcntl.LOCK_UN)


def _pass(files: _Files) -> None:
    """Goes into the turnstile, as soon as it is open."""
    try:
        fcntl.flock(files.turnstile, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(files.waiting, fcntl.LOCK_SH)
        try:
            fcntl.flock(files.turnstile, fcntl.LOCK_SH)
        finally:
            fcntl.flock(files.waiting, fcntl.LOCK_UN)


class _Files:
    """The open lock files of one thread. A lock belongs to the open file, so no two threads may share one."""

    def __init__(self, name: str) -> None:
        self.depth = 0
        self.measuring = False
        self.all: tuple[int, ...] = ()
        self._name = name
        self.open()

    def open(self) -> None:
        self.close()
        self.all = self.next, self.waiting, self.turnstile, self.device = tuple(
            _open(folder() / f"{self._name}.{part}") for part in ("next", "waiting", "turnstile", "device")
        )
        _all.add(self)

    def close(self) -> None:
        files, self.all = self.all, ()
        for file in files:
            os.close(file)

    @property
    def gone(self) -> bool:
        """Whether somebody cleaned the folder up: others then lock new files, of which we know nothing."""
        return not (os.fstat(self.turnstile).st_nlink and os.fstat(self.device).st_nlink)

    def __del__(self) -> None:
        self.close()


_local = threading.local()
_all: weakref.WeakSet[_Files] = weakref.WeakSet()


def _files(name: str) -> _Files:
    """The calling thread's files, opened at the first use and closed with the thread."""
    try:
        return _local.files[name]
    except (AttributeError, KeyError):
        files = _Files(name)
        _local.__dict__.setdefault("files", {})[name] = files
        return files


def _forget() -> None:
    """In a forked child: closes the files of all the parent's threads, which would keep its locks alive after it."""
    for files in list(_all):
        files.close()
    _all.clear()
    _local.__dict__.pop("files", None)


os.register_at_fork(after_in_child=_forget)


def _open(path: Path) -> int:
    """The lock file, made for everybody where it is missing. Never follows a link that somebody put in its place."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o1777)
        # Opened first and made only if missing: the kernel may forbid O_CREAT on another user's file in such a folder.
        for _ in range(3):
            try:
                return os.open(path, os.O_RDWR | flags)
            except PermissionError:
                return os.open(path, os.O_RDONLY | flags)  # flock needs no more on a local file system
            except FileNotFoundError:
                try:
                    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
                except FileExistsError:
                    continue
                os.fchmod(file, 0o666)  # whatever the umask
                return file
        raise FileNotFoundError(errno.ENOENT, "it is removed as fast as it is made", str(path))
    except OSError as error:
        raise DeviceError(
            f"the lock file {path} must be there for everybody, but: {error.strerror}; "
            "let NAS_LOCK_DIR name a folder that can be written"
        ) from error


def _has_open(process: Path, path: Path) -> bool:
    """Whether a process of /proc has a file open; false for one that has ended, or is another user's."""
    with suppress(OSError):
        for file in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if file.readlink() == path:
                    return True
    return False


def _wait(file: int, until: float, complaint: str, how: int = fcntl.LOCK_EX) -> None:
    """Takes the lock; with a limit it tries again and again, because a waiting flock knows none."""
    if until == math.inf:
        fcntl.flock(file, how)
        return
    pause = POLL_S
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        if time.monotonic() >= until:
            raise DeviceError(complaint)
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(LONGEST_POLL_S, 1.2 * pause)
