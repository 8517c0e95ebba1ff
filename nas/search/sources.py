"""Where candidates come from: a walk through the questions that a space asks, in bare Optuna as far as trials show."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

_ENOUGH = 300  # trials show what depends on what

Params = Mapping[str, Any]
Matrix = NDArray[np.float64]
Draw = Callable[[str, BaseDistribution], Any]


class Source(Protocol):
    """A space as a sampler needs it."""

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        """Of every parameter that may be asked for."""
        ...

    @property
    def signature(self) -> Any:
        """Equal for sources with the same walks."""
        ...

    def walk(self, draw: Draw) -> dict[str, Any]:
        """Calls `draw` once for each parameter that is reached, in a stable order."""
        ...

    def fresh(self, rng: random.Random) -> dict[str, Any]:
        """A draw at random of what is known not to be in vain."""
        ...

    def allows(self, params: Params) -> bool:
        """Whether this is known not to be in vain."""
        ...


@dataclass(frozen=True)
class Condition:
    """A parameter is reached where an earlier one has one of these values."""

    on: str
    values: frozenset[tuple[str, Any]]


class Observed:
    """The space as the trials of a study show it: a parameter is asked for under the condition that explains best when.

    What no trial has reached is not known; a parameter without a condition that explains it is asked for always, and
    one that turns out not to be reached is ignored by Optuna.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        self.distributions: dict[str, BaseDistribution] = {}
        for trial in trials:
            self.distributions.update(trial.distributions)
        finished = (trial.params for trial in reversed(trials) if trial.state.is_finished())
        ended = list(itertools.islice(finished, _ENOUGH))[::-1]
        names = list(self.distributions)
        self._conditions = {
            name: found
            for index, name in enumerate(names)
            if not all(name in params for params in ended)
            and (found := _condition(name, names[:index], ended)) is not None
        }
        self.signature = (tuple(self.distributions.items()), tuple(self._conditions.items()))

    def walk(self, draw: Draw) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, distribution in self.distributions.items():
            condition = self._conditions.get(name)
            if condition is None or (condition.on in found and _value(found[condition.on]) in condition.values):
                found[name] = draw(name, distribution)
        return found

    def fresh(self, rng: random.Random) -> dict[str, Any]:
        return walked(self, rng)

    def allows(self, params: Params) -> bool:
        return True


def _condition(name: str, earlier: Sequence[str], ended: Sequence[Params]) -> Condition | None:
    """The earlier parameter whose values tell best when `name` is reached, None where none tells anything."""
    best, most = None, max(sum(name in params for params in ended), sum(name not in params for params in ended))
    for other in earlier:
        reached: dict[Any, int] = {}
        for params in ended:
            if other in params:
                value = _value(params[other])
                reached[value] = reached.get(value, 0) + (1 if name in params else -1)
        values = frozenset(value for value, balance in reached.items() if balance > 0)
        right = sum((name in params) == (other in params and _value(params[other]) in values) for params in ended)
        if right > most:
            best, most = Condition(other, values), right
    return best


def _value(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value


class Walkable(Protocol):
    """What a walk needs of a source."""

    def walk(self, draw: Draw) -> dict[str, Any]: ...


def walked(source: Walkable, rng: random.Random) -> dict[str, Any]:
    """A walk in which each value has the same chance."""
    return source.walk(lambda name, distribution: drawn(distribution, rng))


def drawn(distribution: BaseDistribution, rng: random.Random) -> Any:
    """A value, all with the same chance."""
    if isinstance(distribution, CategoricalDistribution):
        return rng.choice(distribution.choices)
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return rng.randrange(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        steps = round((distribution.high - distribution.low) / distribution.step)
        return min(distribution.high, distribution.low + distribution.step * rng.randint(0, steps))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if not distribution.log:
        return rng.uniform(distribution.low, distribution.high)
    value = math.exp(rng.uniform(math.log(distribution.low), math.log(distribution.high)))
    value = min(distribution.high, max(distribution.low, value))
    return round(value) if isinstance(distribution, IntDistribution) else value


def values_of(distribution: BaseDistribution) -> Sequence[Any] | None:
    """All values, None where there are too many to tell."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    assert isinstance(distribution, FloatDistribution)
    if distribution.step is None:
        return [distribution.low] if distribution.single() else None
    steps = round((distribution.high - distribution.low) / distribution.step)
    return [min(distribution.high, distribution.low + distribution.step * step) for step in range(steps + 1)]


def everything(source: Source, most: int) -> list[dict[str, Any]] | None:
    """Every walk of a source, None where there are more than so many."""
    rng = random.Random(0)
    if max(_branches(source, rng) for _ in range(10)) > 4 * most:
        return None  # a guess that saves counting in vain
    found: list[dict[str, Any]] = []
    path: list[list[Any]] = []  # of each parameter on the way: the values that are left, the present one last
    while True:
        depth = itertools.count()

        def draw(name: str, distribution: BaseDistribution, depth: Iterator[int] = depth) -> Any:
            at = next(depth)
            if at == len(path):
                values = values_of(distribution)
                if values is None:
                    raise _Endless
                path.append(list(values)[::-1])
            return path[at][-1]

        try:
            found.append(source.walk(draw))
        except _Endless:
            return None
        while path and len(path[-1]) == 1:
            path.pop()
        if not path:
            return found
        path[-1].pop()
        if len(found) >= most:
            return None


class _Endless(Exception):
    """A parameter has more values than can be told."""


def _branches(source: Source, rng: random.Random) -> float:
    """How many walks there are, guessed from one (D. E. Knuth, 1975: Estimating the efficiency of backtracking)."""
    product = 1.0

    def draw(name: str, distribution: BaseDistribution) -> Any:
        nonlocal product
        values = values_of(distribution)
        product *= math.inf if values is None else len(values)
        return drawn(distribution, rng)

    source.walk(draw)
    return product
