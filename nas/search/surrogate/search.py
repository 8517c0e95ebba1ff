"""One step of the search: learn what is known, look at candidates, propose the one that promises most."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from nas.search.history import History
from nas.search.sources import Matrix, Params, Source
from nas.search.surrogate.candidates import Candidates, Places
from nas.search.surrogate.models import Models, best_of

_BATCH = 128  # the most promising candidates, which further proposals of a batch choose from
_FEWEST = 512  # candidates that are looked at, however many trials are finished
_PARENTS = 32
_WORK = 400_000  # candidates looked at, times finished trials, which bounds the time of a step
_TRIES = 50  # candidates that may be in vain before one is proposed all the same


class Search:
    """Proposes from one source; models and candidates last from step to step. Not thread-safe."""

    def __init__(self, source: Source, objectives: int) -> None:
        self._candidates = Candidates(source)
        self._models = Models(self._candidates.encoder, objectives, self._candidates.at_large)
        self._learnt: tuple[Any, ...] | None = None
        self._batch: Places = np.zeros(0, int)
        self._features: Matrix = np.zeros((0, 0))  # of the batch, one array as long as it lasts: models remember it
        self._promising: list[Params] = []

    def propose(self, history: History, rng: random.Random) -> dict[str, Any] | None:
        """The candidate that is expected to improve the front most, None when there is none that was not asked for."""
        self._learn(history, rng)
        running = self._candidates.encoder.encode(history.running)
        if len(self._candidates.open(history.asked, self._batch)):
            order = self._candidates.open(history.asked, self._ranked(self._batch, self._features, running))
        else:
            places = self._around(history, rng)
            if not len(places):
                return None
            order = self._candidates.keep(self._ranked(places, self._candidates.features[places], running))
            self._batch = order[:_BATCH]
            self._features = self._candidates.features[self._batch]
            self._promising = [self._candidates.rows[place] for place in order[:_PARENTS]]
        rows: list[dict[str, Any]] = [self._candidates.rows[place] for place in order[:_TRIES]]
        return next((row for row in rows if self._candidates.source.allows(row)), rows[0])

    def _around(self, history: History, rng: random.Random) -> Places:
        """Candidates to look at, fresh ones among them."""
        front = sorted(best_of(history.aimed_at), key=lambda told: -told.number)[:_PARENTS]
        self._candidates.grow([*(told.params for told in front), *self._promising], rng)
        places = self._candidates.open(history.asked)
        most = max(_FEWEST, _WORK // (len(history.told) + len(history.hints)))
        return self._candidates.looked_at(places, most, rng)

    def _ranked(self, places: Places, features: Matrix, running: Matrix) -> Places:
        """Candidates, those that promise most first."""
        scores = self._candidates.scores[places] = self._models.score(features, running)
        return places[np.argsort(-scores, kind="stable")]

    def scores(self, history: History, rows: Sequence[Params], rng: random.Random) -> Matrix:
        """What is expected of these networks, large is better."""
        self._learn(history, rng)
        encode = self._candidates.encoder.encode
        return self._models.score(encode(rows), encode(history.running))

    def _learn(self, history: History, rng: random.Random) -> None:
        """Learn what is known, if that has changed; a batch of what was known before is no longer good."""
        learnt = (*(each.number for each in history.told), *((hint.task, hint.number) for hint in history.hints))
        if learnt != self._learnt:
            self._models.learn(history, rng.getrandbits(31))
            self._learnt = learnt
            self._batch = np.zeros(0, int)
