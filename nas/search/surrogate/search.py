"""One step of the search: learn what is known, look at candidates, propose the one that promises most."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nas.search.history import History
from nas.search.sources import Matrix, Params, Source
from nas.search.surrogate.candidates import Candidates, Places
from nas.search.surrogate.described import Described, Feature
from nas.search.surrogate.models import Models, best_of
from nas.search.surrogate.views import Rows, views_of
from nas.threads import threads

_BATCH = 128  # the most promising candidates, which further proposals of a batch choose from
_DESCRIBED = 24  # the most promising candidates of which features are asked for
_FEWEST = 512  # candidates that are looked at, however many trials are finished
_PARENTS = 32
_WORK = 400_000  # candidates looked at, times finished trials, which bounds the time of a step
_THREADS = 1  # of torch: matrices are so small that several wait for each other, the more the busier cores are
_TRIES = 50  # candidates that may be in vain before one is proposed all the same


class Search:
    """Proposes from one source; models and candidates last from step to step. Not thread-safe."""

    def __init__(self, source: Source, objectives: int, features: Mapping[str, Feature] | None = None) -> None:
        self._candidates = Candidates(source)
        self._described = Described(source.distributions, features) if features else None
        self._models = Models(views_of(source.distributions), objectives, self._candidates.at_large, self._described)
        self._learnt: tuple[Any, ...] | None = None
        self._batch: Places = np.zeros(0, int)
        # Of the batch, the same as long as it lasts, for models remember them.
        self._rows = Rows([])
        self._more: Rows | None = None
        self._promising: list[Params] = []
        self._running = Rows([])

    def propose(self, history: History, rng: random.Random) -> dict[str, Any] | None:
        """The candidate that is expected to improve the front most, None when there is none that was not asked for."""
        with threads(_THREADS):
            return self._propose(history, rng)

    def _propose(self, history: History, rng: random.Random) -> dict[str, Any] | None:
        self._learn(history, rng)
        if len(self._candidates.open(history.asked, self._batch)):
            order = self._candidates.open(history.asked, self._ranked_batch(history))
        else:
            places = self._around(history, rng)
            if not len(places):
                return None
            scores = self._models.score(self._candidates.rows.among(places), self._in_training(history.running))
            self._candidates.scores[places] = scores
            order = self._candidates.keep(places[np.argsort(-scores, kind="stable")])
            self._promising = self._params(order[:_PARENTS])
            self._batch, self._more = order[:_BATCH], None
            if self._described is not None and history.aimed_at and len(few := self._allowed(order)):
                self._batch = few
                self._more = self._described.rows(self._params(few))
            self._rows = self._candidates.rows.among(self._batch)
            if self._more is not None:
                order = self._ranked_batch(history)
        first = self._params(order[:_TRIES])
        return dict(next((params for params in first if self._candidates.source.allows(params)), first[0]))

    def _params(self, places: Places) -> list[Params]:
        return [self._candidates.rows.params[place] for place in places]

    @property
    def informed(self) -> tuple[bool, ...]:
        """Of each objective, whether the last proposal told it from features; empty where features had no part."""
        return self._models.informed if self._more is not None else ()

    def _ranked_batch(self, history: History) -> Places:
        scores = self._score(self._rows, history.running, self._more)
        return self._batch[np.argsort(-scores, kind="stable")]

    def _score(self, rows: Rows, running: Sequence[Params], more: Rows | None) -> Matrix:
        described = None
        if self._described is not None and more is not None:
            described = more, self._described.rows(running)
        return self._models.score(rows, self._in_training(running), described)

    def _in_training(self, running: Sequence[Params]) -> Rows:
        """These as rows; those that follow the ones of the call before are all that is encoded."""
        known = len(self._running)
        if list(running[:known]) == list(self._running.params):
            self._running = self._running.followed_by(running[known:])
        else:
            self._running = Rows(running)
        return self._running

    def _allowed(self, order: Places) -> Places:
        """The first few of these places that are not in vain."""
        allowed = (
            place for place in order[:_TRIES] if self._candidates.source.allows(self._candidates.rows.params[place])
        )
        return np.array(list(itertools.islice(allowed, _DESCRIBED)), int)

    def _around(self, history: History, rng: random.Random) -> Places:
        """Candidates to look at, fresh ones among them."""
        front = sorted(best_of(history.aimed_at), key=lambda told: -told.number)[:_PARENTS]
        self._candidates.grow([*(told.params for told in front), *self._promising], rng)
        places = self._candidates.open(history.asked)
        most = max(_FEWEST, _WORK // (len(history.told) + len(history.hints)))
        return self._candidates.looked_at(places, most, rng)

    def scores(self, history: History, rows: Sequence[Params], rng: random.Random) -> Matrix:
        """What is expected of these networks, large is better."""
        with threads(_THREADS):
            self._learn(history, rng)
            more = self._described.rows(rows) if self._described is not None else None
            return self._score(Rows(rows), history.running, more)

    def _learn(self, history: History, rng: random.Random) -> None:
        """Learn what is known, if that has changed; a batch of what was known before is no longer good."""
        learnt = (*(each.number for each in history.told), *((hint.task, hint.number) for hint in history.hints))
        if learnt != self._learnt:
            self._models.learn(history, rng.getrandbits(31))
            self._learnt = learnt
            self._batch, self._more = np.zeros(0, int), None
