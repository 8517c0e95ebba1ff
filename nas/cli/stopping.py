"""Lets a termination signal stop a long command as Ctrl-C does: cleanly, with what is finished kept."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN_S = 0.05


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside the block SIGTERM, which schedulers and containers send, raises `KeyboardInterrupt`.

    Python drops what is raised while it frees an object; where that was this, or Ctrl-C's, it is raised again.
    """
    dropped = _Dropped()
    before = signal.signal(signal.SIGTERM, _interrupt)
    hook, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        try:
            dropped.end()
        finally:
            signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Dropped:
    """Takes the place of `sys.unraisablehook`: an interruption is made again a little later, the rest goes on to it."""

    def __init__(self) -> None:
        self._otherwise = sys.unraisablehook
        self._again: threading.Timer | None = None

    def __call__(self, unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._otherwise(unraisable)
            return
        if self._again is not None and self._again.is_alive():
            return  # it is on its way
        to = threading.get_ident()
        self._again = threading.Timer(_AGAIN_S, lambda: signal.pthread_kill(to, signal.SIGTERM))
        self._again.start()

    def end(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again.join()
