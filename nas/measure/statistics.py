"""From pairs of times to a ratio with an interval: the quietest pairs, the median of their log ratios, a bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST = 6  # pairs that count, however few there are
RESAMPLES = 400
TOUCHED = 0.01  # a pair from which more of its time than this was taken counts only where there are too few others


@dataclass(frozen=True)
class Pairs:
    """Log times of neighbouring blocks, each of shape (rounds, 2): two pairs a round, in the order they were run.

    `taken` is the share of their time for which our thread did not have the processor, of the same shape.
    """

    model: Array
    reference: Array
    taken: Array | None = None

    def __len__(self) -> int:
        return self.model.size

    @cached_property
    def ratio(self) -> Array:
        return self.model - self.reference

    @cached_property
    def effort(self) -> Array:
        """What the pairs are ranked by. The sum is orthogonal to the ratio: choosing small sums favours no ratio.

        Pairs from which time was taken come behind all others.
        """
        total = self.model + self.reference
        return total if self.taken is None else total + np.where(self.taken > TOUCHED, 1e3, 0.0)


def counted(size: int, keep: float) -> int:
    """How many of `size` pairs count: `keep` times the square root, so that more pairs also mean quieter ones."""
    return min(size, max(FEWEST, round(keep * math.sqrt(size))))


def quietest(pairs: Pairs, keep: float) -> NDArray[np.bool_]:
    """Which pairs count, shape (rounds, 2): those in which both blocks together ran fastest."""
    count = counted(len(pairs), keep)
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[np.argpartition(pairs.effort, count - 1, axis=None)[:count]] = True
    return chosen.reshape(pairs.effort.shape)


def taken_of(pairs: Pairs, chosen: NDArray[np.bool_]) -> float:
    """The share of time that was taken from the middle one of the chosen pairs."""
    return 0.0 if pairs.taken is None else float(np.median(pairs.taken[chosen]))


def log_ratio(pairs: Pairs, keep: float) -> float:
    """The median log ratio of model to reference over the quietest pairs."""
    return float(np.median(pairs.ratio[quietest(pairs, keep)]))


def interval(pairs: Pairs, keep: float, confidence: float, seed: int) -> tuple[float, float]:
    """Bounds of `log_ratio` by the percentile bootstrap (Efron, 1979) over rounds, the choice of pairs repeated.

    Rounds, not pairs, are drawn anew: the two pairs of a round are too near in time to be independent.
    """
    rounds = len(pairs.model)
    draws = np.random.default_rng(seed).integers(0, rounds, (RESAMPLES, rounds))
    ratio = pairs.ratio[draws].reshape(RESAMPLES, -1)
    effort = pairs.effort[draws].reshape(RESAMPLES, -1)
    count = counted(len(pairs), keep)
    kept = np.argpartition(effort, count - 1, axis=1)[:, :count]
    medians = np.median(np.take_along_axis(ratio, kept, axis=1), axis=1)
    outside = (1 - confidence) / 2
    low, high = np.quantile(medians, [outside, 1 - outside])
    return float(low), float(high)


def widened(middle: float, bounds: tuple[float, float], floor: float) -> tuple[float, float]:
    """Bounds that hold an independent error of `floor` as well; always around the middle."""
    below, above = max(0.0, middle - bounds[0]), max(0.0, bounds[1] - middle)
    return middle - math.hypot(below, floor), middle + math.hypot(above, floor)


def drift(pairs: Pairs, keep: float) -> float:
    """The change of the log ratio from the first half of the quietest pairs to the second, in their order."""
    ratio = pairs.ratio[quietest(pairs, keep)]
    half = len(ratio) // 2
    return float(np.median(ratio[half:]) - np.median(ratio[:half]))
