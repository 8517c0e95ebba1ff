"""The interval of a share (an accuracy, a feasible part) seen in a number of tries."""

from __future__ import annotations

import math


def wilson(successes: float, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of `successes / trials` (1927); z is the normal quantile, 1.96 for 95%."""
    share, square = successes / trials, z * z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
