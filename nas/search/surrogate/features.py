"""Parameters as vectors: one position each, those that ask the same question side by side, and counts over them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.search.sources import Matrix, Params
from nas.search.surrogate.graphs import Graph


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

    A choice is one-hot, a number is its place between its bounds (by logarithm where it is drawn so) beside a one. A
    parameter that was not reached is all zeros. Parameters whose names differ in digits or in what stands before the
    last dot, and which have the same values to choose from, form a group; behind all positions stands how often each
    value occurs in each group. What operations on the edges of `graphs` make of their paths is as if asked for too, or
    with `instead` in their place. `width` is the number of all columns, `places` of those of positions.
    """

    def __init__(
        self, distributions: Mapping[str, BaseDistribution], graphs: Sequence[Graph] = (), *, instead: bool = False
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
        for names in by_question.values():
            first = asked[names[0]]
            labels = None
            if isinstance(first, CategoricalDistribution):
                labels = {_label(value): index for index, value in enumerate(first.choices)}
            width = len(labels) if labels else 2
            shapes.append((start, len(names), width, labels is None))
            for name in names:
                self._at[name] = start
                start += width
                if labels:
                    self._labels[name] = labels
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
                    row[at] = _place(self._distributions[name], value)
                    row[at + 1] = 1.0
                elif (index := labels.get(_label(value))) is not None:
                    row[at + index] = 1.0
        for group in self.groups:
            block = found[:, group.start : group.stop].reshape(len(rows), group.positions, group.width)
            found[:, group.counts : group.counts + group.width] = block.sum(axis=1)
        return found


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
