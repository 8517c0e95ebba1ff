"""What the lock's tests run in processes of their own: `python lock_processes.py ROLE ...`, one line for each event."""

from __future__ import annotations

import os
import sys
import time

from nas.measure.lock import DeviceLock


def say(*words: object) -> None:
    print(*words, flush=True)


def trainer(seconds: float, step: float) -> None:
    """Steps without a gap between them."""
    lock, until = DeviceLock("cpu"), time.monotonic() + seconds
    say("ready")
    while time.monotonic() < until:
        with lock.step():
            began = time.monotonic()
            time.sleep(step)
            say("step", began, time.monotonic())


def measurer(times: int, seconds: float, limit: float = 0.0) -> None:
    """Measures again and again; with a limit on its patience it looks, without one it stands in the queue."""
    lock = DeviceLock("cpu")
    say("ready")
    for _ in range(times):
        asked = time.monotonic()
        with lock.exclusive(timeout=limit or None):
            began = time.monotonic()
            time.sleep(seconds)
            say("measure", began, time.monotonic(), asked)


def hold(how: str) -> None:
    """Holds, or waits for, the lock until killed."""
    lock = DeviceLock("cpu")
    with lock.step() if how == "step" else lock.exclusive():
        say("ready")
        time.sleep(1000)


def wait() -> None:
    say("ready")
    with DeviceLock("cpu").exclusive():
        time.sleep(1000)


def fork() -> None:
    """Forks while holding the lock, and dies; the child lives on, and must not hold what its parent held."""
    with DeviceLock("cpu").exclusive():
        if os.fork() == 0:
            say("ready", os.getpid())
            time.sleep(1000)
        time.sleep(1000)


def nursery() -> None:
    """For each line on standard input, a measurer and a trainer to be killed: forked, which is quicker than started."""
    for _ in sys.stdin:
        children = []
        for work in (lambda: measurer(10**6, 0.001), lambda: trainer(60.0, 0.002)):
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                work()
            children.append(child)
        say(*children)
        for child in children:
            os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    role, *given = sys.argv[1:]
    if role in ("trainer", "measurer"):
        {"trainer": trainer, "measurer": measurer}[role](*(float(word) if "." in word else int(word) for word in given))
    else:
        {"hold": hold, "wait": wait, "fork": fork, "nursery": nursery}[role](*given)
