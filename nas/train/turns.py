"""Gives way to who measures: stays in a pause's context over short steps, and leaves it often enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

import torch

Pause = Callable[[], AbstractContextManager[Any]]

# Entering and leaving costs 30 microseconds between steps, when none of its code is in the caches: 1 % of a step of
# 3 ms. Who measures waits this much longer.
TURN_S = 0.02


class Turns:
    """Around a loop of steps, each of which calls `step` before it computes.

    `pause` gives a context that may wait on being entered. It is entered before the first step, and left and entered
    again before a step once `TURN_S` seconds have passed in it; on leaving, all that was queued on `device` is done.
    Between steps the loop must do nothing but compute, for others wait meanwhile.
    """

    def __init__(self, pause: Pause, device: torch.device) -> None:
        self._pause, self._device = pause, device
        self._inside: AbstractContextManager[Any] | None = None
        self._since = 0.0

    def step(self) -> float:
        """Seconds that this waited for others."""
        asked = time.perf_counter()
        if self._inside is not None:
            if asked - self._since < TURN_S:
                return 0.0
            self._leave()
            asked = time.perf_counter()
        inside = self._pause()
        inside.__enter__()
        self._inside, self._since = inside, time.perf_counter()
        return self._since - asked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inside is not None:
            self._leave()

    def _leave(self) -> None:
        inside, self._inside = self._inside, None
        assert inside is not None
        try:
            if self._device.type == "cuda" and self._pause is not nullcontext:
                torch.cuda.synchronize(self._device)  # what was only queued would run into the measurement
        finally:
            inside.__exit__(None, None, None)
