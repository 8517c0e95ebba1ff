"""The surrogate sampler for Optuna: models of what is known of a study, and the network that they expect most of."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.search.history import FEWEST, Hint, History, small_is_better
from nas.search.replaying import ReplayingSampler, at_least_one
from nas.search.sources import Observed, Params, Source

if TYPE_CHECKING:
    from nas.search.surrogate.search import Search


class SurrogateSampler(ReplayingSampler):
    """Optuna sampler for architectures: Gaussian processes and expected hypervolume improvement.

    Takes any number of objectives, categorical and numeric parameters, parameters that are reached under conditions,
    and constraints (`Trial.set_constraint` or `constraints_func`, met where <= 0). It learns from the storage alone,
    never proposes what was asked for before as far as it can know, and takes running trials for what its models expect
    of them. It draws at random until `n_startup_trials` have values, or three times as many have none.

    Parameters that ask the same question in several places (`s1.kernel`, `s2.kernel`; `op0`, `op1`) with the same
    values share what is learnt. Choices that are the edges of a cell (`cell.0>1`, or as many as a graph has edges and
    but numbered) are seen by its paths where that tells an objective better, and choices among numbers, or words that
    are numbers, by their order. Where the space is known beforehand, `bind` it; else it is what the trials show.

    `features` tell more of a network by its parameters before it is trained, such as zero-cost proxies; NaN is none.
    They may take their time: they are asked for once a network, of finished and running trials and of the few
    candidates that promise most without them. An objective that they do not help to tell is told without them:
    `informed` says of each whether the last proposal told it with them, and is empty before there was one.

        study = optuna.create_study(directions=["minimize", "minimize"], sampler=SurrogateSampler(seed=0))
    """

    _search: tuple[Any, Search] | None
    informed: tuple[bool, ...]

    def __init__(
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 10,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        features: Mapping[str, Callable[[Params], float]] | None = None,
    ) -> None:
        at_least_one(n_startup_trials=n_startup_trials)
        self._elsewhere: dict[str, list[tuple[Params, Sequence[float]]]] = {}
        self._features: dict[str, Callable[[Params], float]] = {}
        super().__init__(n_startup_trials, seed, constraints_func)
        self.know(features or {})

    def learn_from(self, name: str, params: Sequence[Params], values: Sequence[Sequence[float]]) -> None:
        """Learn what networks were worth in an earlier study, whose other data or devices may make it another thing.

        `params` are in the names of the study that is asked about, as far as they are known; `values` in the order and
        the direction of its objectives. How far they are trusted is learnt from the trials of the study.
        """
        self._elsewhere[name] = list(zip(params, values, strict=True))

    def know(self, features: Mapping[str, Callable[[Params], float]]) -> None:
        """Take these features beside those that it was made with. Raises `TypeError` for what is no function."""
        if not isinstance(features, Mapping):
            raise TypeError(f"features must be functions of the parameters by their names, but got {features!r}")
        for name, feature in features.items():
            if not callable(feature):
                raise TypeError(f"feature '{name}' must be a function of the parameters, but got {feature!r}")
        self._features |= features
        self._search = None

    def earlier(self, study: Study) -> tuple[Hint, ...]:
        return tuple(
            Hint(f"earlier study {name}", -1 - number, params, small_is_better(values, study.directions))
            for name, pairs in self._elsewhere.items()
            for number, (params, values) in enumerate(pairs)
            if len(values) == len(study.directions) and np.isfinite(values).all()
        )

    def known(self, history: History) -> int:
        return len(history.aimed_at)

    def propose(self, source: Source, history: History, rng: random.Random) -> dict[str, Any] | None:
        search = self._searching(source, history)
        found = search.propose(history, rng)
        self.informed = (search.informed or (False,) * history.objectives) if self._features and found else ()
        return found

    def _searching(self, source: Source, history: History) -> Search:
        from nas.search.surrogate.search import Search  # torch

        if self._search is None or self._search[0] != source.signature:  # the space shows new sides
            self._search = (source.signature, Search(source, history.objectives, self._features))
        return self._search[1]

    def promising(self, study: Study, trials: Sequence[int]) -> int | None:
        """That which is expected to add most to the front, once there is a front of networks trained to the end."""
        with self._lock:
            every = study.get_trials(deepcopy=False)
            history = self.history(study, every)
            if len(history.measured) < FEWEST:
                return None
            search = self._searching(self._source or Observed(every), history)
            rng = random.Random(f"{self._seed}/{len(history.measured)}")
            scores = search.scores(history, [every[number].params for number in trials], rng)
            return trials[int(scores.argmax())]

    def bind(self, source: Source) -> None:
        super().bind(source)
        self._search = None

    def _reset(self, seed: int | None) -> None:
        super()._reset(seed)
        self._search = None
        self.informed = ()

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_search": None}
