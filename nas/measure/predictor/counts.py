"""What the predictor sees of a network: how often each operator occurs, coarse to fine, and how large they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nas.errors import NasError

COUNT = "count"  # the measure that every network has; others (MACs, elements) say how large its operators are


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of each operator a network has.

    `levels` run from coarse (the first, in which every operator of the network is counted exactly once) to fine; each
    maps `measure:name`, such as `count:mbconv` or `macs:mbconv`, to an amount. `kind` says who counted: networks of
    different kinds cannot be compared. `prior_ms` is what one knows before measuring, such as the sum of the times of
    its blocks measured alone, in ms.
    """

    kind: str
    levels: tuple[Mapping[str, float], ...]
    prior_ms: float | None = None

    def __post_init__(self) -> None:
        if not self.levels or not self.levels[0]:
            raise NasError(f"a network must have at least one operator to be predicted, but got none ({self.kind})")
        for level in self.levels:
            for name, amount in level.items():
                if not math.isfinite(amount):
                    raise NasError(f"the amount of {name} must be a finite number, but got {amount}")
        if self.prior_ms is not None and not (self.prior_ms > 0 and math.isfinite(self.prior_ms)):
            raise NasError(f"prior_ms must be a positive number of milliseconds, but got {self.prior_ms}")


def check_alike(networks: Iterable[Counts], like: Counts | None = None) -> None:
    """That all networks were counted in the same way, with or without a prior. Raises `NasError` that says where."""
    first = like
    for index, network in enumerate(networks):
        if first is None:
            first = network
        if (network.kind, len(network.levels)) != (first.kind, len(first.levels)):
            raise NasError(
                f"all networks of a predictor must be counted in the same way, but network {index} is {network.kind} "
                f"({len(network.levels)} levels), others are {first.kind} ({len(first.levels)} levels)"
            )
        if (network.prior_ms is None) != (first.prior_ms is None):
            raise NasError(
                f"all networks of a predictor must have a prior_ms or none, but network {index} has "
                f"{'none' if network.prior_ms is None else 'one'} and others differ"
            )


def without_prior(networks: Sequence[Counts]) -> list[Counts]:
    """The same networks, nothing known before measuring."""
    return [replace(each, prior_ms=None) if each.prior_ms is not None else each for each in networks]
