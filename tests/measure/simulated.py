"""A clock that invents times, so that every kind of disturbance can be had at will, in a moment, and repeatably."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nas.measure.clock import Run

REFERENCE_S = 0.35e-3


@dataclass
class Simulated:
    """A run of the reference takes `REFERENCE_S` times `slow(now)` plus noise, one of the network `ratio` times that.

    `now` is simulated time in seconds. `model_only(now)` slows only the network.
    """

    network: Run
    ratio: float = 3.0
    noise: float = 0.01
    slow: Callable[[float], float] = lambda now: 1.0
    model_only: Callable[[float], float] = lambda now: 1.0
    now: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def times(self, run: Run, skip: int, count: int) -> list[float]:
        base = REFERENCE_S * (self.ratio * self.model_only(self.now) if run is self.network else 1.0)
        seconds = []
        for _ in range(skip + count):
            took = base * self.slow(self.now) * (1 + self.noise * self.rng.exponential())
            self.now += took
            seconds.append(took)
        return seconds[skip:]
