"""From a network to better ones: by steps at random while these help, then by neighbours while any is better."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

from nas.search.gates import Gates
from nas.search.moves import Moves
from nas.search.priced import Priced, price
from nas.search.spaces import Space

_STEPS = 6  # at random, times the decisions
_NEIGHBOURS = 500  # looked at for one step


def descend(space: Space, gates: Gates, start: Priced, badness: Callable[[Priced], Any], deadline: float) -> Priced:
    """A network on the way down that has no better neighbour, or where time ran out.

    `badness` is what to compare by, smaller is better; `deadline` is by `time.monotonic`.
    """
    best = _stepped(space, gates, start, badness, deadline)
    while True:
        around = []
        for decisions in itertools.islice(space.neighbours(best.decisions), _NEIGHBOURS):
            if (priced := price(space, gates, decisions)) is not None:
                around.append(priced)
            if time.monotonic() > deadline:
                break
        better = min(around, key=badness, default=best)
        if badness(better) >= badness(best) or time.monotonic() > deadline:
            return best
        best = better


def _stepped(space: Space, gates: Gates, best: Priced, badness: Callable[[Priced], Any], deadline: float) -> Priced:
    moves, rng = Moves(space), random.Random(0)
    for _ in range(_STEPS * len(moves)):
        step = moves.step(best.decisions, rng)
        priced = price(space, gates, step[0]) if step is not None else None
        if priced is not None and badness(priced) < badness(best):
            best = priced
        if time.monotonic() > deadline:
            break
    return best
