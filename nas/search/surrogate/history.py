"""What is known of a study: what was asked, what came out, what is still running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.surrogate.features import Matrix, Params

Key = frozenset[tuple[str, str, Any]]


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


class Past(NamedTuple):
    """A finished trial, what it told, and how to look it up."""

    trial: FrozenTrial
    told: Told | None
    key: Key


@dataclass(frozen=True)
class History:
    """Failed trials are not learnt from, but are not asked for again either."""

    told: tuple[Told, ...]
    running: tuple[Params, ...]
    asked: frozenset[Key]

    @classmethod
    def of(
        cls,
        trials: Sequence[FrozenTrial],
        directions: Sequence[StudyDirection],
        given: Mapping[int, Params],
        without: int,
        past: dict[int, Past],
    ) -> History:
        """`given` are parameters of running trials that may not have reached the storage, by number.

        `without` is the number of the trial that is asked for; `past` remembers finished trials from time to time.
        """
        told, running, asked = [], [], set()
        for trial in trials:
            if trial.number == without or trial.state == TrialState.WAITING:
                continue
            if not trial.state.is_finished():
                params = {**given.get(trial.number, {}), **trial.params}
                running.append(params)
                asked.add(as_key(params))
                continue
            found = past.get(trial.number)
            if found is None or found.trial is not trial:
                found = past[trial.number] = Past(trial, _told(trial, directions), as_key(trial.params))
            asked.add(found.key)
            if found.told is not None:
                told.append(found.told)
        return cls(tuple(told), tuple(running), frozenset(asked))

    @property
    def measured(self) -> tuple[Told, ...]:
        """Those with values."""
        return tuple(each for each in self.told if each.values is not None)

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
        values = tuple(
            -value if direction == StudyDirection.MAXIMIZE else value
            for value, direction in zip(trial.values, directions, strict=True)
        )
    return Told(trial.number, trial.params, values, trial.constraints)


def as_key(params: Params) -> Key:
    """Parameters as something to look up by; values that Python holds equal (`1`, `True`) stay apart."""
    return frozenset((name, type(value).__name__, value) for name, value in params.items())


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
