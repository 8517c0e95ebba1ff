"""Objectives and budgets as expressions."""

from __future__ import annotations

import math

import pytest

from nas.errors import NasError
from nas.search import Budget, GoalError, Goals, Objective
from nas.search.gates import Gates, Rejected
from nas.search.goals import broken, dominates
from nas.space.expression import parse


def test_objective() -> None:
    objective = Objective.parse("minimize log2(macs) * latency_ms")
    assert objective.value({"macs": 8, "latency_ms": 2}) == 6.0
    assert objective.gain({"macs": 8, "latency_ms": 2}) == -6.0
    assert objective.names == {"macs", "latency_ms"}


@pytest.mark.parametrize("text", ["accuracy", "maximise accuracy", "maximize", "maximize  ", "", "maximize accuracy +"])
def test_wrong_objective(text: str) -> None:
    with pytest.raises(NasError):
        Objective.parse(text)


@pytest.mark.parametrize("value", [math.nan, "high", True])
def test_objective_must_be_a_number(value: object) -> None:
    with pytest.raises(GoalError, match="objective 'accuracy' must be a number"):
        Objective.parse("maximize accuracy").value({"accuracy": value})


def test_budget_is_unknown_until_its_values_are() -> None:
    budget = Budget.parse("latency_ms <= 1.5 and macs <= 10")
    assert budget.excess({"macs": 5}) is None
    assert budget.excess({"macs": 5, "latency_ms": 2.0}) == 0.5
    assert budget.excess({"macs": 5, "latency_ms": math.nan}) > 0


def test_long_budget_has_a_short_key_of_its_own() -> None:
    one, other = (Budget.parse(" + ".join(["params * latency_ms"] * 30) + f" <= {limit}") for limit in (1, 2))
    assert len(one.key) <= 200
    assert one.key != other.key
    assert Budget.parse("macs <= 5").key == "macs <= 5"


def test_goals_know_what_to_measure_and_how_exactly() -> None:
    goals = Goals.parse(
        ["maximize accuracy"], ["latency_ms <= 1.5", "2.5 >= latency_ms", "latency_ms * macs <= 3", "macs <= 5"]
    )
    assert goals.needs_latency
    assert goals.latency_budget_ms == pytest.approx(1.5)
    assert Goals.parse(["minimize latency_p99_ms"]).needs_latency
    assert not Goals.parse(["maximize accuracy"], ["macs <= 5"]).needs_latency
    assert Goals.parse(["maximize accuracy"], ["macs <= 5"]).latency_budget_ms is None


def test_space_constraints_join_the_budgets() -> None:
    constraints = [parse("macs <= 5"), parse("params <= 3 or s4.out >= 10")]
    goals = Goals.parse(["maximize accuracy"], ["macs <= 5"], constraints)
    assert goals.excesses({"macs": 4, "params": 5}, {"s4.out": 8}) == {"macs <= 5": -1, constraints[1].text: 2}
    assert goals.excesses({"macs": 4, "params": 5}) == {"macs <= 5": -1, constraints[1].text: 0.0}


def test_name_of_no_value() -> None:
    with pytest.raises(GoalError, match=r"'latencyms <= 1' names 'latencyms'.*did you mean 'latency_ms'"):
        Goals.parse(["maximize accuracy"], ["latencyms <= 1"]).check_names(["latency_ms", "accuracy"])
    with pytest.raises(GoalError, match="at least one objective"):
        Goals.parse([])


def test_dominates() -> None:
    assert dominates((1, 2), (1, 1))
    assert not dominates((1, 1), (1, 1))
    assert not dominates((2, 0), (1, 1))


def test_a_budget_on_macs_says_that_they_are_the_most_where_they_depend_on_the_image() -> None:
    gates = Gates(Goals.parse(["maximize accuracy"], ["macs <= 5", "macs_expected <= 6"]), lambda plan: plan)
    with pytest.raises(Rejected) as found:
        gates.cost({"macs": 9, "macs_least": 2, "macs_expected": 4}, {})
    assert found.value.reason == ("macs <= 5 is exceeded by 4 (macs: the most an image can take, 9; macs_expected: 4)")
    with pytest.raises(Rejected) as found:
        gates.cost({"macs": 9, "macs_least": 9, "macs_expected": 9}, {})
    assert found.value.reason == "macs <= 5 is exceeded by 4; macs_expected <= 6 is exceeded by 3"


def test_a_budget_from_below_is_missed_and_not_exceeded() -> None:
    gates = Gates(Goals.parse(["maximize accuracy"], ["macs >= 5"]), lambda plan: plan)
    with pytest.raises(Rejected) as found:
        gates.cost({"macs": 1}, {})
    assert found.value.reason == "macs >= 5 is missed by 4"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("macs < 2 * params", "exceeded"),
        ("9 >= macs", "exceeded"),
        ("macs <= 9 and params <= 9", "exceeded"),
        ("9 < macs", "missed"),
        ("1 <= macs <= 9", "missed"),
        ("macs == 9", "missed"),
        ("not macs > 9", "missed"),
        ("macs <= 1 + ...0123abcd", "missed"),
    ],
)
def test_what_is_said_of_a_budget_that_does_not_hold(text: str, word: str) -> None:
    assert broken(text) == word
