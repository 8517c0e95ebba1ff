"""How the surrogate sees networks: each quantity as its values say, also where names do not tell what is a graph."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.search.surrogate.features import Encoder, numbers_in_order
from nas.search.surrogate.graphs import Graph, possible_graphs
from nas.search.surrogate.learner import Learner
from nas.search.surrogate.views import Rows, by_probability, views_of

OPS = CategoricalDistribution(tuple("012"))
CELL: dict[str, BaseDistribution] = {f"op{number}": OPS for number in range(6)}
BY_END = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
BY_START = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def cells(count: int, seed: int = 0) -> list[dict[str, str]]:
    rng = random.Random(seed)
    return [{name: rng.choice(OPS.choices) for name in CELL} for _ in range(count)]


def on_paths(graph: Graph, cell: dict[str, str], operation: str) -> int:
    found = graph.values(cell)
    return [found[f"{name} on a path"] for name in graph.parameters.values()].count(operation)


def test_numbered_choices_may_be_the_edges_of_a_graph() -> None:
    found = possible_graphs(CELL | {"depth": IntDistribution(1, 3)})
    assert {graph.none for graph in found} == set("012")
    assert {tuple(graph.parameters) for graph in found} == {BY_END, BY_START}
    assert len(found) == 6
    assert all(list(graph.parameters.values()) == list(CELL) for graph in found)
    assert len(possible_graphs({f"{number}": OPS for number in range(3)})) == 3  # both orders are one
    assert [graph.nodes for graph in possible_graphs({f"{number:02}": OPS for number in range(10)})] == [5] * 6


@pytest.mark.parametrize(
    "distributions",
    [
        {f"op{number}": OPS for number in range(5)},
        {f"op{number}": OPS for number in range(1)},
        {f"s{number}.op": OPS for number in range(6)},
        {f"op{number}": IntDistribution(0, 2) for number in range(6)},
        {f"op{number}": CategoricalDistribution(tuple("012345678")) for number in range(6)},
        CELL | {"op3": CategoricalDistribution(tuple("01"))},
    ],
)
def test_others_are_no_graph(distributions: dict[str, BaseDistribution]) -> None:
    assert possible_graphs(distributions) == []
    assert all(view.guess is None for view in views_of(distributions))


@pytest.mark.parametrize("order", [BY_END, BY_START])
def test_values_tell_which_graph_it_is(order: tuple[tuple[int, int], ...]) -> None:
    graph = Graph("op", dict(zip(order, CELL, strict=True)), tuple("012"), none="1")
    rows = Rows(cells(80))
    values = np.array([on_paths(graph, cell, "2") - 0.5 * on_paths(graph, cell, "0") for cell in rows.params])
    views = views_of(CELL)
    first = by_probability(views, rows, (values - values.mean()) / values.std())[0]
    assert first.encoder.graphs == (graph,)


def test_what_each_operation_adds_is_told_without_a_graph() -> None:
    names = {f"cell.{start}>{end}": CategoricalDistribution(("none", "skip", "conv")) for start, end in BY_END}
    rng = random.Random(0)
    rows = Rows([{name: rng.choice(("none", "skip", "conv")) for name in names} for _ in range(60)])
    values = np.array([list(cell.values()).count("conv") for cell in rows.params], float)
    plain, *others = views_of(names)
    assert not plain.encoder.graphs
    assert [len(view.encoder.graphs) for view in others] == [1, 1]
    values = (values - values.mean()) / values.std()
    assert by_probability([*others, plain], rows, values)[0] is plain
    numbered = Rows([{f"op{at}": value for at, value in enumerate(cell.values())} for cell in rows.params])
    kinds = {f"op{at}": CategoricalDistribution(("none", "skip", "conv")) for at in range(6)}
    assert by_probability(views_of(kinds), numbered, values)[0].encoder.graphs == ()


@pytest.mark.parametrize("counts", [(10, 40, 80, 130), (130,)])
def test_a_learner_finds_the_graph_as_it_learns(counts: tuple[int, ...]) -> None:
    graph = Graph("op", dict(zip(BY_END, CELL, strict=True)), tuple("012"), none="0")
    every = cells(200)
    values = np.array([float(on_paths(graph, cell, "2")) for cell in every])
    values = (values - values.mean()) / values.std()
    learner, blind = Learner(views_of(CELL)), Learner(views_of(CELL)[:1])
    missed = []
    for each in (learner, blind):
        for count in counts:
            each.learn(Rows(every[:count]), values[:count], 0)
        missed.append(float(np.abs(each.predict(Rows(every[130:]))[0] - values[130:]).mean()))
    assert missed[0] < 0.7 * missed[1]


def test_a_graph_is_given_up_with_all_its_views() -> None:
    right = Graph("op", dict(zip(BY_END, CELL, strict=True)), tuple("012"), none="0")
    rows = Rows(cells(80))
    values = np.array([float(on_paths(right, cell, "2")) for cell in rows.params])
    kept = by_probability(views_of(CELL), rows, (values - values.mean()) / values.std())
    guesses = [view.guess for view in kept]
    assert guesses[0] == right
    assert guesses.count(None) == 2  # choices, and these in their order
    assert all(guesses.count(guess) == 2 for guess in guesses if guess is not None)
    assert len(kept) < len(views_of(CELL))


def test_a_learner_sees_otherwise_when_more_values_say_so() -> None:
    graph = Graph("op", dict(zip(BY_END, CELL, strict=True)), tuple("012"), none="0")
    every = cells(250)
    by_paths = np.array([float(on_paths(graph, cell, "2")) for cell in every])
    by_choices = np.array([float(list(cell.values()).count("2")) for cell in every])
    learner = Learner(views_of(CELL))
    learner.learn(Rows(every[:60]), (by_paths[:60] - by_paths.mean()) / by_paths.std(), 0)
    values = (by_choices - by_choices.mean()) / by_choices.std()
    learner.learn(Rows(every[:150]), values[:150], 0)
    assert float(np.abs(learner.predict(Rows(every[150:]))[0] - values[150:]).mean()) < 0.1


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_deviations_are_as_large_as_values_that_were_not_learnt_are_off(noise: float) -> None:
    every = cells(300)
    values = np.array([list(cell.values()).count("2") - 0.5 * list(cell.values()).count("0") for cell in every])
    values = values + noise * np.random.default_rng(0).standard_normal(len(values))
    values = (values - values.mean()) / values.std()
    learner = Learner(views_of(CELL)[:1])
    learner.learn(Rows(every[:100]), values[:100], 0)
    mean, deviation = learner.predict(Rows(every[100:]))
    alone = learner._process.predict(Encoder(CELL).encode(every[100:]))[1]
    off = values[100:] - mean
    corrected, said = (abs(math.log(np.sqrt(((off / each) ** 2).mean()))) for each in (deviation, alone))
    assert corrected < max(0.1, 0.9 * said)


WIDTHS = (8, 12, 16, 24, 40, 64)


@pytest.mark.parametrize("words", [False, True])
def test_numbers_are_seen_in_their_order_where_that_tells_values(words: bool) -> None:
    shuffled = random.Random(1).sample(WIDTHS, len(WIDTHS))
    kind = CategoricalDistribution([f"{width}" if words else width for width in shuffled])
    kinds: dict[str, BaseDistribution] = {f"s{stage}.width": kind for stage in range(4)}
    rng = random.Random(0)
    rows = Rows([{name: rng.choice(kind.choices) for name in kinds} for _ in range(40)])
    values = np.array([sum(math.log(float(width)) for width in params.values()) ** 2 for params in rows.params])
    by_code = np.array([sum(shuffled.index(int(width)) % 2 for width in params.values()) for params in rows.params])
    plain, ranked = views_of(kinds)
    assert by_probability([plain, ranked], rows, (values - values.mean()) / values.std()) == [ranked, plain]
    assert by_probability([ranked, plain], rows, (by_code - by_code.mean()) / by_code.std()) == [plain, ranked]
    every = np.unique(ranked.encoder.encode([{"s0.width": choice} for choice in kind.choices])[:, 0])
    assert every.tolist() == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("choices", "in_order"),
    [
        ((24, 8, 16), [8, 16, 24]),
        (("10", "9", "8.5"), ["8.5", "9", "10"]),
        ((1, 1.0, 2), [1, 1.0, 2]),
        ((3, 5), []),
        ((True, 2, 3), []),
        ((1, 2, None), []),
        (("1", "2", "nan"), []),
        (("3", "5", "conv"), []),
        ((8, 8, 16), []),
    ],
)
def test_choices_are_in_order_where_all_are_numbers(choices: tuple[Any, ...], in_order: list[Any]) -> None:
    assert numbers_in_order(CategoricalDistribution(choices)) == in_order
    assert numbers_in_order(IntDistribution(0, 5)) == []


def test_numbers_are_in_order_with_words_that_are_numbers_and_without() -> None:
    kinds = CELL | {"width": CategoricalDistribution(WIDTHS)}
    plain, numbers, both, *rest = views_of(kinds)
    assert all(view.guess for view in rest)
    assert plain.prior == numbers.prior == 0.0 > both.prior
    groups = [[(group.positions, group.ordered) for group in view.encoder.groups] for view in (plain, numbers, both)]
    assert groups == [[(6, False), (1, False)], [(6, False), (1, True)], [(6, True), (1, True)]]


def test_a_choice_that_is_given_twice_is_one() -> None:
    encoder = Encoder({"a": CategoricalDistribution((8, 8, 16, 24)), "b": CategoricalDistribution(("x", "y"))})
    assert [group.width for group in encoder.groups] == [3, 2]
    assert encoder.encode([{"a": 24, "b": "x"}])[0, :5].tolist() == [0, 0, 1, 1, 0]
    same = {f"{number}": CategoricalDistribution((8, 8, 8)) for number in range(3)}
    assert all(np.isfinite(view.encoder.encode([dict.fromkeys(same, 8)])).all() for view in views_of(same))


def test_rows_are_encoded_once() -> None:
    encoder = Encoder(CELL)
    rows = Rows(cells(5))
    first = rows.seen_by(encoder)
    assert rows.seen_by(encoder) is first
    few = rows.among(np.array([3, 1]))
    assert (few.seen_by(encoder) == first[[3, 1]]).all()
    assert few.seen_by(encoder) is few.seen_by(encoder)
    assert few.params == [rows.params[3], rows.params[1]]
    more = rows.only([0, 4]).followed_by(cells(3, seed=1))
    assert (more.seen_by(encoder) == encoder.encode(more.params)).all()
    assert len(more) == 5
