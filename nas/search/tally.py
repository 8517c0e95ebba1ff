"""How a search stands: counts, the best so far, the front, and the time it will take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nas.search.goals import Goals, dominates
from nas.search.learning_curves import Foretold
from nas.search.share import Share


@dataclass(frozen=True)
class Best:
    """The best value of one objective among the complete networks within all budgets, and the trial that has it."""

    value: float
    trial: int
    arch_id: str


@dataclass(frozen=True)
class Progress:
    """A moment of a search. `asked` networks are to enter training; `done` of them have left it.

    `paused` ones wait at a rung, `hopeless` ones of the pruned were ended by their learning curve; `foretold` is the
    latest prediction of one. `rejected` counts by gate (see `GATES`) what never entered. `best` is by objective.
    `independent` of `drawn` parameters were drawn without the sampler's model. `eta_s` is None until something is done.
    `note` says what a person should know: why a search ended before all it was asked for. `share` of draws are within
    the budgets that are known before a measurement, None until it is told.
    """

    role: str
    asked: int
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    paused: int = 0
    hopeless: int = 0
    foretold: Foretold | None = None
    ready: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    best: Mapping[str, Best] = field(default_factory=dict)
    front_size: int = 0
    drawn: int = 0
    independent: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None
    finished: bool = False
    interrupted: bool = False
    note: str = ""
    share: Share | None = None

    @property
    def done(self) -> int:
        return self.complete + self.pruned + self.failed

    @property
    def proposals(self) -> int:
        """Networks looked at so far."""
        return self.done + self.running + self.paused + self.ready + sum(self.rejected.values())


class Tally:
    """Counts what happens to trials; the engine guards it with its lock."""

    def __init__(self, goals: Goals) -> None:
        self.goals = goals
        self.states: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.best: dict[str, Best] = {}
        self.front: dict[int, tuple[float, ...]] = {}
        self.hopeless = 0
        self.drawn = 0
        self.independent = 0
        self._started = time.monotonic()
        self._done_before = 0

    def begin(self, paused: int = 0) -> None:
        """From here on time counts. `paused` wait at a rung already."""
        self._started = time.monotonic()
        self._done_before = self.done + paused

    @property
    def done(self) -> int:
        return self.states["complete"] + self.states["pruned"] + self.states["failed"]

    def reject(self, gate: str) -> None:
        self.rejected[gate] += 1

    def draw(self, drawn: int, independent: int) -> None:
        self.drawn += drawn
        self.independent += independent

    def end(self, state: str, foretold: bool = False) -> None:
        self.states[state] += 1
        self.hopeless += foretold

    def complete(self, trial: int, arch_id: str, values: Mapping[str, float], constraints: Mapping[str, float]) -> None:
        """Enter a complete trial among the best and the front, when it is within all budgets."""
        if any(excess > 0 for excess in constraints.values()):
            return
        for objective in self.goals.objectives:
            value = objective.value(values)
            best = self.best.get(objective.text)
            sign = 1 if objective.direction == "maximize" else -1
            if best is None or sign * value > sign * best.value:
                self.best[objective.text] = Best(value, trial, arch_id)
        gains = self.goals.gains(values)
        if not any(dominates(other, gains) or other == gains for other in self.front.values()):
            self.front = {t: other for t, other in self.front.items() if not dominates(gains, other)}
            self.front[trial] = gains

    def progress(
        self,
        role: str,
        asked: int,
        *,
        running: int,
        paused: int,
        foretold: Foretold | None,
        ready: int,
        finished: bool,
        interrupted: bool,
        note: str,
        share: Share | None = None,
    ) -> Progress:
        elapsed = time.monotonic() - self._started
        done = self.done + paused  # for the time that is left, what pauses is as good as done: most of it is
        done_here = done - self._done_before
        left = 0 if finished else max(0, asked - done)
        eta = 0.0 if left == 0 else elapsed / done_here * left if done_here > 0 else None
        return Progress(
            role=role,
            asked=asked,
            complete=self.states["complete"],
            pruned=self.states["pruned"],
            failed=self.states["failed"],
            running=running,
            paused=paused,
            hopeless=self.hopeless,
            foretold=foretold,
            ready=ready,
            rejected=dict(self.rejected),
            best=dict(self.best),
            front_size=len(self.front),
            drawn=self.drawn,
            independent=self.independent,
            elapsed_s=elapsed,
            eta_s=eta,
            finished=finished,
            interrupted=interrupted,
            note=note,
            share=share,
        )
