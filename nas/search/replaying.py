"""What samplers that learn from the storage alone have in common: each proposal follows from the trials and a seed."""

from __future__ import annotations

import random
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.history import Hint, History, Past
from nas.search.neighbours import unasked
from nas.search.sources import Observed, Source, drawn

_PATIENCE = 3  # times the startup trials, after which infeasible ones alone are learnt from


def at_least_one(**numbers: int) -> None:
    """Check options by their names; raises `TypeError` for what is no integer, `ValueError` below one."""
    for name, number in numbers.items():
        if not isinstance(number, Integral) or isinstance(number, bool):
            raise TypeError(f"{name} must be an integer, but got {number!r}")
        if number < 1:
            raise ValueError(f"{name} must be at least 1, but got {number}")


def seeded(seed: int | None) -> int:
    """The seed, or one by chance; raises `TypeError` for what is no integer."""
    if seed is None:
        return random.SystemRandom().getrandbits(31)
    if not isinstance(seed, Integral) or isinstance(seed, bool):
        raise TypeError(f"seed must be an integer or None, but got {seed!r}")
    return seed


class ReplayingSampler(BaseSampler):
    """Base of samplers whose proposal follows from the finished and running trials, the seed and the trial's number.

    So a study that was stopped goes on, in the same way unless the sampler has models that last from proposal to
    proposal. Proposals are drawn at random until `n_startup_trials` have values, or three times as many are told.
    """

    def __init__(
        self,
        n_startup_trials: int,
        seed: int | None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None,
    ) -> None:
        if constraints_func is not None and not callable(constraints_func):
            raise TypeError(f"constraints_func must be a function of a trial or None, but got {constraints_func!r}")
        self._n_startup_trials = n_startup_trials
        self._constraints_func = constraints_func
        self._source: Source | None = None
        self._reset(seed)

    def earlier(self, study: Study) -> Sequence[Hint]:
        """What is known from elsewhere."""
        return ()

    def known(self, history: History) -> int:
        """How many networks there are to learn from."""
        return len(history.measured)

    @abstractmethod
    def propose(self, source: Source, history: History, rng: random.Random) -> dict[str, Any] | None:
        """Parameters that were not asked for yet, None where none was found."""

    def bind(self, source: Source) -> None:
        """Propose from a space that is known, not from what trials show of it."""
        self._source = source

    def reseed_rng(self) -> None:
        """Nothing: Optuna asks for it where several threads share the sampler, and each trial has its own numbers."""

    def _reset(self, seed: int | None) -> None:
        self._seed = seeded(seed)
        self._lock = threading.RLock()
        self._given: dict[int, dict[str, Any]] = {}
        self._past: dict[int, Past] = {}
        self.fell_back: set[int] = set()  # trials that had no proposal though there was something to learn from

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None, "_past": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self._source is not None:
            return dict(self._source.distributions)
        found: dict[str, BaseDistribution] = {}
        for past in study.get_trials(deepcopy=False):
            found.update(past.distributions)
        return found

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        with self._lock:
            trials = study.get_trials(deepcopy=False)
            history = self.history(study, trials, trial.number)
            source = self._source or Observed(trials)
            rng = random.Random(f"{self._seed}/{trial.number}")
            found = None
            begun = self.known(history) >= self._n_startup_trials
            if begun or len(history.told) >= _PATIENCE * self._n_startup_trials:
                found = self.propose(source, history, rng)
                if found is None:
                    self.fell_back.add(trial.number)
            if found is None:
                found = unasked(source, history.asked, rng)
            self._given[trial.number] = found
            return found

    def promising(self, study: Study, trials: Sequence[int]) -> int | None:
        """Which of these trials, by number, should train on from its rung; None where there is no model to tell."""
        return None

    def history(self, study: Study, trials: Sequence[FrozenTrial], without: int | None = None) -> History:
        """What is known by all trials of the study, in order; `without` is the one that is asked for."""
        running = [each for each in self._given if each < len(trials) and not trials[each].state.is_finished()]
        self._given = {number: self._given[number] for number in running}
        return History.of(trials, study.directions, self._given, without, self._past, self.earlier(study))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return drawn(param_distribution, random.Random(f"{self._seed}/{trial.number}/{param_name}"))

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if self._constraints_func is None or state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return
        for index, excess in enumerate(self._constraints_func(trial)):
            study._storage.set_trial_system_attr(trial._trial_id, f"constraints:{index}", float(excess))
