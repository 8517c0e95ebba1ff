"""Random search: Optuna's, and where it knows the space, among the networks that are within the budgets."""

from __future__ import annotations

import random
from typing import Any, Protocol

from optuna import samplers
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.search.replaying import seeded


class Drawable(Protocol):
    """A space as this sampler needs it; `nas.search.spaces.Walks` is one."""

    distributions: dict[str, BaseDistribution]

    def fresh(self, rng: random.Random) -> dict[str, Any]:
        """Parameters drawn at random."""
        ...


class RandomSampler(samplers.RandomSampler):
    """Draws each parameter by chance, as Optuna's sampler of this name does.

    Where a space is known (`bind`) it draws what is within the budgets, each answer as probable as among Optuna's draws
    that happen to be within them.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seeded(seed)
        super().__init__(seed)
        self._space: Drawable | None = None

    def bind(self, space: Drawable) -> None:
        """Draw from a space that is known."""
        self._space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._space.distributions) if self._space is not None else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._space is None:
            return {}
        return self._space.fresh(random.Random(f"{self._seed}/{trial.number}"))
