"""Budgets of a study: contradictions found when it is read, and the share of draws within them, told everywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from table_study import SPACE, write_study

from nas.errors import BudgetUnreachable, SpecError
from nas.report import verdict
from nas.study.config import read_study
from nas.study.results import open_results
from nas.study.status import study_status, trial_details
from nas.study.table_run import open_table_study, run_table_study, table_plan


@pytest.mark.parametrize("name", ["params", "latency_ms", "accuracy"])
def test_budgets_that_contradict_each_other_are_told_with_both_places(tmp_path: Path, name: str) -> None:
    file = write_study(tmp_path, budgets=[f"{name} <= 1000", "macs <= 5", f"{name} >= 2000"])
    lines = file.read_text().splitlines()
    places = [lines.index(f"- {name} {end}") + 1 for end in ("<= 1000", ">= 2000")]
    with pytest.raises(SpecError) as found:
        read_study(file)
    assert str(found.value).startswith(f"{file}:{places[1]}:3: at budgets.2: '{name} >= 2000' and '{name} <= 1000'")
    assert f"({file}:{places[0]}:3) cannot hold together" in str(found.value)


def test_a_budget_that_contradicts_the_space(tmp_path: Path) -> None:
    space = {**SPACE, "constraints": ["params >= 2000"]}
    file = write_study(tmp_path, space=space, budgets=["params <= 1000"])
    with pytest.raises(SpecError, match=r"at budgets.0: 'params <= 1000' and 'params >= 2000' .*cannot hold together"):
        open_table_study(read_study(file))


def test_constraints_of_a_space_that_contradict_each_other(tmp_path: Path) -> None:
    space = {**SPACE, "constraints": ["params >= 2000", "params < 1500"]}
    with pytest.raises(SpecError, match=r"constraints.1: 'params < 1500' and 'params >= 2000'"):
        open_table_study(read_study(write_study(tmp_path, space=space)))


def test_budgets_that_no_network_meets_together_leave_nothing_behind(tmp_path: Path) -> None:
    """Wide kernels make parameters and MACs alike, so few of one and many of the other cannot be had."""
    file = write_study(tmp_path, budgets=["params <= 200", "macs >= 20000"])
    with pytest.raises(BudgetUnreachable, match=r"`macs >= 20000` and `params <= 200` not together"):
        run_table_study(open_table_study(read_study(file)), tmp_path / "found", lambda progress: None)
    assert not (tmp_path / "found").exists()


def test_the_share_is_in_the_plan_the_progress_the_status_and_the_details(tmp_path: Path) -> None:
    study = open_table_study(read_study(write_study(tmp_path, budgets=["params <= 500"], search={"trials": 4})))
    plan = table_plan(study, tmp_path / "found")
    share = plan["within_budgets"]
    assert 0 < share["low"] < share["share"] < share["high"] < 1
    assert share["budgets"] == ["params <= 500"]
    told = []
    finished = run_table_study(study, tmp_path / "found", told.append)
    assert told[-1].share.to_json() == share
    assert all(record.values["params"] <= 500 for record in finished.records if not record.gate)
    results = open_results(str(tmp_path / "found"))
    assert json.loads(results.env_file.read_text())["within_budgets"] == share
    assert study_status(results)["within_budgets"] == share["words"]
    assert trial_details(results, "0")["provenance"]["draws"] == share["words"]
    assert share["words"].replace("<", "&lt;") in results.report_file.read_text()
    run_table_study(study, tmp_path / "found", told.append)  # all is done, so that nothing is drawn
    assert json.loads(results.env_file.read_text())["within_budgets"] == share


def test_budgets_that_trained_networks_do_not_meet_together_are_told_one_by_one(tmp_path: Path) -> None:
    """The two most accurate networks take 11 and 12 ms."""
    file = write_study(tmp_path, budgets=["accuracy >= 0.7", "latency_ms <= 8"])
    finished = run_table_study(open_table_study(read_study(file)), tmp_path / "found", lambda progress: None)
    told = verdict(finished.records, finished.study)
    away = sum(record.gate == "latency" for record in finished.records)
    assert away > 0
    assert told.met == (
        "accuracy ≥ 70%: met by none of 8, the nearest has 67.00%",
        f"latency ≤ 8 ms: met by 8 of 8; {away} more turned away for it before training",
    )
    page = (tmp_path / "found" / "report.html").read_text()
    assert all(f"<br>{line}" in page for line in told.met)


def test_without_budgets_there_is_nothing_to_tell(tmp_path: Path) -> None:
    study = open_table_study(read_study(write_study(tmp_path, search={"trials": 2})))
    run_table_study(study, tmp_path / "found", lambda progress: None)
    assert study_status(open_results(str(tmp_path / "found")))["within_budgets"] is None


def test_the_start_can_be_left_to_the_sampler(tmp_path: Path) -> None:
    for spread, by in ((True, "spread"), (False, "tpe")):
        file = write_study(tmp_path / by, search={"sampler": "tpe", "spread": spread, "trials": 3})
        finished = run_table_study(open_table_study(read_study(file)), tmp_path / by / "found", lambda progress: None)
        assert {record.origin["by"] for record in finished.records if not record.gate} == {by}
