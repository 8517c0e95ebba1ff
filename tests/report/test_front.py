import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_records import STUDY, make_records

from nas.errors import NasError
from nas.report import best, front
from nas.report.aims import Budget, Objective, read_aims
from nas.report.front import as_costs, contenders
from nas.store.record import Record

# few different values, so that ties and equal networks are common
NUMBERS = st.integers(0, 4).map(float)


def record(trial: int, *values: float, **rest: object) -> Record:
    return Record(trial, "complete", values={f"v{i}": v for i, v in enumerate(values)}, **rest)  # type: ignore[arg-type]


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[Record], dict[str, list[str]]]:
    count = draw(st.integers(1, 5))
    directions = draw(st.lists(st.sampled_from(["maximize", "minimize"]), min_size=count, max_size=count))
    rows = draw(st.lists(st.tuples(*[NUMBERS] * count, st.booleans()), max_size=25))
    records = [record(i, *row[:-1], constraints={"b": 0.0 if row[-1] else 0.5}) for i, row in enumerate(rows)]
    return records, {"objectives": [f"{d} v{i}" for i, d in enumerate(directions)]}


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(studies())
def test_front_is_exactly_what_nothing_feasible_dominates(drawn):
    records, study = drawn
    objectives = read_aims(study).objectives
    costs = {r.trial: as_costs(r, objectives) for r in records if r.feasible}
    expected = {t for t, c in costs.items() if not any(dominates(other, c) for other in costs.values())}
    assert {r.trial for r in front(records, study)} == expected


@given(studies(), st.randoms(use_true_random=False))
def test_front_does_not_depend_on_the_order_of_records(drawn, random):
    records, study = drawn
    shuffled = random.sample(records, len(records))
    assert front(records, study) == front(shuffled, study)


@given(studies())
def test_best_has_the_best_first_objective_then_the_others(drawn):
    records, study = drawn
    objectives = read_aims(study).objectives
    feasible = [r for r in records if r.feasible]
    expected = min(feasible, key=lambda r: (as_costs(r, objectives), r.trial), default=None)
    assert best(records, study) == expected


def test_only_complete_feasible_candidates_and_finalists_enter():
    records = [
        record(0, 0.9),
        record(1, 0.99, role="baseline"),
        record(2, 0.98, constraints={"b": 0.1}),
        dataclasses.replace(record(3, 0.97), state="pruned"),
        record(4, float("nan")),
        record(5),
    ]
    assert [r.trial for r in front(records, {"objectives": ["maximize v0"]})] == [0]


def test_a_finalist_stands_for_the_network_it_was_retrained_from():
    study = {"objectives": ["maximize v0"]}
    source, finalist = record(0, 0.99), record(1, 0.95, role="finalist", source=0)
    assert best([source, record(2, 0.90), finalist], study) is finalist
    over_budget = dataclasses.replace(finalist, constraints={"b": 0.1})
    assert contenders([source, over_budget]) == [over_budget]
    failed = dataclasses.replace(finalist, state="failed")
    assert best([source, failed], study) is source


def test_trials_of_different_roles_may_have_the_same_number():
    study = {"objectives": ["maximize v0"]}
    records = [
        record(0, 0.9),
        record(1, 0.99),
        record(1, 0.7, role="baseline"),
        record(0, 0.95, role="finalist", source=1),
    ]
    assert contenders(records) == [records[0], records[3]]
    assert best(records, study) is records[3]


def test_equal_networks_are_all_kept():
    assert len(front([record(0, 1.0), record(1, 1.0)], {"objectives": ["minimize v0"]})) == 2


def test_an_objective_may_be_an_expression():
    study = {"objectives": ["maximize v0 - 2 * v1"]}
    chosen = best([record(0, 0.9, 0.4), record(1, 0.8, 0.1), record(2, 0.7)], study)
    assert chosen is not None
    assert chosen.trial == 1


def test_front_of_a_study_is_sorted_best_first():
    members = front(make_records(), STUDY)
    accuracies = [r.values["accuracy"] for r in members]
    assert len(members) > 3
    assert accuracies == sorted(accuracies, reverse=True)


def test_aims_are_read_from_the_study():
    aims = read_aims(
        {"name": "n", "objectives": ["minimise loss"], "budgets": ["macs <= 5e6", "accuracy > .9", "a + b <= 1"]}
    )
    assert aims.objectives == (Objective("loss", False),)
    assert aims.budgets == (
        Budget("macs <= 5e6", "macs", True, 5e6),
        Budget("accuracy > .9", "accuracy", False, 0.9),
        Budget("a + b <= 1"),
    )
    assert (aims.bound("macs"), aims.bound("accuracy", upper=False), aims.bound("accuracy")) == (5e6, 0.9, None)
    assert read_aims(aims) is aims
    assert read_aims({}).first == Objective("accuracy", True)


def test_an_unreadable_objective_says_what_must_hold():
    with pytest.raises(NasError, match="must be 'maximize X' or 'minimize X', but got 'accuracy'"):
        read_aims({"objectives": ["accuracy"]})
