"""Parameters as vectors: one position each, those that ask the same question side by side, and counts over them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.search.sources import Matrix, Params
from nas.search.surrogate.graphs import Graph

_FEWEST_IN_ORDER = 3  # choices; of two, either order is the same


@dataclass(frozen=True)
class Group:
    """Positions that ask the same question: columns `start` on, `positions` times `width`, position by position.

    The sums over positions are in the columns `counts` on.
    """

    start: int
    positions: int
    width: int
    ordered: bool
    counts: int

    @property
    def shared(self) -> bool:
        return self.positions > 1

    @property
    def stop(self) -> int:
        return self.start + self.positions * self.width


class Encoder:
    """Parameters of Optuna as rows of numbers.

    A choice is one-hot, a number is its place between its bounds (by logarithm where it is drawn so) beside a one, and
    so is each of `ranked`, choices among numbers: its place in their order. A parameter that was not reached is all
    zeros. Parameters whose names differ in digits or in what stands before the last dot, and which have the same values
    to choose from, form a group; behind all positions stands how often each value occurs in each group. What operations
    on the edges of `graphs` make of their paths is as if asked for too, or with `instead` in their place. `width` is
    the number of all columns, `places` of those of positions.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        graphs: Sequence[Graph] = (),
        *,
        instead: bool = False,
        ranked: Collection[str] = (),
    ) -> None:
        edges = {name for graph in graphs for name in graph.parameters.values()} if instead else set()
        asked = {name: found for name, found in distributions.items() if not found.single() and name not in edges}
        by_question: dict[Any, list[str]] = {}
        for name, distribution in asked.items():
            by_question.setdefault(_question(name, distribution), []).append(name)
        self.graphs = tuple(graphs)
        for graph in self.graphs:
            for name, column in graph.columns.items():
                asked[name] = column.distribution
                by_question.setdefault(column.question, []).append(name)
        shapes, start = [], 0
        self._distributions = asked
        self._at: dict[str, int] = {}
        self._labels: dict[str, dict[Any, int]] = {}
        self._ranked: set[str] = set()
        for names in by_question.values():
            first = asked[names[0]]
            in_order = numbers_in_order(first) if names[0] in ranked else []
            labels = _numbered(in_order or (first.choices if isinstance(first, CategoricalDistribution) else ()))
            one_hot = bool(labels) and not in_order
            width = len(labels) if one_hot else 2
            shapes.append((start, len(names), width, not one_hot))
            for name in names:
                self._at[name] = start
                start += width
                if labels:
                    self._labels[name] = labels
            if in_order:
                self._ranked.update(names)
        self.places = start
        groups = []
        for first_column, positions, width, ordered in shapes:
            groups.append(Group(first_column, positions, width, ordered, start))
            start += width
        self.groups = tuple(groups)
        self.width = start

    def encode(self, rows: Sequence[Params]) -> Matrix:
        """One row for each; parameters that are not known are left out."""
        found = np.zeros((len(rows), self.width))
        for row, params in zip(found, rows, strict=True):
            derived = (graph.values(params).items() for graph in self.graphs)
            for name, value in itertools.chain(params.items(), *derived):
                at = self._at.get(name)
                if at is None:
                    continue
                labels = self._labels.get(name)
                if labels is None:
                    row[at], row[at + 1] = _place(self._distributions[name], value), 1.0
                elif (index := labels.get(_label(value))) is None:
                    continue
                elif name in self._ranked:
                    row[at], row[at + 1] = index / (len(labels) - 1), 1.0
                else:
                    row[at + index] = 1.0
        for group in self.groups:
            block = found[:, group.start : group.stop].reshape(len(rows), group.positions, group.width)
            found[:, group.counts : group.counts + group.width] = block.sum(axis=1)
        return found


def numbers_in_order(distribution: BaseDistribution) -> list[Any]:
    """The choices, from the least to the greatest, where all are numbers and there are three at least; else none.

    Words may be numbers too, such as the digits of a table.
    """
    if not isinstance(distribution, CategoricalDistribution):
        return []
    choices = distribution.choices
    if len(_numbered(choices)) < _FEWEST_IN_ORDER or not all(math.isfinite(_number(choice)) for choice in choices):
        return []
    return sorted(choices, key=_number)


def _numbered(choices: Sequence[Any]) -> dict[Any, int]:
    """The labels of choices, each once, by their places."""
    return {label: place for place, label in enumerate(dict.fromkeys(map(_label, choices)))}


def _number(choice: Any) -> float:
    """NaN where it is none."""
    try:
        return math.nan if isinstance(choice, bool) else float(choice)
    except (TypeError, ValueError):
        return math.nan


def _question(name: str, distribution: BaseDistribution) -> Any:
    word = re.sub(r"\d+", "", name.rpartition(".")[2])
    if isinstance(distribution, CategoricalDistribution):
        return word, tuple(map(_label, distribution.choices))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return word, distribution.low, distribution.high, distribution.step, distribution.log


def _label(value: Any) -> tuple[str, Any]:
    """Choices that Python holds equal (`1`, `True`) stay apart."""
    return type(value).__name__, value


def _place(distribution: BaseDistribution, value: float) -> float:
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return min(1.0, max(0.0, (value - low) / (high - low)))
