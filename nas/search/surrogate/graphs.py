"""Cells as graphs: what operations on edges make of the paths from the first node to the last.

Names of parameters tell which choices are edges (`cell.0>2`); where they are but numbered (`op0`, `op1`), these may be
the edges of a graph all the same. Beside the operations themselves count which of them lie on such a path (what is not
on one does nothing), how many paths of each length there are, how often each operation occurs on one path at most, and
the shares of paths with each operation and with no other: a path encoding (C. White et al., 2021: BANANAS) that does
not grow with the number of paths.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.search.sources import Params

NONE = "none"  # the operation of an edge that is not there
_FEWEST = 3  # nodes; between two there is but one edge
_MOST_CHOICES = 8  # of which any may be the one that is no operation, where names do not tell

Edge = tuple[int, int]


@dataclass(frozen=True)
class Column:
    """What is derived, as a parameter; columns of one `question` share what is learnt."""

    distribution: BaseDistribution
    question: Any


@dataclass(frozen=True)
class Graph:
    """A parameter for every edge `0>1`, `0>2`, `1>2`, ...; node 0 is the input and the last one the output.

    An edge whose choice is `none` is not there.
    """

    cell: str
    parameters: Mapping[Edge, str]
    choices: tuple[Any, ...]
    none: Any = NONE

    @property
    def nodes(self) -> int:
        return 1 + max(end for _, end in self.parameters)

    @property
    def operations(self) -> list[Any]:
        return [choice for choice in self.choices if choice != self.none]

    @property
    def columns(self) -> dict[str, Column]:
        on_path = Column(CategoricalDistribution(self.choices), ("on a path", self.choices))
        found = {self._on_path(edge): on_path for edge in self.parameters}
        for steps in range(1, self.nodes):
            most = math.comb(self.nodes - 2, steps - 1)
            found[self._paths(steps)] = Column(IntDistribution(0, most), ("paths", self.nodes, steps))
        for operation in self.operations:
            found[self._most(operation)] = Column(
                IntDistribution(0, self.nodes - 1), ("most", self.nodes, self.choices, operation)
            )
        for question in ("with", "of nothing but"):
            column = Column(FloatDistribution(0.0, 1.0), (question, self.nodes, self.choices))
            found |= {self._share(question, operation): column for operation in self.operations}
        return found

    def values(self, params: Params) -> dict[str, Any]:
        """Of the columns; none where an edge has no operation."""
        if any(name not in params for name in self.parameters.values()):
            return {}
        used = self._used(params)
        found: dict[str, Any] = {self._on_path(edge): used.get(edge, self.none) for edge in self.parameters}
        paths = _paths(tuple(used), self.nodes)
        found |= {self._paths(steps): paths[steps] for steps in range(1, self.nodes)}
        every = max(1, sum(paths))
        for operation in self.operations:
            by_it = tuple(edge for edge, each in used.items() if each == operation)
            without = tuple(edge for edge, each in used.items() if each != operation)
            found |= {
                self._most(operation): _most(used, operation, self.nodes),
                self._share("with", operation): (sum(paths) - sum(_paths(without, self.nodes))) / every,
                self._share("of nothing but", operation): sum(_paths(by_it, self.nodes)) / every,
            }
        return found

    def _used(self, params: Params) -> dict[Edge, Any]:
        """The operations that lie on a path from the first node to the last."""
        there = {edge: params[name] for edge, name in self.parameters.items() if params[name] != self.none}
        into, out = {0}, {self.nodes - 1}
        for start, end in sorted(there, key=lambda edge: edge[1]):
            if start in into:
                into.add(end)
        for start, end in sorted(there, reverse=True):
            if end in out:
                out.add(start)
        return {edge: operation for edge, operation in there.items() if edge[0] in into and edge[1] in out}

    def _on_path(self, edge: Edge) -> str:
        return f"{self.parameters[edge]} on a path"

    def _paths(self, steps: int) -> str:
        return f"{self.cell} paths of {steps}"

    def _share(self, question: str, operation: Any) -> str:
        return f"{self.cell} share of paths {question} {operation!r}"

    def _most(self, operation: Any) -> str:
        return f"{self.cell} most {operation!r} on a path"


def find_graphs(distributions: Mapping[str, BaseDistribution]) -> list[Graph]:
    """Those of which every edge is a choice among the same operations, `none` among them, named as in `cell.0>2`."""
    cells: dict[str, dict[Edge, str]] = {}
    for name in distributions:
        if match := re.fullmatch(r"(|.*\D)(\d+)>(\d+)", name):
            cells.setdefault(match[1], {})[int(match[2]), int(match[3])] = name
    found = []
    for cell, edges in cells.items():
        nodes = 1 + max(end for _, end in edges)
        whole = set(edges) == {(start, end) for end in range(nodes) for start in range(end)}
        kinds = {name: distributions[name] for name in edges.values()}
        first = next(iter(kinds.values()))
        same = all(isinstance(kind, CategoricalDistribution) and kind == first for kind in kinds.values())
        if nodes >= _FEWEST and whole and same and isinstance(first, CategoricalDistribution) and NONE in first.choices:
            found.append(Graph(cell, edges, tuple(first.choices)))
    return found


def possible_graphs(distributions: Mapping[str, BaseDistribution]) -> list[Graph]:
    """What choices that only a number tells apart may be, where there are as many as a graph has edges.

    The edges may be in order of their ends or of their starts, and each of the choices may be the one of no operation.
    """
    alike: dict[str, list[tuple[int, str]]] = {}
    for name in distributions:
        if match := re.fullmatch(r"(\D*)(\d+)", name):
            alike.setdefault(match[1], []).append((int(match[2]), name))
    found = []
    for cell, numbered in alike.items():
        names = [name for _, name in sorted(numbered)]
        first = distributions[names[0]]
        nodes = round(math.sqrt(2 * len(names))) + 1  # n (n - 1) / 2 edges
        if (
            nodes >= _FEWEST
            and math.comb(nodes, 2) == len(names)
            and isinstance(first, CategoricalDistribution)
            and 1 < len(first.choices) <= _MOST_CHOICES
            and all(distributions[name] == first for name in names)
        ):
            by_start = list(itertools.combinations(range(nodes), 2))
            by_end = sorted(by_start, key=lambda edge: edge[::-1])
            orders = [by_end] if by_end == by_start else [by_end, by_start]
            for edges, none in itertools.product(orders, first.choices):
                found.append(Graph(cell, dict(zip(edges, names, strict=True)), tuple(first.choices), none))
    return found


@lru_cache(maxsize=4096)
def _paths(edges: tuple[Edge, ...], nodes: int) -> tuple[int, ...]:
    """How many paths of each number of steps lead from the first node to the last."""
    counts = [[0] * nodes for _ in range(nodes)]
    counts[0][0] = 1
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        for steps in range(nodes - 1):
            counts[end][steps + 1] += counts[start][steps]
    return tuple(counts[-1])


def _most(used: Mapping[Edge, Any], operation: Any, nodes: int) -> int:
    """How often an operation occurs at most on one path; all of `used` are on one."""
    most = [0] * nodes
    for (start, end), found in sorted(used.items(), key=lambda item: item[0][1]):
        most[end] = max(most[end], most[start] + (found == operation))
    return most[-1]
