"""From counts to a matrix a level: one column an operator, in units in which one more operator is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nas.measure.predictor.counts import COUNT, Counts
from nas.measure.predictor.regression import Array

# How far an operator's effect may lie from what coarser levels say, relative to the first level.
SCALES = (1.0, 0.7, 0.4)
PRIOR = "prior:ms"


def scale_of(level: int, decay: float) -> float:
    """The prior scale of a level: its usual one times `decay` for each level below the first."""
    return SCALES[min(level, len(SCALES) - 1)] * decay**level


@dataclass(frozen=True)
class Design:
    """The columns of a set of networks: for each level a place for every name, and a unit for every measure.

    The unit is the mean amount of an operator, so that "one more operator" and "as many MACs as one more operator has"
    weigh the same.
    """

    places: tuple[dict[str, int], ...]
    units: dict[str, float]

    @classmethod
    def of(cls, networks: Sequence[Counts], units: dict[str, float] | None = None) -> Design:
        """A column for every name in these networks; `units` instead of their own."""
        places: tuple[dict[str, int], ...] = tuple({} for _ in networks[0].levels)
        for network in networks:
            for known, level in zip(places, _levels(network), strict=True):
                if not level.keys() <= known.keys():
                    for name in level:
                        known.setdefault(name, len(known))
        return cls(places, units if units is not None else _units(networks))

    @cached_property
    def _column_units(self) -> list[Array]:
        return [self._units_of(places) for places in self.places]

    def _units_of(self, names: Iterable[str]) -> Array:
        return np.array([self.units.get(name.partition(":")[0], 1.0) for name in names])

    def matrices(self, networks: Sequence[Counts]) -> list[tuple[Array, Array]]:
        """For each level the amounts (networks, columns), and the sum of squares of what has no column (networks)."""
        found = []
        for index, (places, units) in enumerate(zip(self.places, self._column_units, strict=True)):
            matrix = np.zeros((len(networks), len(places)))
            rest = np.zeros(len(networks))
            for row, network in enumerate(networks):
                level = _levels(network)[index]
                at = [places.get(name, -1) for name in level]
                if -1 in at:
                    new = [name for name in level if name not in places]
                    rest[row] = np.sum((np.array([level[name] for name in new]) / self._units_of(new)) ** 2)
                    matrix[row, [place for place in at if place >= 0]] = [
                        amount for amount, place in zip(level.values(), at, strict=True) if place >= 0
                    ]
                else:
                    matrix[row, at] = list(level.values())
            found.append((matrix / units, rest))
        return found


def _levels(network: Counts) -> tuple[Mapping[str, float], ...]:
    """The network's levels; what is known before measuring is a column too, for it may be too low or high all over."""
    if network.prior_ms is None:
        return network.levels
    return ({**network.levels[0], PRIOR: network.prior_ms}, *network.levels[1:])


def _units(networks: Sequence[Counts]) -> dict[str, float]:
    totals: dict[str, float] = {COUNT: 0.0}
    for network in networks:
        for name, amount in _levels(network)[0].items():
            measure = name.partition(":")[0]
            totals[measure] = totals.get(measure, 0.0) + amount
    each = {
        measure: total / (len(networks) if measure == "prior" else totals[COUNT] or 1.0)
        for measure, total in totals.items()
    }
    return {measure: unit if unit > 0 else 1.0 for measure, unit in each.items()}


def gram_of(grams: Sequence[Array], decay: float) -> Array:
    """The prior covariance of networks: that of each level by its scale."""
    return np.sum([scale_of(level, decay) ** 2 * gram for level, gram in enumerate(grams)], axis=0)


def centred(gram: Array, weights: Array) -> Array:
    """The covariance of weighted rows after the weighted mean of all columns was taken off."""
    middle = gram @ (weights**2 / (weights @ weights))
    shifted = gram - middle[:, None] - middle + middle @ (weights**2 / (weights @ weights))
    return shifted * np.outer(weights, weights)


def side_by_side(matrices: Sequence[tuple[Array, Array]], decay: float) -> tuple[Array, Array]:
    """All columns times the scale of their level, and the prior variance of what has no column."""
    scales = [scale_of(level, decay) for level in range(len(matrices))]
    columns = np.concatenate([scale * matrix for scale, (matrix, _) in zip(scales, matrices, strict=True)], axis=1)
    return columns, np.sum([scale**2 * rest for scale, (_, rest) in zip(scales, matrices, strict=True)], axis=0)
