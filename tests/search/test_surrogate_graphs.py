"""What operations on the edges of a cell make of its paths, as the surrogate sees it."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from nas.search.surrogate.features import Encoder
from nas.search.surrogate.graphs import Graph, find_graphs
from nas.search.surrogate.sampler import SurrogateSampler

OPS = ("none", "skip", "conv")
CELL = {f"cell.{start}>{end}": CategoricalDistribution(OPS) for end in range(1, 4) for start in range(end)}


def graph() -> Graph:
    (found,) = find_graphs(CELL)
    return found


def cell(**operations: str) -> dict[str, str]:
    """`cell(e01="conv")` has none on all other edges."""
    return {name: operations.get(f"e{name[-3]}{name[-1]}", "none") for name in CELL}


def all_paths(params: dict[str, str]) -> list[list[str]]:
    """The operations along every path, by looking at all ways."""
    found = []
    for count in range(3):
        for between in itertools.combinations((1, 2), count):
            way = (0, *between, 3)
            steps = [params[f"cell.{start}>{end}"] for start, end in itertools.pairwise(way)]
            if "none" not in steps:
                found.append(steps)
    return found


def test_an_edge_that_leads_nowhere_does_not_count() -> None:
    found = graph().values(cell(e01="conv", e03="skip", e23="conv"))
    assert found["cell.0>1 on a path"] == "none"  # nothing leaves node 1
    assert found["cell.2>3 on a path"] == "none"  # nothing enters node 2
    assert found["cell.0>3 on a path"] == "skip"
    assert found["cell. most 'conv' on a path"] == 0


@pytest.mark.parametrize("seed", range(20))
def test_paths_are_those_found_by_looking_at_all_ways(seed: int) -> None:
    rng = random.Random(seed)
    params = {name: rng.choice(OPS) for name in CELL}
    found, paths = graph().values(params), all_paths(params)
    for steps in (1, 2, 3):
        assert found[f"cell. paths of {steps}"] == sum(len(path) == steps for path in paths)
    for operation in ("skip", "conv"):
        most = max((path.count(operation) for path in paths), default=0)
        assert found[f"cell. most {operation!r} on a path"] == most
        every = max(1, len(paths))
        share, alone = sum(operation in path for path in paths), sum({operation} == set(path) for path in paths)
        assert found[f"cell. share of paths with {operation!r}"] == share / every
        assert found[f"cell. share of paths of nothing but {operation!r}"] == alone / every
    for (start, end), name in graph().parameters.items():
        used = [
            True
            for between in ((), (1,), (2,), (1, 2))
            if (start, end) in list(itertools.pairwise((0, *between, 3)))
            and "none" not in [params[f"cell.{a}>{b}"] for a, b in itertools.pairwise((0, *between, 3))]
        ]
        assert found[f"{name} on a path"] == (params[name] if used else "none")
    assert set(found) == set(graph().columns)


def test_what_is_no_whole_graph_is_left_as_it_is() -> None:
    missing = {name: kind for name, kind in CELL.items() if name != "cell.0>2"}
    other = CELL | {"cell.0>2": CategoricalDistribution(("none", "skip"))}
    never = {name: CategoricalDistribution(("skip", "conv")) for name in CELL}
    numbers = {name: IntDistribution(0, 2) for name in CELL}
    alone = {"cell.0>1": CategoricalDistribution(OPS)}
    for distributions in (missing, other, never, numbers, alone, {"op": CategoricalDistribution(OPS)}):
        assert find_graphs(distributions) == []
    assert len(find_graphs(CELL | {name.replace("cell", "s1.0"): kind for name, kind in CELL.items()})) == 2
    assert graph().values({"cell.0>1": "skip"}) == {}


def test_cells_with_the_same_paths_are_nearly_alike_to_the_encoder() -> None:
    encoder = Encoder(CELL, [graph()])
    rows = [cell(e03="conv", e01=op) for op in OPS] + [cell(e03="skip")]
    first, second, third, other = encoder.encode(rows)
    raw = [group for group in encoder.groups if group.start == 0]
    columns = np.ones(encoder.width, bool)
    for group in raw:
        columns[group.start : group.stop] = columns[group.counts : group.counts + group.width] = False
    assert (first[columns] == second[columns]).all()
    assert (second[columns] == third[columns]).all()
    assert (first[columns] != other[columns]).any()


def test_paths_help_to_find_the_best_cell_also_where_only_values_tell_what_they_are() -> None:
    """Many convolutions on one path are worth most, and two paths; names tell what a path is, or at least an order."""

    def worth(params: dict[str, Any]) -> float:
        paths = all_paths(params)
        convolutions = [path.count("conv") for path in paths]
        return 10.0 - 2 * max(convolutions, default=-5) + 0.7 * min(convolutions, default=0) + (len(paths) - 2) ** 2 / 2

    def trials(names: dict[str, str], seed: int) -> int:
        study = optuna.create_study(sampler=SurrogateSampler(seed=seed))
        for asked in range(100):
            trial = study.ask({names[name]: kind for name, kind in CELL.items()})
            value = worth({name: trial.params[names[name]] for name in CELL})
            study.tell(trial, value)
            if value == 4.0:
                return asked
        return 100

    named = {name: name for name in CELL}
    numbered = {name: f"op{number}" for number, name in enumerate(CELL)}
    apart = {name: f"op.{number}." for number, name in enumerate(CELL)}
    asked = [sum(trials(names, seed) for seed in range(3)) for names in (named, numbered, apart)]
    assert max(asked[:2]) < 0.8 * asked[2]


def test_choices_that_read_alike_stay_apart() -> None:
    alike = Graph("", {(0, 1): "0>1", (0, 2): "0>2", (1, 2): "1>2"}, ("none", 1, "1"))
    assert len(alike.columns) == 3 + 2 + 3 * 2
    found = alike.values({"0>1": 1, "0>2": "none", "1>2": "1"})
    assert [found[f" most {operation} on a path"] for operation in ("1", "'1'")] == [1, 1]
