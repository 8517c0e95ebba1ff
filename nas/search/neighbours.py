"""Neighbour moves: one parameter has another value, what that opens is drawn, what it closes is gone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from nas.search.history import Key, as_key
from nas.search.sources import Params, Source, drawn, everything, values_of

_STEPS = (0.1, 0.01)  # of a number of many values, both ways
_MANY = 32  # values of a number, beyond which steps are made instead of trying all
_FILLS = 8  # draws of what a move opens, in search of one that can be built
_FRESH = 200  # draws in search of one that was not asked for
_LISTED = 20_000  # spaces up to this size are looked through where draws find nothing


def others(distribution: BaseDistribution, value: Any) -> list[Any]:
    """The other values; of a number with very many, a small and a larger step on both sides."""
    values = values_of(distribution)
    if values is not None and (
        len(values) <= _MANY or not isinstance(distribution, IntDistribution | FloatDistribution)
    ):
        return [other for other in values if other != value or type(other) is not type(value)]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [
        other for step in _STEPS for sign in (-1, 1) if (other := _stepped(distribution, value, sign * step)) != value
    ]


def _stepped(distribution: IntDistribution | FloatDistribution, value: float, step: float) -> float:
    """A number this share of its range away, at least one of its steps."""
    low, high = distribution.low, distribution.high
    if distribution.log:
        moved = math.exp(math.log(value) + step * (math.log(high) - math.log(low)))
    else:
        moved = value + step * (high - low)
    width = distribution.step
    if width is not None:
        steps = round((moved - low) / width)
        here = round((value - low) / width)
        steps = steps if steps != here else here + (1 if step > 0 else -1)
        moved = low + width * steps
        moved = round(moved) if isinstance(distribution, IntDistribution) else moved
    return min(high, max(low, moved))


def moves(source: Source, params: Params, asked: frozenset[Key], rng: random.Random) -> Iterator[dict[str, Any]]:
    """All neighbours that were not asked for and are not known to be in vain, in random order.

    What a move opens is drawn, but always the same, so that a point has a fixed number of neighbours.
    """
    wanted = [
        (name, value)
        for name, distribution in source.distributions.items()
        if name in params
        for value in others(distribution, params[name])
    ]
    rng.shuffle(wanted)
    for name, value in wanted:
        found = _moved(source, params, asked, name, value)
        if found is not None:
            yield found


def _moved(source: Source, params: Params, asked: frozenset[Key], changed: str, value: Any) -> dict[str, Any] | None:
    """The neighbour that has this value, None where it was asked for, or none that can be built is found."""
    rng = random.Random(f"{changed}={value!r}")
    for _ in range(_FILLS):
        opened = False

        def draw(name: str, distribution: BaseDistribution) -> Any:
            nonlocal opened
            if name == changed:
                return value
            if name in params:
                return params[name]
            opened = True
            return drawn(distribution, rng)

        found = source.walk(draw)
        if as_key(found) in asked:
            return None
        if source.allows(found):
            return found
        if not opened:
            return None
    return None


def unasked(source: Source, asked: frozenset[Key], rng: random.Random) -> dict[str, Any]:
    """A draw at random that was not asked for, as long as there is one that can be found."""
    for _ in range(_FRESH):
        found = source.fresh(rng)
        if as_key(found) not in asked and source.allows(found):
            return found
    left = [row for row in everything(source, _LISTED) or () if as_key(row) not in asked]
    rng.shuffle(left)
    return next((row for row in left if source.allows(row)), found)
