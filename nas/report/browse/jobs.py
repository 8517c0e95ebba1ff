"""Commands started from the page: one after the other, each a process of its own, until done or cancelled."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]
LINES = 400  # of output that are kept of each job
KEPT = 50  # ended jobs that are remembered
PATIENCE_S = 10.0  # from asking a process to end to killing it


@dataclass(frozen=True)
class Action:
    """Something that can be done to a chosen network: `command` gives the arguments of the program from a trial."""

    name: str
    label: str
    about: str
    command: Callable[[Path, str], Sequence[str]]


@dataclass
class Job:
    """One command with what it has printed so far."""

    number: int
    title: str
    argv: Sequence[str]
    folder: Path
    state: State = "waiting"
    code: int | None = None
    started: float | None = None
    ended: float | None = None
    output: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))

    def to_json(self) -> dict[str, Any]:
        took = (self.ended or time.time()) - self.started if self.started else None
        return {
            "number": self.number,
            "title": self.title,
            "state": self.state,
            "code": self.code,
            "seconds": took and round(took, 1),
            "output": "".join(self.output),
        }


class Jobs:
    """A queue that works on one job at a time in a thread of its own."""

    def __init__(self, program: Sequence[str]) -> None:
        self.program = program
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None
        self._change = threading.Condition()
        self._closing = False
        self._worker = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._worker.start()

    def add(self, title: str, arguments: Sequence[str], folder: Path) -> Job:
        """Queue a command; `arguments` are handed on as they are, no shell reads them."""
        with self._change:
            job = Job(next(self._numbers), title, [*self.program, *arguments], folder)
            self._jobs[job.number] = job
            ended = [n for n, each in self._jobs.items() if each.ended is not None]
            for number in ended[: max(0, len(ended) - KEPT)]:
                del self._jobs[number]
            self._change.notify_all()
        return job

    def list(self) -> list[dict[str, Any]]:
        with self._change:
            return [job.to_json() for job in self._jobs.values()]

    def cancel(self, number: int) -> bool:
        """Stop a job that waits or runs; False where there is no such one."""
        with self._change:
            job = self._jobs.get(number)
            if job is None or job.state not in ("waiting", "running"):
                return False
            was, job.state = job.state, "cancelled"
            process = self._process
            if was == "waiting":
                job.ended = time.time()
        if was == "running" and process is not None:
            threading.Thread(target=end, args=(process,), daemon=True).start()
        return True

    def close(self) -> None:
        """End what runs, forget what waits; comes back when no process is left."""
        with self._change:
            self._closing = True
            for job in self._jobs.values():
                if job.state in ("waiting", "running"):
                    job.state = "cancelled"
            process = self._process
            self._change.notify_all()
        if process is not None:
            end(process)
        self._worker.join(PATIENCE_S)

    def _next(self) -> Job | None:
        with self._change:
            while not self._closing:
                found = next((job for job in self._jobs.values() if job.state == "waiting"), None)
                if found is not None:
                    found.state, found.started = "running", time.time()
                    return found
                self._change.wait()
        return None

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                code = self._run(job)
            except OSError as error:
                job.output.append(f"{job.argv[0]} could not be started: {error}\n")
                code = 126
            with self._change:
                job.code, job.ended = code, time.time()
                if job.state == "running":
                    job.state = "done" if code == 0 else "failed"
                self._process = None

    def _run(self, job: Job) -> int:
        process = subprocess.Popen(
            job.argv,
            cwd=job.folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},  # so that its output is seen as it comes
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that all it starts can be ended with it
        )
        with self._change:
            self._process = process
            unwanted = job.state == "cancelled"
        if unwanted:
            end(process)
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                job.output.append(line)
        return process.wait()


def end(process: subprocess.Popen[str]) -> None:
    """Interrupt a process and all it started as Ctrl-C would, and kill what is left of them after a while."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
