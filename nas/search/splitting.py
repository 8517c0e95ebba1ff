"""Draws from a rare set, and how rare it is, by splitting: levels that more and more draws have to reach.

Half of the draws are kept at each level, those that exceed budgets least. Copies of them take the place of the others
and walk on without going back above the level, so that the next half is within reach; the shares of all levels multiply
(H. Kahn and T. E. Harris, 1951; S. K. Au and J. L. Beck, 2001, "subset simulation"; F. Cérou and A. Guyader, 2007, for
levels that follow from the draws). The spread is told from how many of the first draws have descendants among the last
(A. Lee and N. Whiteley, 2018, "Variance estimation in the particle filter").
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.search.moves import Moves
from nas.search.priced import Priced

Price = Callable[[Mapping[str, Any]], Priced | None]
Badness = Callable[[Priced], float]

_STEPS = 12  # that a copy tries, whether or not it takes them: to stop at what is taken would favour what is not tight
_STUCK = 3  # rounds of steps without anything below the level
_RAREST = 1e-8  # a share below which only some network is of interest, which others find sooner


@dataclass(frozen=True)
class Split:
    """`reached` are draws from the set, empty where none was found; `nearest` is the least bad that was seen.

    `share` of draws are in the set, with the relative `variance` of this estimate.
    """

    reached: tuple[Priced, ...]
    nearest: Priced
    share: float
    variance: float
    looked_at: int


@dataclass(frozen=True)
class _Particle:
    priced: Priced
    bad: float
    eve: int  # which of the first draws it comes from


class Walker:
    """Takes steps of `moves`, only to what can be built and is no worse than a level."""

    def __init__(self, moves: Moves, price: Price, badness: Badness) -> None:
        self.moves = moves
        self.price = price
        self.badness = badness
        self.looked_at = 0

    def walk(self, here: Priced, level: float, rng: random.Random, steps: int) -> Priced:
        """Where so many steps lead, staying included. `here` is no worse than the level."""
        for _ in range(steps):
            step = self.moves.step(here.decisions, rng)
            if step is None or rng.random() >= step[1]:
                continue
            self.looked_at += 1
            there = self.price(step[0])
            if there is not None and self.badness(there) <= level:
                here = there
        return here


def split(
    first: Sequence[Priced], drawn: int, walker: Walker, rng: random.Random, *, size: int, deadline: float
) -> Split:
    """Splitting from the `first` of `drawn` draws (all that can be built, at least one) to what is not bad at all.

    Nothing is reached where no way leads on, where it is rarer than 1 in 1e8 draws, or where time is over (`deadline`
    by `time.monotonic`).
    """
    pool = [_Particle(priced, walker.badness(priced), eve) for eve, priced in enumerate(first)]
    total, level, share = drawn, float("inf"), 1.0
    spread, alone = 1.0, 0.0
    stuck = 0
    while True:
        cut = _cut(pool, level, min(size, max(1, len(pool) // 2)))
        nearest = min(pool, key=lambda particle: particle.bad)
        over = share < _RAREST or time.monotonic() > deadline
        if cut is None or over:
            if stuck == _STUCK or over:
                return Split((), nearest.priced, 0.0, 1.0, walker.looked_at)
            stuck += 1
            pool = [_moved(particle, level, walker, rng) for particle in pool]
            continue
        stuck = 0
        kept = [particle for particle in pool if particle.bad <= cut]
        passed = len(kept) / total
        share *= passed
        spread *= total / (total - 1) if total > 1 else 1.0
        alone += (1 - passed) / (passed * total)
        if cut <= 0:
            families = Counter(particle.eve for particle in kept)
            shared = sum((count / len(kept)) ** 2 for count in families.values())
            variance = max(alone, 1 - spread * (1 - shared))
        level = cut
        copies = [rng.choice(kept) for _ in range(size - len(kept))]
        pool = [*kept, *(_moved(copy, level, walker, rng) for copy in copies)]
        total = len(pool)
        if level <= 0:
            reached = tuple(_moved(particle, level, walker, rng).priced for particle in pool)
            return Split(reached, nearest.priced, share, variance, walker.looked_at)


def _cut(pool: Sequence[_Particle], level: float, keep: int) -> float | None:
    """The next level, such that about so many are no worse; None where none is better than the present one."""
    ordered = sorted(particle.bad for particle in pool)
    cut = ordered[min(keep, len(ordered)) - 1]
    if cut >= level:
        cut = max((bad for bad in ordered if bad < level), default=level)
    return None if cut >= level else max(cut, 0.0)


def _moved(particle: _Particle, level: float, walker: Walker, rng: random.Random) -> _Particle:
    priced = walker.walk(particle.priced, level, rng, _STEPS)
    return _Particle(priced, walker.badness(priced), particle.eve)
