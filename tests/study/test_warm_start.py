"""Networks of earlier studies in another study: found in its space, the best tried first, all handed to a sampler."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler
from table_study import SPACE, frame, write_study

from nas.errors import NasError
from nas.store import Results
from nas.study.config import read_study
from nas.study.earlier import NOT_KEPT, find_earlier
from nas.study.results import open_results
from nas.study.spaces import open_space
from nas.study.table_run import open_table_study, run_table_study, table_plan

EXAMPLE = Path(__file__).resolve().parents[2] / "results" / "example"
LEARNT: list[tuple[str, list[dict[str, object]], list[tuple[float, ...]]]] = []


class Learner(RandomSampler):
    """Draws at random, and remembers what it was taught."""

    def learn_from(self, name, params, values):
        LEARNT.append((name, list(params), list(values)))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LEARNT.clear()


def search(file, folder, **overrides):
    study = open_table_study(read_study(file, overrides), results=folder.parent)
    heard = []
    return run_table_study(study, folder, heard.append), heard


@pytest.fixture
def earlier(tmp_path):
    """A finished study of all twelve networks of the table."""
    search(write_study(tmp_path / "a", name="earlier"), tmp_path / "results" / "earlier")
    return tmp_path / "results" / "earlier"


def complete(folder):
    return [record for record in open_results(folder).records() if record.state == "complete"]


def later(tmp_path, **changes):
    """A study on another table: slower, less accurate."""
    table = frame().assign(ms=lambda each: each.ms * 3 + 1, final=lambda each: each.final - 20)
    changes["search"] = {"trials": 8, "sampler": "random", "warm_start": ["earlier"]} | changes.pop("search", {})
    return write_study(tmp_path / "b", table, name="later", **changes)


def test_in_the_same_space_its_front_is_tried_first(tmp_path, earlier):
    finished, heard = search(later(tmp_path), tmp_path / "results" / "later")
    first = [record for record in finished.records if record.origin["by"] == "warm start"]
    assert [record.trial for record in first] == [0, 1]  # a quarter of the trials
    known = {record.arch_id: record for record in complete(earlier)}
    best = max(known.values(), key=lambda record: record.values["accuracy"])
    assert first[0].arch_id == best.arch_id
    assert first[0].name == f"earlier:{best.trial}"
    # What is farthest from it on the front is the fastest.
    assert first[1].arch_id == min(known.values(), key=lambda record: record.values["latency_ms"]).arch_id
    assert first[0].values["latency_ms"] == pytest.approx(3 * best.values["latency_ms"] + 1)
    assert "warm start: 12 of 12 networks of earlier (12 exactly), 2 tried first" in heard[-1].note


def test_it_is_told_in_the_dry_run_the_report_and_as_json(tmp_path, earlier):
    file, folder = later(tmp_path), tmp_path / "results" / "later"
    study = open_table_study(read_study(file), results=folder.parent)
    expected = {
        "study": "earlier",
        "finished": 12,
        "exact": 12,
        "near": 0,
        "left_out": {},
        "with_values": 12,
        "tried_first": list(study.warm.first),
    }
    assert table_plan(study, folder)["warm_start"] == [expected]
    assert not folder.exists()
    search(file, folder)
    assert json.loads((folder / "front.json").read_text())["warm_start"] == [expected]
    page = (folder / "report.html").read_text()
    assert "Begun with earlier studies" in page
    assert "Of 2 networks of earlier studies tried first: " in page
    assert "warm_start" not in json.loads((earlier / "front.json").read_text())


def test_a_sampler_is_taught_all_of_them_in_its_own_parameters(tmp_path, earlier):
    file = later(tmp_path, search={"sampler": f"{__name__}:Learner"}, budgets=["latency_ms <= 30"])
    search(file, tmp_path / "results" / "later")
    ((name, params, values),) = LEARNT
    assert name == "earlier"
    assert len(params) == len(values) == 12
    known = {json.dumps(dict(r.decisions), sort_keys=True): r.values for r in complete(earlier)}
    for each, (accuracy, latency) in zip(params, values, strict=True):
        found = known[json.dumps(each, sort_keys=True)]
        assert (accuracy, latency) == (found["accuracy"], found["latency_ms"])  # its own, and not this table's


def test_costs_are_those_of_here_and_what_was_not_recorded_teaches_nothing(tmp_path, earlier):
    sampler = {"sampler": f"{__name__}:Learner"}
    file = later(tmp_path, search=sampler, objectives=["maximize accuracy", "minimize params"])
    finished, _ = search(file, tmp_path / "results" / "later")
    ((_, _, values),) = LEARNT
    assert {params for _, params in values} >= {record.values["params"] for record in finished.records if record.values}
    LEARNT.clear()
    file = later(tmp_path, search=sampler, objectives=["maximize score", "minimize latency_ms"])
    file.write_text(file.read_text().replace("accuracy: final / 100", "score: final / 100"))
    finished, _ = search(file, tmp_path / "results" / "scores")
    assert not LEARNT
    # They are tried all the same, by the front of their own study.
    assert sum(record.origin["by"] == "warm start" for record in finished.records) == 2


def test_a_budget_on_costs_keeps_networks_from_being_tried_first(tmp_path, earlier):
    costs = {"latency_ms": "ms", "params": "1000 * ms"}
    file = later(tmp_path, evaluator={"costs": costs}, budgets=["params <= 10000"])
    finished, _ = search(file, tmp_path / "results" / "later")
    first = [record for record in finished.records if record.origin["by"] == "warm start"]
    assert first
    assert all(record.gate is None for record in first)


def test_going_on_tries_none_twice(tmp_path, earlier):
    folder = tmp_path / "results" / "later"
    search(later(tmp_path), folder)
    again, _ = search(later(tmp_path), folder, **{"search.trials": 12})
    first = [record for record in again.records if record.origin["by"] == "warm start"]
    assert len(first) == len({record.arch_id for record in first}) == 3


def test_known_networks_and_those_of_other_studies_may_start_a_study_on_a_table(tmp_path, earlier):
    file = later(tmp_path, search={"start": ["earlier:3"], "warm_start": []})
    finished, _ = search(file, tmp_path / "results" / "later")
    assert finished.records[0].origin == {"by": "start"}
    assert finished.records[0].decisions == open_results(earlier).record("3").decisions
    file = later(tmp_path, search={"start": ["zoo/lenet5"]})
    with pytest.raises(NasError, match=r"study.yaml:\d+:\d+: at search.start.0: .*lenet5"):
        open_table_study(read_study(file))


def test_what_is_no_study_is_told_with_its_place(tmp_path, earlier):
    file = later(tmp_path, search={"warm_start": ["earlier", "nothing"]})
    with pytest.raises(NasError, match=r"study.yaml:\d+:\d+: at search.warm_start.1: 'nothing' must be"):
        open_table_study(read_study(file), results=earlier.parent)


def test_in_a_smaller_space_the_others_come_near(earlier):
    conv = {"out": {"choice": [4, 8]}, "kernel": {"choice": [1, 3, 5]}}
    space = open_space(SPACE | {"name": "smaller", "stem": [{"conv": conv}]})
    found = find_earlier("earlier", space, 8, base=earlier.parent)
    assert (found.finished, found.exact, found.near) == (12, 6, 6)
    for each in found.found:
        label = each.decisions["stem.0.conv.kernel"]
        assert label == min(5, each.record.decisions["stem.0.conv.kernel"])
        assert each.exact == (space.decode(each.decisions).arch_id == each.record.arch_id)


def test_of_its_own_folder_only_baselines_and_finalists_are_looked_at(earlier, tmp_path):
    space = open_space(SPACE)
    assert find_earlier("earlier", space, 8, base=earlier.parent, own=earlier).finished == 0
    folder = shutil.copytree(EXAMPLE, tmp_path / "example")
    found = find_earlier(str(folder), open_space("quickstart"), 16, own=folder)
    assert found.finished
    assert {each.record.role for each in found.found} <= {"baseline", "finalist"}


def test_what_is_not_kept_is_counted(earlier):
    conv = {"out": {"choice": [4, 6, 8]}, "kernel": {"choice": [1, 3, 5, 7]}}
    space = open_space(SPACE | {"stem": [{"conv": conv | {"stride": 1}}], "head": ["pool", {"classifier": {}}]})
    folder = next(iter((earlier / "trials").iterdir()))
    shutil.rmtree(folder)
    found = find_earlier("earlier", space, 8, base=earlier.parent)
    assert found.left_out == {NOT_KEPT: 1}
    assert found.exact == 11


def test_networks_for_digits_in_a_space_for_larger_images(tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "example")
    done = [record for record in Results(folder, name="quickstart").records() if record.state == "complete"]
    space = open_space("small_images", classes=100, channels=3)
    found = find_earlier(str(folder), space, 32)
    assert found.finished == len(done)
    assert found.near
    for each in found.found:
        plan = space.decode(each.decisions)
        assert (plan.classes, plan.input.channels) == (100, 3)
        repeats = each.record.decisions.get("s2.repeat")
        if repeats is not None and each.record.role == "candidate":
            assert each.decisions["s2.block"] in ("mbconv", "basic", "fused_mbconv")
    again = find_earlier(str(folder), open_space("quickstart"), 16)
    trained = [record for record in done if record.role != "baseline"]
    assert again.exact == len(trained)
    assert {each.record.role for each in again.found if each.exact} == {"candidate", "finalist"}
