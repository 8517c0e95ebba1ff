"""What is known of a study: what was asked, what came out, what is still running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.sources import Matrix, Params
from nas.store.attributes import PROMOTED, RUNGS

Key = frozenset[tuple[str, str, Any]]
FEWEST = 10  # values of a task before it is learnt from


@dataclass(frozen=True)
class Told:
    """One finished trial: `values` with small ones better, None for a trial that has none; excesses by constraint."""

    number: int
    params: Params
    values: tuple[float, ...] | None
    constraints: Mapping[str, float]

    @property
    def feasible(self) -> bool:
        return all(excess <= 0 for excess in self.constraints.values())


@dataclass(frozen=True)
class Hint:
    """What a network was worth elsewhere: after fewer epochs, or in an earlier study. Small values are better."""

    task: str
    number: int
    params: Params
    values: tuple[float, ...]


class Past(NamedTuple):
    """A finished trial, what it told, and how to look it up."""

    trial: FrozenTrial
    told: Told | None
    hints: tuple[Hint, ...]
    key: Key


@dataclass(frozen=True)
class History:
    """Failed trials are not learnt from, but are not asked for again either.

    A trial that has reached a rung gives a hint, and unless it is finished or was promoted from there it may be paused:
    it counts as asked for, but not as running.
    """

    told: tuple[Told, ...]
    running: tuple[Params, ...]
    asked: frozenset[Key]
    hints: tuple[Hint, ...]
    objectives: int

    @classmethod
    def of(
        cls,
        trials: Sequence[FrozenTrial],
        directions: Sequence[StudyDirection],
        given: Mapping[int, Params],
        without: int | None,
        past: dict[int, Past],
        earlier: Sequence[Hint] = (),
    ) -> History:
        """`given` are parameters of running trials that may not have reached the storage, by number.

        `without` is the number of the trial that is asked for; `past` remembers finished trials from time to
        time. `earlier` are hints of other studies.
        """
        told, running, asked, hints = [], [], set(), list(earlier)
        for trial in trials:
            found = past.get(trial.number)  # first, for nearly all have been seen before
            if found is None or found.trial is not trial:
                if trial.number == without or trial.state == TrialState.WAITING:
                    continue
                if not trial.state.is_finished():
                    params = {**given.get(trial.number, {}), **trial.params}
                    asked.add(as_key(params))
                    reached = _hints(trial, directions)
                    hints += reached
                    if not reached or went_on(trial):
                        running.append(params)
                    continue
                found = past[trial.number] = Past(
                    trial, _told(trial, directions), _hints(trial, directions), as_key(trial.params)
                )
            asked.add(found.key)
            if found.told is not None:
                told.append(found.told)
            hints += found.hints
        return cls(tuple(told), tuple(running), frozenset(asked), tuple(hints), len(directions))

    @property
    def measured(self) -> tuple[Told, ...]:
        """Those with values."""
        return tuple(each for each in self.told if each.values is not None)

    @property
    def aimed_at(self) -> tuple[Told, ...]:
        """What a front is looked for among: those with values, or while they are few what is best known elsewhere."""
        by_task = self._by_task()
        if len(self.measured) >= FEWEST or not by_task:
            return self.measured
        most = max(by_task.values(), key=len)
        return tuple(Told(hint.number, hint.params, hint.values, {}) for hint in most)

    def elsewhere(self, objective: int) -> tuple[list[Hint], dict[str, list[Hint]]]:
        """Hints that hold here as they are, one a trial, for training does not change this objective; then the others.

        The others are by task, and none while what is aimed at is a task itself.
        """
        here = {each.number: each.values[objective] for each in self.measured if each.values is not None}
        if len(here) < FEWEST:
            return [], {}
        same: dict[int, Hint] = {}
        others = {}
        for task, hints in self._by_task().items():
            both = [hint for hint in hints if hint.number in here]
            if len(both) > 1 and all(hint.values[objective] == here[hint.number] for hint in both):
                same |= {hint.number: hint for hint in hints}
            else:
                others[task] = hints
        return list(same.values()), others

    def _by_task(self) -> dict[str, list[Hint]]:
        """Tasks with enough to learn from."""
        found: dict[str, list[Hint]] = {}
        for hint in self.hints:
            found.setdefault(hint.task, []).append(hint)
        return {task: hints for task, hints in found.items() if len(hints) >= FEWEST}

    def excesses(self, name: str) -> tuple[list[Params], Matrix]:
        """Of one constraint. A complete trial that does not name it is taken to meet it by as much as is usual."""
        known = {each.number: each.constraints[name] for each in self.told if name in each.constraints}
        usual = float(np.median([abs(value) for value in known.values() if np.isfinite(value)] or [1.0]))
        rows = [each for each in self.told if each.number in known or each.values is not None]
        return [each.params for each in rows], np.array([known.get(each.number, -usual) for each in rows])

    @property
    def exceeded(self) -> list[str]:
        """The constraints that some trial violates; the others tell nothing."""
        names = {name for each in self.told for name, excess in each.constraints.items() if excess > 0}
        return sorted(names)


def _told(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> Told | None:
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    values = None
    if trial.state == TrialState.COMPLETE and np.isfinite(trial.values).all():
        values = small_is_better(trial.values, directions)
    return Told(trial.number, trial.params, values, trial.constraints)


def _hints(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> tuple[Hint, ...]:
    """Of the rungs that a trial has reached; none of one that failed."""
    if trial.state == TrialState.FAIL:
        return ()
    return tuple(
        Hint(f"{epochs} epochs", trial.number, trial.params, small_is_better(values, directions))
        for epochs, values in trial.user_attrs.get(RUNGS, {}).items()
        if len(values) == len(directions) and np.isfinite(values).all()
    )


def went_on(trial: FrozenTrial) -> bool:
    """Whether a trial was promoted from the last rung that it has reached."""
    return list(trial.user_attrs.get(RUNGS, ()))[-1:] == [trial.user_attrs.get(PROMOTED)]


def small_is_better(values: Sequence[float], directions: Sequence[StudyDirection]) -> tuple[float, ...]:
    """Values of objectives with the sign turned of those that are maximized."""
    return tuple(
        -value if direction == StudyDirection.MAXIMIZE else value
        for value, direction in zip(values, directions, strict=True)
    )


def as_key(params: Params) -> Key:
    """Parameters, or decisions, as something to look up by; values that Python holds equal (`1`, `True`) stay apart."""
    return frozenset((name, _kind(value), value) for name, value in params.items())


def _kind(value: Any) -> str:
    return "float" if isinstance(value, float) else type(value).__name__  # numpy's floats are read back as Python's


def chosen(told: Sequence[Told], most: int, seed: int) -> list[Told]:
    """At most so many to learn from: a third the best ones, a third the last ones, the rest at random."""
    if len(told) <= most:
        return list(told)
    values = np.array([each.values for each in told])
    ranks = values.argsort(axis=0).argsort(axis=0)
    # Near the front something is good in a trial, and nothing too bad.
    order = np.argsort(ranks.min(axis=1) + ranks.mean(axis=1), kind="stable")
    third = most // 3
    kept = dict.fromkeys([*order[:third].tolist(), *range(len(told) - third, len(told))])
    rest = [index for index in range(len(told)) if index not in kept]
    kept |= dict.fromkeys(np.random.default_rng(seed).permutation(rest)[: most - len(kept)].tolist())
    return [told[index] for index in sorted(kept)]
