"""Which networks go on training: asynchronous successive halving that promotes, for one objective or several.

After ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020): a network that reaches a rung
pauses there. Whenever a trainer is free, the highest rung that has one gives its best network that is among the top
`1 / reduction` of all that ever reached the rung and has not been promoted yet; where no rung has one, a new network is
begun. So a network is compared with those that come after it too. Other than there, a rung never has promoted more than
one in `reduction`: of few networks, the early ones that were soon surpassed would make that half of them. And a sampler
with a model may choose whom, for it may know better than the rung what becomes of a network.

With several objectives the order is that of Schmucker et al. ("Multi-objective Asynchronous Successive Halving", 2021):
non-dominated fronts one after the other, and within a front an epsilon-net, each next network the one farthest from all
before it, so that those who go on are spread over the front. Networks within the budgets come before all others, which
are ordered by how far they are from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import moocore
import numpy as np
import numpy.typing as npt

from nas.search.rungs import Prefer, Rungs, Verdict, undecided

Numbers = npt.NDArray[np.float64]

_LARGE = 1e100  # what is infinite counts as that far away


@dataclass
class _Rung:
    """Who reached a rung with which gains and which excess over the budgets, and who went on from there."""

    gains: dict[int, tuple[float, ...]] = field(default_factory=dict)
    excess: dict[int, float] = field(default_factory=dict)
    promoted: set[int] = field(default_factory=set)


class Promotions:
    """Who stood where at each rung, where networks pause and the best are promoted (a `Scheduler`)."""

    def __init__(self, rungs: Rungs) -> None:
        self.rungs = rungs
        self._rungs = [_Rung() for _ in rungs.epochs]

    def passed(self, trial: int) -> int | None:
        reached = [number for number, rung in enumerate(self._rungs) if trial in rung.gains]
        return reached[-1] if reached else None

    def until(self, trial: int) -> int:
        passed = self.passed(trial)
        return self.rungs.epochs[0 if passed is None else min(passed + 1, len(self._rungs) - 1)]

    def enter(self, trial: int, epoch: int, gains: tuple[float, ...], excess: float = 0.0) -> Verdict:
        for number, (at, rung) in enumerate(zip(self.rungs.epochs, self._rungs, strict=True)):
            if epoch >= at and trial not in rung.gains:
                rung.gains[trial], rung.excess[trial] = gains, max(0.0, excess)
                if number:
                    self._rungs[number - 1].promoted.add(trial)
            elif epoch > at:  # in a replay: an earlier driver promoted it
                rung.promoted.add(trial)
        highest = self.passed(trial)
        waits = highest is not None and trial not in self._rungs[highest].promoted
        return "pause" if waits and highest != len(self._rungs) - 1 else "go on"

    def next(self, paused: Collection[int], *, last: bool = False, prefer: Prefer = undecided) -> int | None:
        """Which of the paused trials to promote now, None for none.

        `prefer` may choose one of those within the budgets, whatever their order. `last`: nothing new will be trained
        any more, so each rung gives at least one, however few reached it. Who does not pause, having ended, still has a
        place.
        """
        for rung in reversed(self._rungs[:-1]):
            places = max(int(last), int(len(rung.gains) / self.rungs.reduction))
            if len(rung.promoted) >= places:
                continue
            waiting = [trial for trial in paused if rung.excess.get(trial) == 0 and trial not in rung.promoted]
            found = prefer(waiting) if waiting else None
            found = _best(rung, places, paused) if found is None else found
            if found is not None:
                return found
        return None

    def promote(self, trial: int) -> None:
        passed = self.passed(trial)
        if passed is not None:
            self._rungs[passed].promoted.add(trial)


def _best(rung: _Rung, places: int, paused: Collection[int]) -> int | None:
    """The best of the first so many that can still be promoted."""
    for trial in itertools.islice(_ordered(rung), places):
        if trial in paused and trial not in rung.promoted:
            return trial
    return None


def _ordered(rung: _Rung) -> Iterator[int]:
    """The trials of a rung, the best first; of equals those that were promoted, then the earlier ones."""
    within = sorted(trial for trial, excess in rung.excess.items() if excess == 0)
    if within:
        losses = -np.array([rung.gains[trial] for trial in within], dtype=float)
        ranks = moocore.pareto_rank(losses)
        for rank in range(int(ranks.max()) + 1):
            front = np.flatnonzero(ranks == rank)
            promoted = [index for index, member in enumerate(front) if within[member] in rung.promoted]
            yield from (within[front[index]] for index in epsilon_net(losses[front], promoted))
    beyond = [trial for trial, excess in rung.excess.items() if excess > 0]
    yield from sorted(beyond, key=lambda trial: (rung.excess[trial], trial))


def epsilon_net(points: Numbers, chosen: Sequence[int] = ()) -> list[int]:
    """The order of points (n, objectives) in which each next one is the farthest from all before it.

    Distances are Euclidean, each objective divided by its range. Begins with those that are `chosen`, without any with
    the least in the first objective.
    """
    order = list(chosen) or [int(points[:, 0].argmin())]
    bounded = np.clip(points, -_LARGE, _LARGE)
    span = np.ptp(bounded, axis=0)
    scaled = (bounded - bounded.min(axis=0)) / np.where(span > 0, span, 1.0)
    distance = np.min([np.linalg.norm(scaled - scaled[index], axis=1) for index in order], axis=0)
    distance[order] = -1.0
    while len(order) < len(points):
        order.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        distance[order] = -1.0
    return order
