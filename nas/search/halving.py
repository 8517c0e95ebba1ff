"""What becomes of a network after each report, and which paused one goes on: rungs, and learning curves beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from nas.search.goals import GoalError, Goals
from nas.search.learning_curves import Foretold, LearningCurves
from nas.search.promotions import Promotions
from nas.search.rungs import Prefer, Rungs, Scheduler, Scheduling, Standings, undecided
from nas.search.trials import InTraining
from nas.space.expression import MissingName
from nas.store import State

Outcome = tuple[State, str | None]
Front = Collection[tuple[float, ...]]
PAUSE: Literal["pause"] = "pause"


class Halving:
    """Not thread-safe: the engine guards it with its lock. `foretold` is the latest prediction of a learning curve."""

    def __init__(self, goals: Goals, rungs: Rungs, scheduling: Scheduling, extrapolate: bool) -> None:
        self.goals = goals
        self.rungs = rungs
        self.promotes = scheduling == "promote"
        self.foretold: Foretold | None = None
        self._scheduler: Scheduler = Promotions(rungs) if self.promotes else Standings(rungs)
        self._curves = LearningCurves(rungs.total) if extrapolate else None

    def remember(self, trial: int, curve: Iterable[tuple[int, tuple[float, ...], float]]) -> None:
        """Take in what a finished trial reported: epoch, gains, and excess over the budgets."""
        gains = {}
        for epoch, gains[epoch], excess in curve:
            self._scheduler.enter(trial, epoch, gains[epoch], excess)
        if self._curves is not None and gains:
            self._curves.finish(gains)

    def passed(self, trial: int) -> int | None:
        """The highest rung that a trial has reached, None before the first."""
        return self._scheduler.passed(trial)

    def advance(self, item: InTraining, line: Mapping[str, Any], front: Front) -> Outcome | Literal["pause"] | None:
        """Enter a report: how the trial ends, or that it pauses; None when it goes on."""
        item.absorb(line)
        last = item.epoch >= self.rungs.total
        try:
            gains = self.goals.gains(item.values)
            excess = self.goals.excess(item.values, item.candidate.decisions)
        except MissingName as error:
            if last:
                return "failed", f"the last report lacks a value: {error}"
            if item.epoch < item.candidate.epochs:
                return None
            item.compared = False  # what is known only at the end cannot be compared at a rung: it trains to the end
            return PAUSE
        except GoalError as error:
            return "failed", str(error)
        item.curve[item.epoch] = gains
        verdict = self._scheduler.enter(item.candidate.trial, item.epoch, gains, excess)
        if last:
            if self._curves is not None:
                self._curves.finish(item.curve)
            return "complete", None
        if item.epoch in self.rungs.epochs:
            item.rungs[str(item.epoch)] = self.goals.values(item.values)
        if verdict == "stop":
            return self.stopped(item)
        return self._hopeless(item, front) or (PAUSE if verdict == "pause" else None)

    def stopped(self, item: InTraining) -> Outcome:
        """How a trial ends that does not go on from the rung where it is."""
        rung = self.passed(item.candidate.trial)
        assert rung is not None
        return "pruned", f"stopped at {self.rungs.name(rung)}: not among the best one in {self.rungs.reduction:g}"

    def promote(self, paused: Mapping[int, InTraining], *, last: bool, prefer: Prefer = undecided) -> int | None:
        """Which paused trial goes on now, None for none. `last`, `prefer`: see `Scheduler.next`."""
        trial = next((trial for trial, item in paused.items() if not item.compared), None)
        trial = self._scheduler.next(paused, last=last, prefer=prefer) if trial is None else trial
        if trial is not None:
            self._scheduler.promote(trial)
        return trial

    def go_on(self, trial: int) -> None:
        """A trial was promoted by an earlier driver."""
        self._scheduler.promote(trial)

    def aim(self, item: InTraining) -> None:
        """Note in its candidate up to which epoch a trial trains now."""
        until = self._scheduler.until(item.candidate.trial) if item.compared else self.rungs.total
        item.candidate = replace(item.candidate, epochs=until)

    def _hopeless(self, item: InTraining, front: Front) -> Outcome | None:
        """How a trial ends whose curve says that it will not reach the front, None for any other."""
        foretold = self._curves.foretell(item.curve, front) if self._curves is not None else None
        self.foretold = foretold or self.foretold
        if foretold is None or not foretold.hopeless:
            return None
        item.foretold = foretold
        return "pruned", f"its learning curve leaves it no hope at epoch {item.epoch}: {foretold}"
