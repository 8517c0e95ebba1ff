"""The surrogate sampler for Optuna: models of what is known of a study, and the network that they expect most of."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.surrogate.history import History, Past, as_key
from nas.search.surrogate.sources import Observed, Source, drawn

if TYPE_CHECKING:
    from nas.search.surrogate.search import Search

_PATIENCE = 3  # times the startup trials, after which infeasible ones alone are learnt from
_FRESH = 100  # draws in search of one that was not asked for


class SurrogateSampler(BaseSampler):
    """Optuna sampler for architectures: Gaussian processes and expected hypervolume improvement.

    Takes any number of objectives, categorical and numeric parameters, parameters that are reached under conditions,
    and constraints (`Trial.set_constraint` or `constraints_func`, met where <= 0). It learns from the storage alone,
    never proposes what was asked for before as far as it can know, and takes running trials for what its models expect
    of them. It draws at random until `n_startup_trials` have values, or three times as many have none.

    Parameters that ask the same question in several places (`s1.kernel`, `s2.kernel`; `op0`, `op1`) with the same
    values share what is learnt. Where the space is known beforehand, `bind` it; else it is what the trials show.

        study = optuna.create_study(directions=["minimize", "minimize"], sampler=SurrogateSampler(seed=0))
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 10,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        if n_startup_trials < 1:
            raise ValueError(f"n_startup_trials must be at least 1, but got {n_startup_trials}")
        self._n_startup_trials = n_startup_trials
        self._constraints_func = constraints_func
        self._source: Source | None = None
        self._reset(seed)

    def _reset(self, seed: int | None) -> None:
        self._seed = random.SystemRandom().getrandbits(31) if seed is None else seed
        self._lock = threading.RLock()
        self._search: tuple[Any, Search] | None = None
        self._given: dict[int, dict[str, Any]] = {}
        self._past: dict[int, Past] = {}

    def bind(self, source: Source) -> None:
        """Take candidates from a space that is known, not from what trials show of it."""
        self._source = source
        self._search = None

    def reseed_rng(self) -> None:
        self._reset(None)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None, "_search": None, "_past": {}}

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
            unfinished = {each.number for each in trials if not each.state.is_finished()}
            self._given = {number: given for number, given in self._given.items() if number in unfinished}
            history = History.of(trials, study.directions, self._given, trial.number, self._past)
            source = self._source or Observed(trials)
            seed = f"{self._seed}/{trial.number}"
            found = None
            begun = len(history.measured) >= self._n_startup_trials
            if begun or len(history.told) >= _PATIENCE * self._n_startup_trials:
                found = self._searching(source, len(study.directions)).propose(history, seed)
            if found is None:
                found = _unasked(source, history, random.Random(seed))
            self._given[trial.number] = found
            return found

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return drawn(param_distribution, random.Random(f"{self._seed}/{trial.number}/{param_name}"))

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if self._constraints_func is None or state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return
        for index, excess in enumerate(self._constraints_func(trial)):
            study._storage.set_trial_system_attr(trial._trial_id, f"constraints:{index}", float(excess))

    def _searching(self, source: Source, objectives: int) -> Search:
        """The search so far, a new one where the space shows new sides."""
        from nas.search.surrogate.search import Search  # torch

        if self._search is None or self._search[0] != source.signature:
            self._search = (source.signature, Search(source, objectives))
        return self._search[1]


def _unasked(source: Source, history: History, rng: random.Random) -> dict[str, Any]:
    found = source.fresh(rng)
    for _ in range(_FRESH):
        if as_key(found) not in history.asked and source.allows(found):
            break
        found = source.fresh(rng)
    return found
