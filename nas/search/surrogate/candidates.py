"""What may be asked for: the whole space where it can be listed, else offspring of the best and fresh draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from nas.search.history import Key, as_key
from nas.search.sources import Matrix, Params, Source, drawn, everything, values_of, walked
from nas.search.surrogate.views import Rows

Places = NDArray[np.int64]

LISTED = 20_000  # spaces up to this size are looked at as a whole
_KEPT = 2000  # candidates that are remembered from one ask to the next
_AT_LARGE = 300  # draws that stand for the space
_FRESH, _OFFSPRING = 50, 150  # candidates that are added by an ask
_MIXED = 0.25  # of the offspring are of two parents


class Candidates:
    """Grows from ask to ask, and drops what promises least.

    `rows` and their `scores`, as they were when last looked at, go together. `at_large` are draws at random.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        found = everything(source, LISTED)
        self.whole = found is not None
        self.rows = Rows(found or [])
        self._keys = [as_key(row) for row in self.rows.params]
        self._known = set(self._keys)
        self.scores: Matrix = np.full(len(self.rows), np.inf)
        rng = random.Random(0)
        self.at_large = Rows([walked(source, rng) for _ in range(_AT_LARGE)])

    def grow(self, parents: Sequence[Params], rng: random.Random) -> None:
        """Add fresh draws, and networks near `parents` that differ in a few answers or take after two of them."""
        if self.whole:
            return
        added = [self.source.fresh(rng) for _ in range(_FRESH)]
        if parents:
            added += [self._child(parents, rng) for _ in range(_OFFSPRING)]
        new = []
        for row in added:
            key = as_key(row)
            if key not in self._known:
                self._known.add(key)
                self._keys.append(key)
                new.append(row)
        self.rows = self.rows.followed_by(new)
        self.scores = np.append(self.scores, np.full(len(new), np.inf))

    def open(self, asked: frozenset[Key], among: Places | None = None) -> Places:
        """The places of those that were not asked for yet."""
        looked_at = range(len(self.rows)) if among is None else among
        return np.array([place for place in looked_at if self._keys[place] not in asked], int)

    def looked_at(self, places: Places, most: int, rng: random.Random) -> Places:
        """At most so many of these places: those that scored best last time or never, and a third at random."""
        if len(places) <= most:
            return places
        order = places[np.argsort(-self.scores[places], kind="stable")]
        best = most - most // 3
        return np.append(order[:best], np.array(rng.sample(order[best:].tolist(), most // 3), int))

    def keep(self, order: Places) -> Places:
        """Forget all but the first of these places when there are many; gives the new places of those that stay."""
        if self.whole or len(self.rows) <= _KEPT:
            return order
        kept = order[: _KEPT // 2]
        self.rows = self.rows.only(kept)
        self._keys = [self._keys[place] for place in kept]
        self._known = set(self._keys)
        self.scores = self.scores[kept]
        return np.arange(len(kept))

    def _child(self, parents: Sequence[Params], rng: random.Random) -> dict[str, Any]:
        parent = dict(rng.choice(parents))
        if rng.random() < _MIXED:
            other = rng.choice(parents)
            parent |= {name: value for name, value in other.items() if rng.random() < 0.5}
        changes = 1
        while rng.random() < 0.4:
            changes += 1
        changed = set(rng.sample(sorted(parent), min(changes, len(parent))))

        def draw(name: str, distribution: BaseDistribution) -> Any:
            if name not in parent:
                return drawn(distribution, rng)
            return _other(distribution, parent[name], rng) if name in changed else parent[name]

        return self.source.walk(draw)


def _other(distribution: BaseDistribution, value: Any, rng: random.Random) -> Any:
    """Another value; of numbers often the next one."""
    values = values_of(distribution)
    if values is None:
        new = drawn(distribution, rng)
        return new if rng.random() < 0.5 else value + (new - value) * 0.1
    if not isinstance(distribution, CategoricalDistribution) and rng.random() < 0.5:
        at = min(range(len(values)), key=lambda index: abs(values[index] - value)) + rng.choice((-1, 1))
        return values[min(len(values) - 1, max(0, at))]
    others = [other for other in values if other != value or type(other) is not type(value)]
    return rng.choice(others) if others else value
