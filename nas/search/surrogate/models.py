"""What is believed of networks that were not tried: one model an objective, one a constraint that was ever violated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.search.history import History, Told, chosen
from nas.search.sources import Matrix
from nas.search.surrogate.acquisition import expected_improvement, non_dominated
from nas.search.surrogate.described import Described
from nas.search.surrogate.learner import Learner
from nas.search.surrogate.outcomes import Bound, Scale
from nas.search.surrogate.related import Related
from nas.search.surrogate.views import Rows, View

_LEARNT = 600  # values that a model is conditioned on
_FEWEST = 20  # draws at random whose worst is the reference point, however few are finished
_MARGIN = 1.1  # the reference point is so many times as far


class Models:
    """Learns from a history as a whole each time; only hyperparameters last. Not thread-safe."""

    def __init__(
        self, views: Sequence[View], objectives: int, at_large: Rows, described: Described | None = None
    ) -> None:
        """`at_large` are networks at random, `described` tells more of those that are learnt from.

        Of `views`, those without paths are those of what is known elsewhere: where cells with the same paths are one,
        what a network itself was worth there would tell less of it.
        What is believed of networks at random sets the reference point: that of the trials would move with where the
        search goes.
        """
        self._views = views
        self._at_large = at_large
        self._chances = np.random.default_rng(0).standard_normal(len(at_large))
        self._learners = [Learner(views) for _ in range(objectives)]
        self._described = described
        self._informed = [Learner(described.views) for _ in range(objectives)] if described is not None else []
        apart = [view for view in views if not view.encoder.graphs]
        self._related = [Related(lambda: Learner(apart)) for _ in range(objectives)]
        self._bounding: dict[str, Learner] = {}

    def learn(self, history: History, seed: int) -> None:
        told = chosen(history.aimed_at, _LEARNT, seed)
        self._front = best_of(told)
        self._scales: list[Scale] = []
        self._reference: list[float] = []
        every = Rows([each.params for each in told])
        if self._described is not None:
            self._described.learn(every.params)
        for objective, (learner, related) in enumerate(zip(self._learners, self._related, strict=True)):
            if not told:
                break
            given, tasks = history.elsewhere(objective)
            known = {each.number for each in told}
            more = [hint for hint in given if hint.number not in known]
            rows = every.followed_by([hint.params for hint in more]) if more else every
            values = [each.values[objective] for each in told if each.values is not None]
            values += [hint.values[objective] for hint in more]
            scale = Scale.of(np.array(values))
            theirs = {
                name: (
                    Rows([hint.params for hint in hints[-_LEARNT:]]),
                    np.array([hint.values[objective] for hint in hints[-_LEARNT:]]),
                )
                for name, hints in tasks.items()
            }
            rest = related.learn(theirs, rows, scale.standard(np.array(values)), seed)
            learner.learn(rows, rest, seed)
            if self._described is not None:
                self._informed[objective].learn(self._described.rows(rows.params), rest, seed)
            self._scales.append(scale)
            self._reference.append(self._far(objective, len(told)))
        self._bounds: dict[str, Bound] = {}
        for name in history.exceeded:
            params, excesses = history.excesses(name)
            params, excesses = params[-_LEARNT:], excesses[-_LEARNT:]
            bound = self._bounds[name] = Bound.of(excesses)
            learner = self._bounding.setdefault(name, Learner(self._views))
            learner.learn(Rows(params), bound.standard(excesses), seed)

    @property
    def informed(self) -> tuple[bool, ...]:
        """Of each objective, whether it is told better with what else is known; empty where nothing is."""
        return tuple(more.missed < less.missed for more, less in zip(self._informed, self._learners, strict=False))

    def score(self, rows: Rows, running: Rows, described: tuple[Rows, Rows] | None = None) -> Matrix:
        """Expected hypervolume improvement times the probability to be feasible.

        `described` are both again, with what else is known of these networks: each objective is told from that where it
        was told better so of the networks that were learnt from.

        While nothing is feasible, that probability, less what exceeds the constraints even with some luck: all may be
        so far from feasible that no probability tells them apart.
        """
        chance, exceeded = np.ones(len(rows)), np.zeros(len(rows))
        feasible = np.ones(len(running), bool)
        for name, bound in self._bounds.items():
            learner = self._bounding[name]
            feasible &= learner.believe(running) <= bound.met
            mean, deviation = learner.predict(rows)
            chance *= bound.chance(mean, deviation)
            exceeded += bound.exceeded(mean, deviation)
        if not self._front:
            return chance - exceeded
        front = np.array([each.values for each in self._front])
        points, means, deviations = [], [], []
        for objective, (scale, best) in enumerate(zip(self._scales, front.T, strict=True)):
            learner, looked_at, beside = self._learners[objective], rows, running
            if described is not None and self.informed[objective]:
                learner, (looked_at, beside) = self._informed[objective], described
            expected = learner.believe(beside) + self._related[objective].predict(running)[0]
            believed, _ = scale.of_logarithm(expected, np.zeros(len(running)))
            mean, deviation = self._predict(objective, rows, learner.predict(looked_at))
            points.append(np.append(scale.positive(best), np.exp(believed)[feasible]))
            means.append(mean)
            deviations.append(deviation)
        improvement = expected_improvement(
            np.stack(means, axis=1), np.stack(deviations, axis=1), np.stack(points, axis=1), np.array(self._reference)
        )
        return np.asarray(improvement * chance)

    def _predict(self, objective: int, rows: Rows, rest: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the logarithm of one objective; `rest` are those of what is learnt here."""
        mean, deviation = rest
        elsewhere, variance = self._related[objective].predict(rows)
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
