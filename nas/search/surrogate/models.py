"""What is believed of networks that were not tried: one model an objective, one a constraint that was ever violated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nas.search.history import History, Told, chosen
from nas.search.sources import Matrix
from nas.search.surrogate.acquisition import expected_improvement, non_dominated
from nas.search.surrogate.described import Described
from nas.search.surrogate.ensemble import Ensemble
from nas.search.surrogate.features import Encoder
from nas.search.surrogate.model import GaussianProcess
from nas.search.surrogate.outcomes import Bound, Scale
from nas.search.surrogate.related import Related

_LEARNT = 600  # values that a model is conditioned on
_FITTED = 120  # values that hyperparameters are fitted to at a time
_FIRST, _LATER = 60, 3  # steps of fitting hyperparameters when a model begins, and each time that it learns
_DOUBT = 2.0  # how many values (of a variance of one) the first guess of the ensemble's share is worth
_AT_ONCE = 512  # rows that are predicted together, few enough for a processor's cache
_ENSEMBLE_FIRST, _ENSEMBLE_LATER = 150, 15  # the same of the ensemble; later ones fewer where one value more is little
_MANY = 100  # values from which on one more is little
_FEWEST = 20  # draws at random whose worst is the reference point, however few are finished
_MARGIN = 1.1  # the reference point is so many times as far


class Learner:
    """A model of one quantity that goes on from its last hyperparameters: a Gaussian process beside an ensemble.

    What is expected is a mean of both, weighted by how well each tells values that it did not learn; where they
    disagree, less is sure. `missed` is the mean square by which it misses these.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._process = GaussianProcess(encoder.groups)
        self._ensemble = Ensemble(encoder.groups, encoder.width)
        self._begun = False

    def learn(self, features: Matrix, values: Matrix, seed: int) -> None:
        part = np.random.default_rng(seed).permutation(len(values))[:_FITTED]
        self._process.fit(features[part], values[part], _LATER if self._begun else _FIRST)
        later = math.ceil(_ENSEMBLE_LATER * min(1.0, _MANY / max(1, len(values))))
        self._ensemble.fit(features, values, later if self._begun else _ENSEMBLE_FIRST)
        self._begun = True
        self._far: tuple[Matrix, Matrix] | None = None
        self._process.condition(features, values)
        # The weight that tells the values best by what both say of them without having learnt them (D. H. Wolpert,
        # 1992: Stacked generalization), held near one half while there are few.
        near = self._process.left_out()
        apart = near - (self._ensemble.left_out(features) - values)
        self._share = float(np.clip((_DOUBT / 2 + near @ apart) / (_DOUBT + apart @ apart), 0.0, 1.0))
        self.missed = float(((near - self._share * apart) ** 2).mean())

    def believe(self, running: Matrix) -> Matrix:
        """Take rows to have the values that are expected of them, beside those learnt; gives these values.

        So networks like those in training are not asked for (the Kriging believer of D. Ginsbourger et al., 2010).
        """
        near, far = self._process.believe(running), self._ensemble.predict(running)
        return np.asarray(near + self._share * (far - near))

    def predict(self, features: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of each row's value as it would be observed.

        The same few rows as in the call before, as the same array, cost little while nothing is learnt.
        """
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
        return near + self._share * apart, np.sqrt(deviation**2 + self._share * (1 - self._share) * apart**2)


class Models:
    """Learns from a history as a whole each time; only hyperparameters last. Not thread-safe."""

    def __init__(self, encoder: Encoder, objectives: int, at_large: Matrix, described: Described | None = None) -> None:
        """`at_large` are features of networks at random, `described` tells more of those that are learnt from.

        What is believed of networks at random sets the reference point: that of the trials would move with where the
        search goes.
        """
        self._encoder = encoder
        self._at_large = at_large
        self._chances = np.random.default_rng(0).standard_normal(len(at_large))
        self._learners = [Learner(encoder) for _ in range(objectives)]
        self._described = described
        self._informed = [Learner(described.encoder) for _ in range(objectives)] if described is not None else []
        self._related = [Related(lambda: Learner(encoder)) for _ in range(objectives)]
        self._bounding: dict[str, Learner] = {}

    def learn(self, history: History, seed: int) -> None:
        told = chosen(history.aimed_at, _LEARNT, seed)
        self._front = best_of(told)
        self._scales: list[Scale] = []
        self._reference: list[float] = []
        if self._described is not None:
            self._described.learn([each.params for each in told])
        for objective, (learner, related) in enumerate(zip(self._learners, self._related, strict=True)):
            if not told:
                break
            given, tasks = history.elsewhere(objective)
            known = {each.number: each for each in told}
            params = [each.params for each in told] + [each.params for each in given if each.number not in known]
            values = [each.values[objective] for each in told if each.values is not None]
            values += [each.values[objective] for each in given if each.number not in known]
            features, scale = self._encoder.encode(params), Scale.of(np.array(values))
            theirs = {
                name: (
                    self._encoder.encode([hint.params for hint in hints[-_LEARNT:]]),
                    np.array([hint.values[objective] for hint in hints[-_LEARNT:]]),
                )
                for name, hints in tasks.items()
            }
            rest = related.learn(theirs, features, scale.standard(np.array(values)), seed)
            learner.learn(features, rest, seed)
            if self._described is not None:
                self._informed[objective].learn(self._described.encode(params), rest, seed)
            self._scales.append(scale)
            self._reference.append(self._far(objective, len(told)))
        self._bounds: dict[str, Bound] = {}
        for name in history.exceeded:
            rows, excesses = history.excesses(name)
            rows, excesses = rows[-_LEARNT:], excesses[-_LEARNT:]
            bound = self._bounds[name] = Bound.of(excesses)
            learner = self._bounding.setdefault(name, Learner(self._encoder))
            learner.learn(self._encoder.encode(rows), bound.standard(excesses), seed)

    @property
    def informed(self) -> tuple[bool, ...]:
        """Of each objective, whether it is told better with what else is known; empty where nothing is."""
        return tuple(more.missed < less.missed for more, less in zip(self._informed, self._learners, strict=False))

    def score(self, features: Matrix, running: Matrix, described: tuple[Matrix, Matrix] | None = None) -> Matrix:
        """Expected hypervolume improvement times the probability to be feasible.

        `described` are both again, with what else is known of these networks: each objective is told from that where it
        was told better so of the networks that were learnt from.

        While nothing is feasible, that probability, less what exceeds the constraints even with some luck: all may be
        so far from feasible that no probability tells them apart.
        """
        chance, exceeded = np.ones(len(features)), np.zeros(len(features))
        feasible = np.ones(len(running), bool)
        for name, bound in self._bounds.items():
            learner = self._bounding[name]
            feasible &= learner.believe(running) <= bound.met
            mean, deviation = learner.predict(features)
            chance *= bound.chance(mean, deviation)
            exceeded += bound.exceeded(mean, deviation)
        if not self._front:
            return chance - exceeded
        front = np.array([each.values for each in self._front])
        points, means, deviations = [], [], []
        for objective, (scale, best) in enumerate(zip(self._scales, front.T, strict=True)):
            learner, rows, beside = self._learners[objective], features, running
            if described is not None and self.informed[objective]:
                learner, (rows, beside) = self._informed[objective], described
            expected = learner.believe(beside) + self._related[objective].predict(running)[0]
            believed, _ = scale.of_logarithm(expected, np.zeros(len(running)))
            mean, deviation = self._predict(objective, features, learner.predict(rows))
            points.append(np.append(scale.positive(best), np.exp(believed)[feasible]))
            means.append(mean)
            deviations.append(deviation)
        improvement = expected_improvement(
            np.stack(means, axis=1), np.stack(deviations, axis=1), np.stack(points, axis=1), np.array(self._reference)
        )
        return np.asarray(improvement * chance)

    def _predict(self, objective: int, features: Matrix, rest: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the logarithm of one objective; `rest` are those of what is learnt here."""
        mean, deviation = rest
        elsewhere, variance = self._related[objective].predict(features)
        return self._scales[objective].of_logarithm(mean + elsewhere, np.sqrt(deviation**2 + variance))

    def _far(self, objective: int, finished: int) -> float:
        """The reference point in one objective: about the worst of as many networks at random as are finished."""
        mean, deviation = self._predict(objective, self._at_large, self._learners[objective].predict(self._at_large))
        share = 1 - 1 / max(_FEWEST, finished)
        far = np.log(_MARGIN) + np.quantile(mean + deviation * self._chances, share)
        return float(np.exp(min(far, self._scales[objective].worthless)))


def best_of(told: Sequence[Told]) -> list[Told]:
    """The feasible ones that no other dominates."""
    feasible = [each for each in told if each.values is not None and each.feasible]
    if not feasible:
        return []
    kept = non_dominated(np.array([each.values for each in feasible]))
    return [each for each, good in zip(feasible, kept, strict=True) if good]
