"""Spaces of digits whose networks take a known time."""

from __future__ import annotations

import numpy as np

POSITIONS, DIGITS = 12, 5


def networks(rng: np.random.Generator, count: int) -> list[str]:
    return ["".join(map(str, row)) for row in rng.integers(0, DIGITS, (count, POSITIONS))]


class Additive:
    """Each digit takes a time of its own, another one at each position, on top of a constant; in ms."""

    def __init__(self, rng: np.random.Generator, by_position: float = 0.3) -> None:
        self.times = 1 + rng.random(DIGITS) * 3 + by_position * rng.random((POSITIONS, DIGITS))

    def __call__(self, texts: list[str], rng: np.random.Generator | None = None, noise: float = 0.0) -> np.ndarray:
        exact = np.array([2 + sum(self.times[i, int(d)] for i, d in enumerate(text)) for text in texts])
        return exact if rng is None else exact * np.exp(rng.normal(0, noise, len(texts)))
