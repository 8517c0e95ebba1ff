"""What else is known of a network before it is trained, such as zero-cost proxies: dear, so asked of a few only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution

from nas.search.history import Key, as_key
from nas.search.sources import Params
from nas.search.surrogate.views import Rows, views_of

Feature = Callable[[Params], float]


class Described:
    """Parameters with features beside them. Each feature is asked for once a network.

    A feature counts by its place among those of the networks that are learnt from, for scores are of any scale and
    often very skewed. One that is not finite is left out.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], features: Mapping[str, Feature]) -> None:
        self._features = features
        self._known: dict[Key, dict[str, float]] = {}
        self._among = {name: np.zeros(0) for name in features}
        added = {_column(name): FloatDistribution(0.0, 1.0) for name in features}
        self.views = views_of({**distributions, **added})

    def learn(self, rows: Sequence[Params]) -> None:
        """Compare with these networks from now on."""
        found = [self._values(row) for row in rows]
        self._among = {name: np.sort([each[name] for each in found if name in each]) for name in self._features}

    def rows(self, params: Sequence[Params]) -> Rows:
        """One row for each."""
        return Rows([{**each, **self._places(each)} for each in params])

    def _places(self, row: Params) -> dict[str, Any]:
        return {_column(name): self._place(name, value) for name, value in self._values(row).items()}

    def _place(self, name: str, value: float) -> float:
        among = self._among[name]
        below, upto = (np.searchsorted(among, value, side) for side in ("left", "right"))
        return float(below + upto) / (2 * max(1, len(among)))

    def _values(self, row: Params) -> dict[str, float]:
        key = as_key(row)
        if key not in self._known:
            values = {name: _told(name, feature, row) for name, feature in self._features.items()}
            self._known[key] = {name: value for name, value in values.items() if math.isfinite(value)}
        return self._known[key]


def _told(name: str, feature: Feature, row: Params) -> float:
    value = feature(row)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"feature '{name}' must give a number, NaN where there is none, but gave {value!r} for {dict(row)}"
        ) from error


def _column(feature: str) -> str:
    """A name that no parameter has."""
    return f"<{feature}>"
