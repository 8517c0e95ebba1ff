"""A clock that invents times, so that every kind of disturbance can be had at will, in a moment, and repeatably."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nas.measure.clock import Run, Times

REFERENCE_S = 0.35e-3


@dataclass
class Simulated:
    """A run of the reference takes `REFERENCE_S` times `slow(now)` plus noise, one of the network `ratio` times that.

    `now` is simulated time in seconds. `model_only(now)` slows only the network. `taken(now, took)` is for how many
    seconds of a run that begins now and would take so long the processor is taken away; the clock sees them.
    """

    network: Run
    ratio: float = 3.0
    noise: float = 0.01
    slow: Callable[[float], float] = lambda now: 1.0
    model_only: Callable[[float], float] = lambda now: 1.0
    taken: Callable[[float, float], float] = lambda now, took: 0.0
    now: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def times(self, run: Run, skip: int, count: int) -> Times:
        base = REFERENCE_S * (self.ratio * self.model_only(self.now) if run is self.network else 1.0)
        seconds, taken_s = [], 0.0
        for i in range(skip + count):
            took = base * self.slow(self.now) * (1 + self.noise * self.rng.exponential())
            away = self.taken(self.now, took)
            self.now += took + away
            seconds.append(took + away)
            taken_s += away if i >= skip else 0.0
        return Times(seconds[skip:], taken_s)
