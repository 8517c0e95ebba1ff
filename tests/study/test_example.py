"""The recorded study in `results/example` can be read by this version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nas.report import best, front
from nas.study.results import find_record, open_results, read_resolved, stored_plan

FOLDER = Path(__file__).resolve().parents[2] / "results" / "example"


@pytest.fixture(scope="module")
def results():
    return open_results(FOLDER)


def test_its_records_give_the_recorded_front(results):
    study, records = read_resolved(FOLDER), results.records()
    recorded = json.loads((FOLDER / "front.json").read_text())
    assert [record.arch_id for record in front(records, study)] == [each["arch_id"] for each in recorded["front"]]
    leader = best(records, study)
    assert leader is not None
    assert leader.arch_id == recorded["best"]["arch_id"]
    assert leader.feasible


def test_every_trained_network_was_asked_for_and_ended(results):
    trained = [record for record in results.records("candidate") if record.folder and record.gate is None]
    assert len(trained) == read_resolved(FOLDER)["search"]["trials"]
    assert {record.state for record in trained} <= {"complete", "pruned"}


def test_its_best_network_can_be_built_again(results):
    from nas.build import build

    record = find_record(results, "best")
    plan = stored_plan(results, record)
    assert plan.arch_id == record.arch_id
    assert sum(parameter.numel() for parameter in build(plan).parameters()) == record.values["params"]
