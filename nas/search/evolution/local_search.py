"""Local search: what is next to the front, member by member, then what is next to the layers behind it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from nas.search.evolution.moves import moves
from nas.search.evolution.ranking import ranked
from nas.search.evolution.replaying import ReplayingSampler
from nas.search.surrogate.history import History, Key, Told, as_key
from nas.search.surrogate.sources import Source


class LocalSearchSampler(ReplayingSampler):
    """Optuna sampler: local search (C. White et al., 2021: Exploring the loss landscape in neural architecture search).

    Takes any number of objectives: it asks for an unknown neighbour of the member of the front of which the fewest
    neighbours were asked for, the youngest of these; where all are known, of the next layer, and at random behind the
    last. A neighbour differs in one parameter, and in what that opens or closes. Starts with `n_startup_trials` draws
    at random. Takes constraints as `SurrogateSampler` does.

        study = optuna.create_study(directions=["minimize", "minimize"], sampler=LocalSearchSampler(seed=0))
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
        super().__init__(n_startup_trials, seed, constraints_func)

    def propose(self, source: Source, history: History, rng: random.Random) -> dict[str, Any] | None:
        for layer in ranked(history.told):
            explored = _explored(layer, history.asked)
            for member in sorted(layer, key=lambda each: (explored[each.number], -each.number)):
                for neighbour in moves(source, member.params, rng):
                    if as_key(neighbour) not in history.asked:
                        return neighbour
        return None


def _explored(layer: Sequence[Told], asked: frozenset[Key]) -> dict[int, int]:
    """By trial number, how many were asked for that differ in one of the parameters that both have."""
    places: dict[str, int] = {}
    labels: dict[Any, int] = {}
    cells = [
        (row, places.setdefault(name, len(places)), labels.setdefault((kind, value), len(labels) + 1))
        for row, key in enumerate([*asked, *(as_key(each.params) for each in layer)])
        for name, kind, value in key
    ]
    table = np.zeros((len(asked) + len(layer), len(places)), int)  # zero: not reached
    rows, columns, codes = np.array(cells).T
    table[rows, columns] = codes
    others, members = table[: len(asked)], table[len(asked) :]
    return {
        each.number: int((((others != mine) & (others > 0) & (mine > 0)).sum(axis=1) == 1).sum())
        for each, mine in zip(layer, members, strict=True)
    }
