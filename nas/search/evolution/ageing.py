"""Ageing evolution: children of the best of a few from the youngest networks, one move away."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from nas.search.evolution.ranking import crowding, ranked
from nas.search.history import History, Told
from nas.search.neighbours import moves
from nas.search.replaying import ReplayingSampler, at_least_one
from nas.search.sources import Source

_POPULATION, _TOURNAMENT = 20, 5
_TOURNAMENTS = 20  # parents that are tried, where all neighbours of one are known


class AgeingSampler(ReplayingSampler):
    """Optuna sampler: regularized evolution (E. Real et al., 2019) for any number of objectives.

    The population are the `population_size` youngest trials that meet all constraints; while there are fewer, those
    that violate them least fill it up. The parent is a non-dominated one of `tournament_size` of them, that in the
    emptiest place where there are several; the child differs from it in one parameter, and in what that opens or
    closes. What was asked for is not asked for again. Takes constraints as `SurrogateSampler` does.

        study = optuna.create_study(directions=["minimize", "minimize"], sampler=AgeingSampler(seed=0))
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        population_size: int = _POPULATION,
        tournament_size: int = _TOURNAMENT,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        at_least_one(population_size=population_size, tournament_size=tournament_size)
        if population_size < tournament_size:
            raise ValueError(
                f"population_size must be at least tournament_size, but they are {population_size} and "
                f"{tournament_size} ({_POPULATION} and {_TOURNAMENT} where not given)"
            )
        super().__init__(population_size, seed, constraints_func)
        self._population_size = population_size
        self._tournament_size = tournament_size

    def propose(self, source: Source, history: History, rng: random.Random) -> dict[str, Any] | None:
        population = population_of(history, self._population_size)
        if not population:
            return None
        layers = ranked(population)
        emptiness: dict[int, float] = {}
        for layer in layers:
            emptiness |= crowding(layer) if layer[0].feasible else dict.fromkeys((each.number for each in layer), 0.0)
        for _ in range(_TOURNAMENTS):
            sample = rng.sample(population, min(self._tournament_size, len(population)))
            best = ranked(sample)[0]
            parent = max(best, key=lambda each: (emptiness[each.number], rng.random()))
            child = next(moves(source, parent.params, history.asked, rng), None)
            if child is not None:
                return child
        return None


def population_of(history: History, most: int) -> list[Told]:
    """The youngest feasible trials, and while there are fewer, those that violate constraints least."""
    inside = [each for each in history.told if each.feasible and each.values is not None]
    found = inside[::-1][:most]
    if len(found) < most:
        outside = ranked(each for each in history.told if not each.feasible)
        found += [each for layer in outside for each in reversed(layer)][: most - len(found)]
    return found
