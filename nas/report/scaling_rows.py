"""The networks of a scaling run, read from the plain rows that `nas scale` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TRIPLE = ("alpha", "beta", "gamma")
_NUMBERS = (
    *("s", *TRIPLE, "depth", "width", "resolution", "side"),
    *("params", "macs", "activations", "latency_ms", "accuracy"),
)
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "accuracy": ("low", "high"),
    "latency_ms": ("latency_low", "latency_high"),
}
_TITLES = {"depth": "depth alone", "width": "width alone", "resolution": "resolution alone"}


@dataclass(frozen=True)
class Scaled:
    """A network that scaling made. `values` and `bounds` lack what was not measured or is not a finite number.

    `method` is how it was made: `compound`, `depth`, `width`, `resolution`, `fast`, `grid`, `crossed`, or `base`.
    """

    name: str
    method: str
    values: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    accuracies: tuple[float, ...]


def scaled_networks(rows: Sequence[Mapping[str, Any]], *needed: str) -> list[Scaled]:
    """One network a row, without those that lack a value of `needed`."""
    found = [_network(row) for row in rows]
    return [network for network in found if all(name in network.values for name in needed)]


def method_title(method: str) -> str:
    """What a person calls a method: `depth alone`."""
    return _TITLES.get(method, method)


def finite(value: Any) -> float | None:
    """A number that can be drawn, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _network(row: Mapping[str, Any]) -> Scaled:
    values = {name: value for name in _NUMBERS if (value := finite(row.get(name))) is not None}
    bounds: dict[str, tuple[float, float]] = {}
    for name, (low_key, high_key) in _BOUNDS.items():
        low, high = finite(row.get(low_key)), finite(row.get(high_key))
        if name in values and low is not None and high is not None:
            bounds[name] = (low, high)
    seeds = tuple(value for item in row.get("accuracies") or () if (value := finite(item)) is not None)
    return Scaled(str(row.get("name", "")), str(row.get("method", "")), values, bounds, seeds)
