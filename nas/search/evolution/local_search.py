"""Local search: what is next to the front, member by member, then what is next to the layers behind it."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from nas.search.evolution.ranking import ranked
from nas.search.history import History, Key, Told, as_key
from nas.search.neighbours import moves
from nas.search.replaying import ReplayingSampler, at_least_one
from nas.search.sources import Source


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
        at_least_one(n_startup_trials=n_startup_trials)
        super().__init__(n_startup_trials, seed, constraints_func)
        self._answers = Answers()

    def propose(self, source: Source, history: History, rng: random.Random) -> dict[str, Any] | None:
        for layer in ranked(history.told):
            explored = self._answers.neighbours(layer, history.asked)
            for member in sorted(layer, key=lambda each: (explored[each.number], -each.number)):
                found = next(moves(source, member.params, history.asked, rng), None)
                if found is not None:
                    return found
        return None


class Answers:
    """Parameters as rows of numbers, one column a name, one number a value, zero where it was not reached."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._codes: dict[Any, int] = {}
        self._at: dict[Key, int] = {}
        self._table = np.zeros((0, 0), np.int32)

    def rows(self, keys: Collection[Key]) -> NDArray[np.int32]:
        """(keys, names)."""
        new = [key for key in keys if key not in self._at]
        if new:
            cells = [
                (
                    self._at.setdefault(key, len(self._at)),
                    self._columns.setdefault(name, len(self._columns)),
                    self._codes.setdefault((kind, value), len(self._codes) + 1),
                )
                for key in new
                for name, kind, value in key or (("", "", ""),)
            ]
            table = np.zeros((len(self._at), len(self._columns)), np.int32)
            table[: len(self._table), : self._table.shape[1]] = self._table
            at, columns, codes = np.array(cells).T
            table[at, columns] = codes
            self._table = table
        return self._table[[self._at[key] for key in keys]]

    def neighbours(self, of: Sequence[Told], among: Collection[Key]) -> dict[int, int]:
        """By trial number, how many differ from it in exactly one of the parameters that both have."""
        others = self.rows(among)
        members = self.rows([as_key(each.params) for each in of])
        return {
            each.number: int((((others != mine) & (others > 0) & (mine > 0)).sum(axis=1) == 1).sum())
            for each, mine in zip(of, members, strict=True)
        }
