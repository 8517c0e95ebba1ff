"""Rungs, and which networks go on at them: asynchronous successive halving that stops the worse ones.

Here is the stopping variant of ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020): a
network that reaches a rung is compared with all that reached it before, and goes on when it is among the best
`1 / reduction` of them; nobody waits. With several objectives networks are ordered by how many others dominate them
(the rank of Fonseca and Fleming, 1993), so one that nobody dominates is never stopped; with one objective that is the
plain order. Ties go on. The variant that promotes is in `promotions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from nas.errors import NasError
from nas.search.goals import dominates

Scheduling = Literal["stop", "promote"]
Verdict = Literal["go on", "stop", "pause"]


@dataclass(frozen=True)
class Rungs:
    """Epochs at which networks are compared; the last is the whole training. One in `reduction` goes on at each."""

    epochs: tuple[int, ...]
    reduction: float = 3.0

    def __post_init__(self) -> None:
        ordered = list(self.epochs) == sorted(set(self.epochs))
        if not self.epochs or not ordered or self.epochs[0] < 1:
            raise NasError(
                "rungs must be growing numbers of epochs from 1, the epochs of the whole training last, "
                f"but got {list(self.epochs)}"
            )
        if self.reduction < 1:
            raise NasError(f"the reduction of rungs must be at least 1, but got {self.reduction}")

    @classmethod
    def geometric(cls, first: int, last: int, reduction: float = 3.0) -> Self:
        """Rungs that grow by the reduction: first, first * reduction, ..., last."""
        epochs = [last]
        while epochs[0] / reduction >= first:
            epochs.insert(0, math.floor(epochs[0] / reduction))
        return cls(tuple(epochs), reduction)

    @property
    def total(self) -> int:
        return self.epochs[-1]

    def name(self, rung: int) -> str:
        """In words: `rung 2 of 3, epoch 5`."""
        return f"rung {rung + 1} of {len(self.epochs)}, epoch {self.epochs[rung]}"


Prefer = Callable[[Sequence[int]], int | None]


def undecided(trials: Sequence[int]) -> int | None:
    """No preference among trials."""
    return None


class Scheduler(Protocol):
    """Decides at rungs. Pure: no clock, no trainer, no storage; the engine tells it what happens."""

    def passed(self, trial: int) -> int | None:
        """The highest rung that a trial has reached, None before the first."""
        ...

    def until(self, trial: int) -> int:
        """The epoch up to which a trial trains now."""
        ...

    def enter(self, trial: int, epoch: int, gains: tuple[float, ...], excess: float = 0.0) -> Verdict:
        """Note a trial at an epoch and say what becomes of it.

        `gains` are the objectives, larger is better; `excess` by how much budgets are exceeded (0: all are met). A rung
        that was skipped (its report was lost) is entered with this report. A repeated report changes nothing.
        """
        ...

    def next(self, paused: Collection[int], *, last: bool = False, prefer: Prefer = undecided) -> int | None:
        """Which of the paused trials to promote now, None for none.

        `last`: nothing new will be trained any more. `prefer` may choose, of several that can go on.
        """
        ...

    def promote(self, trial: int) -> None:
        """A paused trial goes on from its rung."""
        ...


class Standings:
    """Who stood where at each rung, where the worse are stopped.

    One decision takes time linear in the number of networks that reached the rung. Budgets are not looked at.
    """

    def __init__(self, rungs: Rungs) -> None:
        self.rungs = rungs
        self._points: list[dict[int, tuple[float, ...]]] = [{} for _ in rungs.epochs]
        self._dominators: list[dict[int, int]] = [{} for _ in rungs.epochs]

    def passed(self, trial: int) -> int | None:
        reached = [rung for rung, points in enumerate(self._points) if trial in points]
        return reached[-1] if reached else None

    def until(self, trial: int) -> int:
        return self.rungs.total

    def enter(self, trial: int, epoch: int, gains: tuple[float, ...], excess: float = 0.0) -> Verdict:
        goes_on = True
        for rung, at in enumerate(self.rungs.epochs[:-1]):
            if epoch >= at and trial not in self._points[rung]:
                self._add(rung, trial, gains)
                goes_on = self._among_best(rung, trial)
        if epoch >= self.rungs.total:
            self._points[-1].setdefault(trial, gains)
        return "go on" if goes_on else "stop"

    def next(self, paused: Collection[int], *, last: bool = False, prefer: Prefer = undecided) -> int | None:
        """None: nothing is ever paused."""
        return None

    def promote(self, trial: int) -> None:
        """Nothing to note: nothing is ever paused."""

    def _add(self, rung: int, trial: int, gains: tuple[float, ...]) -> None:
        points, dominators = self._points[rung], self._dominators[rung]
        count = 0
        for other, theirs in points.items():
            if dominates(theirs, gains):
                count += 1
            elif dominates(gains, theirs):
                dominators[other] += 1
        points[trial], dominators[trial] = gains, count

    def _among_best(self, rung: int, trial: int) -> bool:
        dominators = self._dominators[rung]
        places = math.ceil(len(dominators) / self.rungs.reduction)
        return dominators[trial] <= sorted(dominators.values())[places - 1]
