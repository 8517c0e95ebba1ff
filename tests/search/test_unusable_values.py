"""Values that say nothing: not a number, infinite, the same everywhere, never within the budgets."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import TinySpace, latency, price

from nas.report import best, constant_objectives, front, hypervolume, verdict, write_report
from nas.search import Candidate, Engine, Goals, Rungs, SpaceProposals
from nas.store import Record, Results

SAMPLERS = ["random", "tpe", "nsga2", "gp", "surrogate"]
RATE = "accuracy / latency_ms"


def search(folder: Path, sampler: str, told: Callable[[Candidate], float], **aims: Any) -> tuple[list[Record], Any]:
    """Train 16 networks for two epochs; gives the records and the study that they are of, with its report written."""
    study = {"name": "tiny", "objectives": ["maximize accuracy", "minimize latency_ms"], "budgets": [], **aims}
    results = Results(folder)
    engine = Engine(
        results,
        SpaceProposals(TinySpace(), sampler, seed=1),
        price=price,
        measure=latency,
        objectives=study["objectives"],
        budgets=study["budgets"],
        rungs=Rungs((2,)),
        trials=16,
        look_ahead=0,
    )
    with results.driving(), engine:
        while (candidate := engine.take(wait=True)) is not None:
            for epoch in (1, 2):
                engine.report(candidate.trial, {"epoch": epoch, "accuracy": told(candidate)})
    records = results.records()
    write_report(folder, records, study, {})
    return records, study


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("objective", ["accuracy", RATE])
def test_what_is_no_finite_number_fails_with_the_reason_and_harms_nothing(
    tmp_path: Path, sampler: str, objective: str
) -> None:
    def told(candidate: Candidate) -> float:
        return (0.5 + candidate.values["macs"] / 1e7, math.nan, math.inf, 0.4, -math.inf)[candidate.trial % 5]

    objectives = [f"maximize {objective}", "minimize latency_ms"]
    records, study = search(tmp_path, sampler, told, objectives=objectives, budgets=["accuracy >= 0.1"])
    entered = [record for record in records if record.gate is None]
    assert len(entered) == 16
    for record in entered:
        unusable = record.trial % 5 in (1, 2, 4)
        assert (record.state == "failed") == unusable
        assert ("must be a" in (record.reason or "")) == unusable
    members = front(records, study)
    assert members
    assert all(math.isfinite(record.values["accuracy"]) for record in members)
    assert 0 < hypervolume(records, study) < math.inf
    assert json.loads((tmp_path / "front.json").read_text())["front"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_objective_that_is_always_the_same(tmp_path: Path, sampler: str) -> None:
    records, study = search(tmp_path, sampler, lambda candidate: 0.5)
    done = [record for record in records if record.state == "complete"]
    assert done
    assert constant_objectives(records, study) == ["accuracy"]
    leader = best(records, study)
    assert leader is not None
    assert leader.values["latency_ms"] == min(record.values["latency_ms"] for record in done)
    assert hypervolume(records, study) >= 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_within_the_budgets(tmp_path: Path, sampler: str) -> None:
    def told(candidate: Candidate) -> float:
        return min(0.9, 0.2 + candidate.values["macs"] / 1e6)

    records, study = search(tmp_path, sampler, told, budgets=["accuracy >= 0.95"])
    done = [record for record in records if record.state == "complete"]
    assert done
    assert not any(record.feasible for record in records)
    assert front(records, study) == []
    assert best(records, study) is None
    assert hypervolume(records, study) == 0
    found = verdict(records, study)
    assert not found.found
    assert f"Of {len(done)} networks trained to the end none meets accuracy" in found.sentence
    document = json.loads((tmp_path / "front.json").read_text())
    assert (document["front"], document["best"], document["hypervolume"]) == ([], None, 0.0)


def test_a_budget_of_two_infinite_values_is_not_met() -> None:
    goals = Goals.parse(["maximize accuracy"], ["latency_ms <= 2 * latency_high_ms"])
    values = {"latency_ms": math.inf, "latency_high_ms": math.inf}
    assert goals.excesses(values) == {"latency_ms <= 2 * latency_high_ms": math.inf}
