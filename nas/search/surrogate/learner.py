"""A model of one quantity, of networks as it sees them best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.search.sources import Matrix
from nas.search.surrogate.ensemble import Ensemble
from nas.search.surrogate.model import GaussianProcess
from nas.search.surrogate.views import Rows, View, by_probability

_FITTED = 120  # values that hyperparameters are fitted to at a time
_FIRST, _LATER = 60, 3  # steps of fitting hyperparameters when a model begins, and each time that it learns
_DOUBT = 2.0  # how many values (of a variance of one) the first guess of the ensemble's share is worth
_SURE = 20.0  # how many values the first guess of how far variances are off is worth
_AT_ONCE = 512  # rows that are predicted together, few enough for a processor's cache
_ENSEMBLE_FIRST, _ENSEMBLE_LATER = 150, 15  # the same of the ensemble; later ones fewer where one value more is little
_MANY = 100  # values from which on one more is little
_LOOK_AGAIN = 1.5  # times as many values
_GLANCE = 40  # values that are enough to leave most views aside


class Learner:
    """A model of one quantity that goes on from its last hyperparameters: a Gaussian process beside an ensemble.

    What is expected is a mean of both, weighted by how well each tells values that it did not learn; where they
    disagree, less is sure. `missed` is the mean square by which it misses these; as far as it misses them by more or
    less than variances say, they are corrected. The view is the one of `views` that tells the values best; it is looked
    for anew each time that there are half as many values more.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._views = list(views)
        self._look_at = 0  # values
        self._see(self._views[0])

    def _see(self, view: View) -> None:
        self._encoder = view.encoder
        self._process = GaussianProcess(view.encoder.groups)
        self._ensemble = Ensemble(view.encoder.groups, view.encoder.width)
        self._begun = False

    def _look(self, rows: Rows, values: Matrix, part: NDArray[np.int64]) -> None:
        begins = self._look_at == 0
        self._look_at = math.ceil(_LOOK_AGAIN * len(values))
        if len(part) < len(values):
            rows, values = rows.only(part), values[part]
        if begins and len(values) > _GLANCE:
            self._views = by_probability(self._views, rows.only(range(_GLANCE)), values[:_GLANCE])
        self._views = by_probability(self._views, rows, values)
        if self._views[0].encoder is not self._encoder:
            self._see(self._views[0])

    def learn(self, rows: Rows, values: Matrix, seed: int) -> None:
        part = np.random.default_rng(seed).permutation(len(values))[:_FITTED]
        if len(self._views) > 1 and len(values) >= self._look_at:
            self._look(rows, values, part)
        features = rows.seen_by(self._encoder)
        self._process.fit(features[part], values[part], _LATER if self._begun else _FIRST)
        later = math.ceil(_ENSEMBLE_LATER * min(1.0, _MANY / max(1, len(values))))
        self._ensemble.fit(features, values, later if self._begun else _ENSEMBLE_FIRST)
        self._begun = True
        self._far: tuple[Matrix, Matrix] | None = None
        self._process.condition(features, values)
        # The weight that tells the values best by what both say of them without having learnt them (D. H. Wolpert,
        # 1992: Stacked generalization), held near one half while there are few.
        near, unsure = self._process.left_out()
        apart = near - (self._ensemble.left_out(features) - values)
        self._share = float(np.clip((_DOUBT / 2 + near @ apart) / (_DOUBT + apart @ apart), 0.0, 1.0))
        off, said = (near - self._share * apart) ** 2, self._variance(unsure, apart)
        self.missed = float(off.mean())
        self._correction = (_SURE + (off / said).sum()) / (_SURE + len(off))

    def believe(self, running: Rows) -> Matrix:
        """Take rows to have the values that are expected of them, beside those learnt; gives these values.

        So networks like those in training are not asked for (the Kriging believer of D. Ginsbourger et al., 2010).
        """
        features = running.seen_by(self._encoder)
        near, far = self._process.believe(features), self._ensemble.predict(features)
        return np.asarray(near + self._share * (far - near))

    def predict(self, rows: Rows) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of each row's value as it would be observed.

        The same few rows as in the call before cost little while nothing is learnt.
        """
        features = rows.seen_by(self._encoder)
        if len(features) <= _AT_ONCE:
            return self._predict(features)
        parts = [self._predict(features[at : at + _AT_ONCE]) for at in range(0, len(features), _AT_ONCE)]
        means, deviations = zip(*parts, strict=True)
        return np.concatenate(means), np.concatenate(deviations)

    def _predict(self, features: Matrix) -> tuple[Matrix, Matrix]:
        near, deviation = self._process.predict(features)
        if self._far is None or self._far[0] is not features:
            self._far = features, self._ensemble.predict(features)
        apart = self._far[1] - near
        return near + self._share * apart, np.sqrt(self._correction * self._variance(deviation, apart))

    def _variance(self, deviation: Matrix, apart: Matrix) -> Matrix:
        """Of a mixture of both models, before it is corrected."""
        return np.asarray(deviation**2 + self._share * (1 - self._share) * apart**2)
