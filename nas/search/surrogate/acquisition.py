"""How much a network is expected to add to the front: expected hypervolume improvement, of any number of objectives.

Objectives are at least zero, small is better, and each is believed by itself. The improvement is the integral, over
what no point of the front dominates, of the probability to dominate that place too (M. Emmerich et al., 2016:
A multicriteria generalization of Bayesian global optimization). That region is cut into boxes, so the integral is a
sum of products. With one objective this is the expected improvement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import moocore
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nas.search.sources import Matrix

# More boxes than can be summed in time come of large fronts in many dimensions; these many points are kept.
_MOST_POINTS = {1: 1, 2: 1000, 3: 40, 4: 16}
_FEW_POINTS = 8


def non_dominated(points: Matrix) -> NDArray[np.bool_]:
    """Which rows no other row is nowhere worse than and somewhere better (small is better)."""
    return np.asarray(moocore.is_nondominated(points)) if len(points) else np.zeros(0, bool)


class Belief(Protocol):
    """What is believed of one objective of many networks."""

    def shortfall(self, end: float) -> Matrix:
        """The expectation of how far each value stays below `end`."""
        ...


@dataclass(frozen=True)
class Normal:
    """Means and standard deviations of normal values; what would be below zero counts as zero."""

    mean: Matrix
    deviation: Matrix

    def shortfall(self, end: float) -> Matrix:
        return np.maximum(self._below(end) - self._below(0.0), 0.0)

    def _below(self, end: float) -> Matrix:
        z = (end - self.mean) / self.deviation
        return np.asarray((end - self.mean) * ndtr(z) + self.deviation * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class LogNormal:
    """Means and standard deviations of the logarithm of positive values."""

    mean: Matrix
    deviation: Matrix

    def shortfall(self, end: float) -> Matrix:
        z = (np.log(end) - self.mean) / self.deviation
        worth: Matrix = end * ndtr(z) - np.exp(self.mean + self.deviation**2 / 2) * ndtr(z - self.deviation)
        return np.maximum(worth, 0.0)


def expected_improvement(beliefs: Sequence[Belief], front: Matrix, reference: Matrix) -> Matrix:
    """Of each network that there are `beliefs` of, one an objective.

    `front` are points, (m, objectives), of which those beyond the `reference` point do not count.
    """
    objectives = len(reference)
    inside = np.unique(front[(front < reference).all(1)], axis=0)
    inside = _thinned(inside[non_dominated(inside)], _MOST_POINTS.get(objectives, _FEW_POINTS))
    ends = [np.unique(np.append(inside[:, axis], reference[axis])) for axis in range(objectives)]
    below = []
    for belief, each in zip(beliefs, ends, strict=True):
        found = np.stack([belief.shortfall(end) for end in each])
        below.append(np.vstack([np.zeros_like(found[:1]), found]))  # row 0: the lower end of all boxes
    places = np.stack([np.searchsorted(ends[axis], inside[:, axis]) + 1 for axis in range(objectives)], axis=1)
    return _integral(places, below, [len(each) for each in ends])


def _integral(points: NDArray[np.int64], below: list[Matrix], tops: list[int]) -> Matrix:
    """Over what `points` leave free, slab by slab of the last axis; points and tops are rows of `below`."""
    *rest, last = below
    if not rest:
        return np.asarray(last[points[:, 0].min() if len(points) else tops[0]])
    total, floor = np.zeros(last.shape[1]), 0
    for end in (*np.unique(points[:, -1]).tolist(), tops[-1]):
        slab = last[end] - last[floor]
        total += slab * _integral(points[points[:, -1] <= floor][:, :-1], rest, tops[:-1])
        floor = end
    return total


def _thinned(front: Matrix, most: int) -> Matrix:
    """At most so many points, evenly along the first objective, both ends among them."""
    if len(front) <= most:
        return front
    order = np.argsort(front[:, 0])
    return np.asarray(front[order[np.linspace(0, len(front) - 1, most).round().astype(int)]])
