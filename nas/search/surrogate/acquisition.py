"""How much a network is expected to add to the front: expected hypervolume improvement, of any number of objectives.

Objectives are positive, small is better, and each is log-normal by itself. The improvement is the integral, over what
no point of the front dominates, of the probability to dominate that place too (M. Emmerich et al., 2016:
A multicriteria generalization of Bayesian global optimization). That region is cut into boxes, so the integral is a
sum of products. With one objective this is the expected improvement.
"""

from __future__ import annotations

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


def expected_improvement(mean: Matrix, deviation: Matrix, front: Matrix, reference: Matrix) -> Matrix:
    """Of each row of `mean` and `deviation`, (n, objectives), both of the logarithm.

    `front` are points, (m, objectives), of which those beyond the `reference` point do not count.
    """
    objectives = len(reference)
    inside = np.unique(front[(front < reference).all(1)], axis=0)
    inside = _thinned(inside[non_dominated(inside)], _MOST_POINTS.get(objectives, _FEW_POINTS))
    ends = [np.unique(np.append(inside[:, axis], reference[axis])) for axis in range(objectives)]
    # Row 0 is the lower end of all boxes, which nothing is below.
    below = [
        np.vstack([np.zeros(len(mean)), *(_shortfall(end, mean[:, axis], deviation[:, axis]) for end in ends[axis])])
        for axis in range(objectives)
    ]
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


def _shortfall(end: float, mean: Matrix, deviation: Matrix) -> Matrix:
    """The expectation of how far a log-normal value stays below `end`."""
    z = (np.log(end) - mean) / deviation
    found: Matrix = end * ndtr(z) - np.exp(mean + deviation**2 / 2) * ndtr(z - deviation)
    return np.maximum(found, 0.0)


def _thinned(front: Matrix, most: int) -> Matrix:
    """At most so many points, evenly along the first objective, both ends among them."""
    if len(front) <= most:
        return front
    order = np.argsort(front[:, 0])
    return np.asarray(front[order[np.linspace(0, len(front) - 1, most).round().astype(int)]])
