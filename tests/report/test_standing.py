import dataclasses
import io
import re

import pytest
from cases import CASES
from make_records import STUDY, make_records
from rich.console import Console

from nas.report import best, standings, summary_table, verdict
from nas.report.aims import read_aims
from nas.report.compared import comparison
from nas.report.standing import best_baseline, inside
from nas.store.record import Record

BUDGET = {"objectives": ["maximize accuracy", "minimize latency_ms"], "budgets": ["latency_ms <= 1.5"]}


def record(trial: int, accuracy: float, latency: float, role: str = "candidate", **rest: object) -> Record:
    return Record(
        trial,
        "complete",
        role=role,  # type: ignore[arg-type]
        values={"accuracy": accuracy, "latency_ms": latency},
        interval={"accuracy": (accuracy - 0.01, accuracy + 0.01), "latency_ms": (latency - 0.02, latency + 0.02)},
        constraints={"latency_ms <= 1.5": latency - 1.5},
        **rest,  # type: ignore[arg-type]
    )


def printed(records, study) -> str:
    console = Console(width=100, file=io.StringIO())
    console.print(summary_table(records, study))
    return console.file.getvalue()


def test_verdict_compares_with_the_best_baselines_inside_and_outside():
    small = record(0, 0.95, 1.0, "baseline", name="small")
    large = record(1, 0.98, 3.0, "baseline", name="large")
    found = verdict([small, large, record(2, 0.97, 1.2)], BUDGET)
    assert found.found
    assert found.headline == "Accuracy 97.00% at 1.200 ms, 2.00 points above the best baseline inside the budget"
    assert found.sentence == (
        "The best network within latency ≤ 1.5 ms is trial 2: accuracy 97.00% [96.00, 98.00] at 1.200 ms "
        "[1.180, 1.220]; it is 2.00 points above the best baseline inside the budget, small (95.00% [94.00, 96.00] "
        "at 1.000 ms [0.980, 1.020]; the intervals of accuracy overlap; 1.2 times faster), and 1.00 points below "
        "the best baseline outside the budget, large (98.00% [97.00, 99.00] at 3.000 ms [2.980, 3.020]; "
        "the intervals of accuracy overlap; 2.5 times slower)."
    )


def test_verdict_of_an_expression_and_of_a_cost_without_unit():
    combined = {"objectives": ["maximize accuracy - 0.1 * latency_ms"]}
    assert verdict([record(0, 0.9, 1.0)], combined).headline == "Accuracy - 0.1 * latency_ms 0.8000 at 1.000 ms"
    counted = dataclasses.replace(record(0, 0.9, 1.0), values={"accuracy": 0.9, "macs": 4.06e6})
    assert verdict([counted], {}).headline == "Accuracy 90.00% at 4.06 M MACs"


def test_verdict_says_when_luck_may_have_chosen_the_best():
    records = [record(0, 0.96, 1.0), record(1, 0.97, 1.1), record(2, 0.95, 1.0, "finalist", source=0)]
    assert "trial 1: accuracy 97.00%" in verdict(records, BUDGET).sentence
    assert "(not retrained; the best that was is trial 0 with 95.00%" in verdict(records, BUDGET).sentence


def trained(epochs: int) -> tuple[dict[str, float], ...]:
    return tuple({"epoch": epoch} for epoch in range(1, epochs + 1))


def test_a_candidate_is_not_compared_with_baselines_that_were_trained_for_less():
    records = [
        record(0, 0.92, 1.2, "baseline", name="known", curve=trained(6)),
        record(0, 0.94, 1.0, curve=trained(12)),
        record(1, 0.97, 1.1, curve=trained(12)),
        record(0, 0.93, 1.0, "finalist", source=0, curve=trained(6)),
    ]
    found = verdict(records, BUDGET)
    assert found.headline == (
        "Accuracy 97.00% at 1.100 ms; at equal training 1.00 points above the best baseline inside the budget"
    )
    assert (
        "Of those trained as long as the baselines (6 epochs) the best is trial 0, retrained (93.00%" in found.sentence
    )
    assert "4.00 points" not in found.sentence + printed(records, BUDGET)
    against = {(row.kind, row.record.trial): row.against for row in standings(records, BUDGET)}
    assert against == {("best", 1): None, ("finalist", 0): pytest.approx(0.01), ("baseline", 0): None}
    assert "known, the best baseline, at equal epochs only" in printed(records, BUDGET)


def test_where_nothing_was_trained_as_long_as_the_baselines_nothing_is_compared():
    records = [record(0, 0.92, 1.2, "baseline", name="known", curve=trained(6)), record(0, 0.9, 1.0, curve=trained(1))]
    found = verdict(records, BUDGET)
    assert found.headline == "Accuracy 90.00% at 1.000 ms"
    assert "trained for 1 epoch, the best baseline, known, for 6 epochs: they cannot be compared." in found.sentence


def test_verdict_without_a_network_in_the_budget_names_the_nearest():
    found = verdict([record(4, 0.9, 1.8), record(5, 0.9, 1.6)], BUDGET)
    assert not found.found
    assert found.sentence == (
        "Of 2 networks trained to the end none meets latency ≤ 1.5 ms; "
        "the nearest, trial 5, misses latency ≤ 1.5 ms (it has 1.600 ms)."
    )
    assert found.met == ("latency ≤ 1.5 ms: met by none of 2, the nearest has 1.600 ms",)


def test_where_no_network_meets_all_budgets_it_says_how_many_met_each():
    budgets = ["accuracy >= 0.9", "latency_ms <= 1.5", "macs + params <= 9", "params <= 8"]
    aims = BUDGET | {"budgets": budgets}

    def tried(trial, *excesses, **rest):
        constraints = dict(zip(budgets, excesses, strict=True))
        return dataclasses.replace(record(trial, 0.8 + trial / 100, 1.0), constraints=constraints, **rest)

    finished = [
        tried(0, 0.1, -1, -1, -1),
        tried(1, 0.09, -1, -1, 2),
        tried(2, -0.1, 1, 1, -1),
        tried(3, -0.1, 1, -1, -1),
    ]
    away = [
        tried(4, 0, 1, 1, -1, state="infeasible", gate="cost"),
        tried(5, 0, 1, -1, -1, state="infeasible", gate="latency"),
    ]
    known = record(6, 0.8, 1.0, "baseline", name="known")
    found = verdict([*finished, *away, known], aims)
    assert found.met == (
        "accuracy ≥ 90%: met by 2 of 4",
        "latency ≤ 1.5 ms: met by 2 of 4; 2 more turned away for it before training",
        "macs + params <= 9: met by 3 of 4; 1 more turned away for it before training",
        "parameters ≤ 8: met by 3 of 4",
    )
    over = verdict(finished[:2], aims)
    assert over.met[:2] == (
        "accuracy ≥ 90%: met by none of 2, the nearest has 81.00%",
        "latency ≤ 1.5 ms: met by 2 of 2",
    )
    assert verdict([record(0, 0.9, 1.0)], BUDGET).met == ()


@pytest.mark.parametrize(
    ("case", "headline"),
    [
        ("empty", "Nothing was tried yet"),
        ("no finished trial", "No network has finished training"),
        ("only rejected", "No network has finished training"),
        ("only infeasible", "Nothing met the budget"),
        ("only baselines", "No network has finished training"),
    ],
)
def test_verdict_of_studies_without_a_best(case, headline):
    found = verdict(*CASES[case])
    assert (found.headline, found.found) == (headline, False)


@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_verdict_and_a_table(case):
    records, study = CASES[case]
    found = verdict(records, study)
    assert found.sentence.endswith(".")
    assert found.found == (best(records, study) is not None)
    text = printed(records, study)
    assert "against" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_rows_are_best_finalists_front_baselines():
    records = make_records()
    rows = standings(records, STUDY)
    kinds = [row.kind for row in rows]
    assert kinds == sorted(kinds, key=["best", "finalist", "front", "baseline"].index)
    assert kinds.count("best") == 1
    assert kinds.count("baseline") == 4
    assert {r.record.trial for r in rows if r.record.role == "finalist"} == {
        r.trial for r in records if r.role == "finalist"
    }
    known = best_baseline(records, STUDY)
    assert known is not None
    assert {len(row.record.curve) == len(known.curve) for row in rows} == {True, False}
    for row in rows:
        if row.record is known or len(row.record.curve) != len(known.curve):
            assert row.against is None
        else:
            assert row.against == pytest.approx(row.record.values["accuracy"] - known.values["accuracy"])


def test_what_is_on_the_front_and_not_listed_is_counted():
    front = [record(trial, 0.9 - 0.01 * trial, 1.4 - 0.1 * trial) for trial in range(8)]
    assert sum(row.kind in ("best", "front") for row in standings(front, BUDGET)) == 5
    assert "and 3 more on the front: see report.html, front.json" in printed(front, BUDGET)
    assert "3 more on the front: see the table of all networks below" in comparison(front, read_aims(BUDGET))
    assert "more on the front" not in printed(front[:5], BUDGET) + comparison(front[:5], read_aims(BUDGET))


def test_inside_names_the_budgets_that_are_exceeded():
    aims = read_aims(STUDY)
    over = dataclasses.replace(record(0, 0.9, 2.0), constraints={"latency_ms <= 1.5": 0.5, "macs <= 5e6": 1.0})
    assert inside(over, aims) == "no: latency, MACs"
    assert inside(record(0, 0.9, 1.0), aims) == "yes"
    assert inside(Record(1, "failed"), aims) == "\u2013"


def test_table_shows_values_with_half_widths_and_doubt():
    doubtful = dataclasses.replace(record(0, 0.9, 1.0), latency={"trusted": False})
    text = printed([doubtful], BUDGET)
    assert "90.00 " in text
    assert "1.000 ±0.020 ?" in text
