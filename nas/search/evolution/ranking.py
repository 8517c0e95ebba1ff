"""Which trials are better: non-dominated layers with what is feasible first; and how crowded a place is.

K. Deb et al., 2002: A fast and elitist multiobjective genetic algorithm: NSGA-II.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import moocore
import numpy as np

from nas.search.history import Told


def ranked(told: Iterable[Told]) -> list[list[Told]]:
    """The front, what only it dominates, and so on; then what violates constraints, by how much.

    What has neither values nor a violated constraint, as what a rung stopped, is left out.
    """
    told = list(told)
    inside = [each for each in told if each.values is not None and each.feasible]
    layers: list[list[Told]] = []
    if inside:
        ranks = moocore.pareto_rank(np.array([each.values for each in inside]))
        layers = [
            [each for each, at in zip(inside, ranks, strict=True) if at == rank] for rank in range(ranks.max() + 1)
        ]
    outside = [each for each in told if not each.feasible]
    scales = _scales(outside)
    by_violation: dict[float, list[Told]] = {}
    for each in outside:
        by_violation.setdefault(_violation(each, scales), []).append(each)
    return layers + [by_violation[violation] for violation in sorted(by_violation)]


def crowding(layer: Sequence[Told]) -> dict[int, float]:
    """By trial number, how far apart its neighbours are along each objective, in ranges; the ends: infinite."""
    found = {each.number: 0.0 for each in layer}
    for axis in range(len(layer[0].values or ())):
        order = sorted(layer, key=lambda each: each.values[axis] if each.values is not None else math.inf)
        at = [each.values[axis] for each in order if each.values is not None]
        width = (at[-1] - at[0]) or 1.0
        found[order[0].number] = found[order[-1].number] = math.inf
        for index in range(1, len(order) - 1):
            found[order[index].number] += (at[index + 1] - at[index - 1]) / width
    return found


def _scales(outside: Sequence[Told]) -> dict[str, float]:
    """The usual excess of each constraint, which makes them comparable."""
    excesses: dict[str, list[float]] = {}
    for each in outside:
        for name, excess in each.constraints.items():
            if 0 < excess < math.inf:
                excesses.setdefault(name, []).append(excess)
    return {name: float(np.median(known)) for name, known in excesses.items()}


def _violation(each: Told, scales: Mapping[str, float]) -> float:
    return sum(excess / scales.get(name, 1.0) for name, excess in each.constraints.items() if excess > 0)
