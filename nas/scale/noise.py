"""Whether the best of several groups is better than the others by more than the noise of seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import studentized_range, t

from nas.errors import NasError
from nas.scale.laws import Interval, check_confidence

CONFIDENCE = 0.95
SAME = 1e-12  # numbers that differ by less of their size are equal, but for rounding


@dataclass(frozen=True)
class Group:
    """The runs of one network: how many seeds, their mean, and its interval (None where noise is not known)."""

    seeds: int
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class Verdict:
    """The group of the highest mean, and whether that is more than noise.

    `noise` is the pooled standard deviation of seeds, with `freedom` degrees of freedom; None where no group has two
    seeds. The best is `difference` above the `runner_up`; `honest` is the honestly significant difference of the two,
    which noise alone lets no pair of all groups exceed, with `confidence`, and `p` how often it sets some pair as far
    apart as those two. `tied` are the others that are not significantly worse than the best, best first; `significant`
    is whether there are none. With one group there is no runner-up, and nothing is significant.
    """

    best: str
    runner_up: str | None
    difference: float | None
    noise: float | None
    freedom: int
    honest: float | None
    p: float | None
    significant: bool
    tied: tuple[str, ...]
    groups: Mapping[str, Group]
    confidence: float

    @property
    def mean(self) -> float:
        """That of the best group."""
        return self.groups[self.best].mean

    def sentence(self, what: str = "groups") -> str:
        """The verdict in plain words for shares such as accuracies; `what` the groups are, in the plural."""
        if self.runner_up is None or self.difference is None:
            return f"{self.best} is alone, with a mean of {self.mean:.1%}: there is nothing to compare it with"
        start = f"{self.best} has the best mean, {self.mean:.1%}, {_points(self.difference)} above the next"
        if self.noise is None:
            return f"{start}; with one seed each it is not known how far seeds differ, so that may be noise"
        seeds = f"{start}; seeds differ by {_points(self.noise)} (standard deviation), so that is"
        count = len(self.groups) - 1
        if self.significant:
            return f"{seeds} more than seed noise: it is better than {'the other' if count == 1 else 'all others'}"
        others = "the other" if count == 1 else f"{len(self.tied)} of the {count} other {what}"
        return f"{seeds} not more than seed noise: {others} cannot be told from it"

    def to_json(self) -> dict[str, Any]:
        """The numbers of a report."""
        return {
            "best": self.best,
            "mean": self.mean,
            "runner_up": self.runner_up,
            "difference": self.difference,
            "noise": self.noise,
            "freedom": self.freedom,
            "honest": self.honest,
            "p": self.p,
            "significant": self.significant,
            "tied": list(self.tied),
            "confidence": self.confidence,
            "groups": {
                name: {"seeds": each.seeds, "mean": each.mean, "interval": each.interval and list(each.interval)}
                for name, each in self.groups.items()
            },
        }


def winner(groups: Mapping[str, Sequence[float]], confidence: float = CONFIDENCE) -> Verdict:
    """The group of the highest mean (negate losses), and which others only the noise of seeds may have put below it.

    `groups` are the runs of each network, one a seed, such as accuracies from 0 to 1.

    Tukey's honestly significant difference (1949), by Kramer (1956) for unequal counts: the noise of seeds is taken to
    be normal and equal in all groups, and is pooled over them. All pairs count, so that picking the best of many groups
    does not make it significant. Intervals of means are of the t distribution with the pooled noise, each for itself.

    Raises `NasError` for no group, a group without runs, and runs that are not numbers.

    >>> winner({"deep": [0.71, 0.72, 0.73], "wide": [0.60, 0.61, 0.62]}).significant
    True
    """
    check_confidence(confidence)
    runs = _runs(groups)
    names = sorted(runs, key=lambda name: -_mean(runs[name]))  # equal means stay in the order given
    means = {name: _mean(runs[name]) for name in names}
    counts = {name: len(runs[name]) for name in names}
    freedom = sum(counts.values()) - len(runs)
    noise = _pooled(runs, means, freedom)
    best, others = names[0], names[1:]
    gaps = {name: means[best] - means[name] for name in others}
    gaps = {name: gap if gap > SAME * _size(runs) else 0.0 for name, gap in gaps.items()}
    allowed, p = dict.fromkeys(others, math.inf), None
    if others and noise is not None:
        spread = {name: noise * math.sqrt((1 / counts[best] + 1 / counts[name]) / 2) for name in others}
        limit = float(studentized_range.ppf(confidence, len(runs), freedom))
        allowed = {name: limit * spread[name] for name in others}
        p = _p(gaps[others[0]], spread[others[0]], len(runs), freedom)
    tied = tuple(name for name in others if gaps[name] <= allowed[name])

    def interval(name: str) -> Interval | None:
        if noise is None:
            return None
        half = float(t.ppf((1 + confidence) / 2, freedom)) * noise / math.sqrt(counts[name])
        return (means[name] - half, means[name] + half)

    return Verdict(
        best=best,
        runner_up=others[0] if others else None,
        difference=gaps[others[0]] if others else None,
        noise=noise,
        freedom=freedom,
        honest=allowed[others[0]] if others and noise is not None else None,
        p=p,
        significant=bool(others) and not tied,
        tied=tied,
        groups={name: Group(counts[name], means[name], interval(name)) for name in runs},
        confidence=confidence,
    )


def _pooled(runs: Mapping[str, list[float]], means: Mapping[str, float], freedom: int) -> float | None:
    if freedom == 0:
        return None
    square = sum((value - means[name]) ** 2 for name, values in runs.items() for value in values)
    noise = math.sqrt(square / freedom)
    return noise if noise > SAME * _size(runs) else 0.0


def _p(gap: float, spread: float, count: int, freedom: int) -> float:
    """How often the largest of the differences among `count` means exceeds the gap by noise alone."""
    if gap == 0:
        return 1.0
    if spread == 0:
        return 0.0
    return min(1.0, max(0.0, float(studentized_range.sf(gap / spread, count, freedom))))


def _runs(groups: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    if not groups:
        raise NasError("a comparison must have at least one group of runs, but got none")
    runs = {name: np.asarray(values, float).ravel().tolist() for name, values in groups.items()}
    for name, values in runs.items():
        if not values:
            raise NasError(f"every group must have at least one run, but {name} has none; leave it out or train it")
        if not all(math.isfinite(value) for value in values):
            raise NasError(f"every run must be a number, but {name} has {values}; leave out the ones that failed")
    return runs


def _mean(values: Sequence[float]) -> float:
    return values[0] + math.fsum(value - values[0] for value in values) / len(values)  # exact where all are equal


def _size(runs: Mapping[str, list[float]]) -> float:
    return max(abs(value) for values in runs.values() for value in values)


def _points(share: float) -> str:
    """A difference of shares: `0.4 points`."""
    points = 100 * share
    return f"{points:.1f} points" if points == 0 or points >= 0.1 else f"{points:.1g} points"
