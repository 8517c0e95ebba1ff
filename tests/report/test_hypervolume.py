import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_records import STUDY, make_records

from nas.report import hypervolume, over_time, reference_point
from nas.store.record import Record

OBJECTIVES = ["maximize accuracy", "minimize latency_ms"]


def record(trial: int, accuracy: float, latency: float, **rest: object) -> Record:
    values = {"accuracy": accuracy, "latency_ms": latency}
    return Record(trial, "complete", values=values, finished=float(trial), **rest)  # type: ignore[arg-type]


def test_area_of_two_steps_below_a_budget():
    study = {"objectives": OBJECTIVES, "budgets": ["latency_ms <= 2"]}
    records = [record(0, 0.5, 0.5), record(1, 0.8, 1.0)]
    # 0.5 ms to 1 ms at 0.5, then 1 ms to 2 ms at 0.8
    assert hypervolume(records, study) == pytest.approx(0.5 * 0.5 + 1.0 * 0.8)
    assert reference_point(records, study) == {"accuracy": 0.0, "latency_ms": 2.0}


def test_reference_without_a_budget_lies_beyond_the_worst():
    records = [record(0, 0.5, 1.0), record(1, 0.8, 3.0)]
    assert reference_point(records, {"objectives": OBJECTIVES})["latency_ms"] == pytest.approx(3.2)
    floor = {"objectives": OBJECTIVES, "budgets": ["accuracy >= 0.6"]}
    assert reference_point(records, floor)["accuracy"] == 0.6
    negative = [dataclasses.replace(r, values=r.values | {"accuracy": -1.0 - r.trial}) for r in records]
    assert reference_point(negative, {"objectives": OBJECTIVES})["accuracy"] == pytest.approx(-2.1)


def test_nothing_has_no_volume():
    assert hypervolume([], {"objectives": OBJECTIVES}) == 0.0
    assert over_time([], {"objectives": OBJECTIVES}) == []


POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 4), st.booleans()), max_size=20)


@given(POINTS)
def test_it_never_falls_and_ends_at_the_whole(points):
    study = {"objectives": OBJECTIVES, "budgets": ["latency_ms <= 3"]}
    records = [record(i, a, t, constraints={"b": 0.0 if ok else 1.0}) for i, (a, t, ok) in enumerate(points)]
    steps = over_time(records[::-1], study)
    volumes = [step.hypervolume for step in steps]
    assert volumes == sorted(volumes)
    assert [step.trial for step in steps] == list(range(len(points)))
    assert (volumes[-1] if volumes else 0.0) == pytest.approx(hypervolume(records, study))


def test_progress_of_a_study_counts_candidates_in_the_order_they_finished():
    records = make_records()
    steps = over_time(records, STUDY)
    done = [r for r in records if r.role == "candidate" and r.state == "complete"]
    assert [s.finished for s in steps] == list(range(1, len(done) + 1))
    assert steps[-1].best == max(r.values["accuracy"] for r in done if r.feasible)
    seconds = [s.seconds for s in steps]
    assert seconds == sorted(seconds)
