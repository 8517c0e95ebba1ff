"""What the page gets beyond records: stages and texts of stored networks, and the commands behind its buttons."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.report import best
from nas.space.text import read_text
from nas.study.browse import browse_details
from nas.study.networks import find_network
from nas.study.results import open_results, read_resolved

EXAMPLE = Path(__file__).resolve().parents[2] / "results" / "example"
DETAILS = browse_details()


@pytest.fixture(scope="module")
def example():
    results = open_results(EXAMPLE)
    return results, best(results.records(), read_resolved(EXAMPLE))


def test_the_yaml_is_the_network(example, tmp_path):
    results, record = example
    (tmp_path / "network.yaml").write_text(DETAILS.texts["yaml"].make(results, record))
    assert find_network(str(tmp_path / "network.yaml")).arch_id == record.arch_id


def test_the_study_around_a_network_starts_there_under_a_name_of_its_own(example):
    results, record = example
    study = read_text(DETAILS.texts["around"].make(results, record)).plain()
    (start,) = study["search"]["start"]
    assert find_network(start).arch_id == record.arch_id
    assert study["name"] == f"{read_resolved(EXAMPLE)['name']}_around_finalist_{record.trial}"


def test_a_search_is_not_offered_around_what_it_cannot_start_at(example):
    results, _ = example
    records = results.records()
    baseline = next(r for r in records if r.role == "baseline")
    with pytest.raises(NasError, match="is a baseline"):
        DETAILS.texts["around"].make(results, baseline)
    rejected = next(r for r in records if not r.folder)
    with pytest.raises(NasError, match="its architecture is not kept"):
        DETAILS.texts["around"].make(results, rejected)


def test_stages_add_up_to_the_costs_of_the_record(example):
    results, record = example
    assert sum(row["macs"] for row in DETAILS.stages(results, record)) == record.values["macs"]


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"format": 99}'])
def test_a_damaged_architecture_is_told(example, tmp_path, content):
    shutil.copytree(EXAMPLE, tmp_path / "copy")
    results = open_results(tmp_path / "copy")
    record = best(results.records(), read_resolved(EXAMPLE))
    (tmp_path / "copy" / "trials" / record.folder / "architecture.json").write_text(content)
    with pytest.raises(NasError, match="is damaged"):
        DETAILS.stages(results, record)


def test_commands_are_lists_that_no_name_turns_into_options():
    folder = Path("/somewhere/-rf")
    commands = {name: list(action.command(folder, "17")) for name, action in DETAILS.actions.items()}
    assert commands == {
        "export": ["export", "./-rf:17"],
        "finalize": ["finalize", "./-rf", "--trials", "17"],
        "measure": ["measure", "./-rf:17", "--stages"],
    }
    with pytest.raises(NasError, match="must be a candidate"):
        DETAILS.actions["finalize"].command(folder, "finalist/0")
    with pytest.raises(NasError, match="no ':'"):
        DETAILS.actions["measure"].command(Path("a:b"), "1")
