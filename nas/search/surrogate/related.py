"""What is known of networks from elsewhere, and how far it tells what they are worth here.

A lower fidelity or an earlier study has a model of its own; what is worth here is taken to be a multiple of what that
expects, and a difference that is learnt here (M. C. Kennedy, A. O'Hagan, 2000: Predicting the output from a complex
computer code when fast approximations are available). The multiples are those of a Bayesian linear regression, so what
tells nothing is soon left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from nas.search.sources import Matrix
from nas.search.surrogate.outcomes import Scale
from nas.search.surrogate.views import Rows

_TRUST, _DOUBT = 0.7, 0.5  # mean and standard deviation of the multiple, before anything is known
_NOISE = 0.5  # standard deviation of what the multiple leaves


class Model(Protocol):
    """Learns rows with values of a variance of about one."""

    def learn(self, rows: Rows, values: Matrix, seed: int) -> None: ...

    def predict(self, rows: Rows) -> tuple[Matrix, Matrix]: ...


class Related:
    """Of one objective: the models of other tasks, and the multiple of each."""

    def __init__(self, make: Callable[[], Model]) -> None:
        self._make = make
        self._models: dict[str, Model] = {}
        self._used: list[Model] = []
        self.trust: dict[str, float] = {}

    def learn(self, tasks: Mapping[str, tuple[Rows, Matrix]], rows: Rows, values: Matrix, seed: int) -> Matrix:
        """Learn each task's rows and raw values; gives what they leave of `values`, which are standard."""
        self._used = []
        for name, (known, theirs) in tasks.items():
            model = self._models.setdefault(name, self._make())
            model.learn(known, Scale.of(theirs).standard(theirs), seed)
            self._used.append(model)
        self._multiples = np.zeros(0)
        if self._used:
            expected = np.stack([model.predict(rows)[0] for model in self._used], axis=1)
            self._multiples = _regress(expected, values)
        self.trust = dict(zip(tasks, self._multiples.tolist(), strict=True))
        return np.asarray(values - self.predict(rows)[0])

    def predict(self, rows: Rows) -> tuple[Matrix, Matrix]:
        """What the tasks say of the standard value of each row: mean, and variance."""
        mean, variance = np.zeros(len(rows)), np.zeros(len(rows))
        for model, multiple in zip(self._used, self._multiples, strict=True):
            theirs, deviation = model.predict(rows)
            mean += multiple * theirs
            variance += (multiple * deviation) ** 2
        return mean, variance


def _regress(expected: Matrix, values: Matrix) -> Matrix:
    """The most probable multiples of the columns, beside an offset that stays with who learns the rest."""
    count = expected.shape[1]
    prior = np.full(count, _TRUST / count)
    left = values - expected @ prior
    centred = expected - expected.mean(axis=0)
    precision = centred.T @ centred / _NOISE**2 + np.eye(count) / _DOUBT**2
    return np.asarray(prior + np.linalg.solve(precision, centred.T @ (left - left.mean()) / _NOISE**2))
