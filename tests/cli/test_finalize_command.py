"""Chosen networks of a tiny search trained again: as asked for, resumed, distilled, and refused where it must be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch

from nas.build import build
from nas.store import Results
from nas.store.files import read_json
from nas.study.networks import find_network
from nas.study.results import open_results, read_resolved

PROGRAM = """
from made_up_meter import StudyMeter
import nas.study.meters
nas.study.meters.open_meter = lambda *args, **options: StudyMeter()
from nas.cli import main
main()
"""


pytestmark = pytest.mark.usefixtures("meter")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of five networks that is over, with its data; to be copied."""
    return tmp_path_factory.mktemp("searched")


@pytest.fixture
def study(searched, nas, tiny_study, write_study, tmp_path):
    """A copy of the finished search, and where its data lies now."""
    if not (searched / "tiny").is_dir():
        tiny_study["search"] |= {"trials": 5, "rungs": []}
        tiny_study["baselines"] = ["zoo/resnet8"]
        nas("search", write_study(tiny_study), "--out", searched / "tiny")
        shutil.copy(tiny_study["data"]["path"], searched / "tiny.npz")
    shutil.copytree(searched / "tiny", tmp_path / "results" / "tiny")
    (tmp_path / "tiny.npz").unlink()  # what the study names is not there, as on another machine
    return searched / "tiny.npz"


def test_finalize_from_start_to_model(study, nas, run_nas, tmp_path):
    folder = tmp_path / "results" / "tiny"
    before = read_json(folder / "front.json")
    plan = json.loads(nas("finalize", "tiny", "--top", 3, "--epochs", 3, "--data", study, "--dry-run", "--json"))
    assert (plan["trainings_left"], plan["epochs"]) == (3, 3)
    assert plan["estimated_seconds"] > 0
    assert not (folder / "finalized").exists()

    found = json.loads(nas("finalize", "tiny", "--epochs", 3, "--seeds", 2, "--baselines", "--data", study, "--json"))
    assert found == read_json(folder / "finalized" / "finalized.json")
    assert len(found["networks"]) == 3
    assert [row["name"] for row in found["baselines"]] == ["zoo/resnet8"]
    for row in (*found["networks"], *found["baselines"]):
        assert set(row["runs"]) == {"1", "2"}
        assert row["value"] == pytest.approx(sum(row["runs"].values()) / 2)
        assert row["interval"][0] <= row["value"] <= row["interval"][1]
        assert row["latency_ms"] > 0
    searched = [row["search"]["value"] for row in found["networks"]]
    candidates = {record.trial: record for record in Results(folder).records("candidate")}
    assert searched == [candidates[row["trial"]].values["accuracy"] for row in found["networks"]]
    assert found["rankings"]["accuracy"]["pairs"] == 3
    assert any(sentence.startswith("the ranking of the search by accuracy") for sentence in found["said"])

    inner = open_results(folder / "finalized")
    runs = inner.records("finalist")
    assert {record.state for record in runs} == {"complete"}
    assert {len(record.curve) for record in runs} == {3}
    assert len(runs) == 6
    assert all(len({r.values["loss"] for r in runs if r.source == source}) == 2 for source in {r.source for r in runs})

    best = inner.record(found["best"]["record"])
    kept = read_json(folder / "best" / "record.json")
    assert kept["arch_id"] == best.arch_id == found["best"]["arch_id"]
    assert kept["values"] == dict(best.values)
    assert safetensors.torch.load_file(folder / "best" / "weights.safetensors")
    name = f"tiny/finalized:{found['best']['record']}"
    assert json.loads(nas("profile", "tiny:best", "--json"))["name"] == name
    assert json.loads(nas("profile", name, "--json"))["arch_id"] == best.arch_id
    shown = json.loads(nas("show", "tiny", "best", "--json"))
    assert shown["record"]["values"]["accuracy"] == best.values["accuracy"]
    assert shown["latencies"]["in_search"] is not None
    assert read_json(folder / "front.json") == before, "what the search found stays"
    assert 'id="finalized"' in (folder / "report.html").read_text()
    assert 'id="finalized"' in (folder / "finalized" / "report.html").read_text()

    # The same again trains nothing; more seeds come on top; the table is for people.
    curves = {path: path.stat().st_mtime_ns for path in (folder / "finalized" / "trials").rglob("curve.jsonl")}
    words = nas("finalize", "tiny", "--epochs", 3, "--seeds", 3, "--data", study)
    assert "The ranking of the search by accuracy" in " ".join(words.split())
    assert {path: path.stat().st_mtime_ns for path in curves} == curves
    assert len(inner.records("finalist")) == 9

    code, _, err = run_nas("finalize", "tiny", "--epochs", 4, "--data", study)
    assert code == 2
    assert "trained for 3 epochs, and 4 are asked for" in " ".join(err.split())
    code, _, err = run_nas("finalize", "tiny", "--epochs", 3, "--distill", "--data", study)
    assert code == 2
    assert "learn without a teacher" in " ".join(err.split())


def test_a_search_that_goes_on_leaves_what_was_finalised(study, nas, tiny_study, write_study, tmp_path):
    folder = tmp_path / "results" / "tiny"
    nas("finalize", "tiny", "--top", 1, "--data", study)
    kept = (folder / "best" / "record.json").read_text()
    tiny_study["search"] |= {"trials": 5, "rungs": []}
    tiny_study["baselines"] = ["zoo/resnet8"]
    nas("search", write_study(tiny_study), "--data", study, "--out", folder)
    assert (folder / "best" / "record.json").read_text() == kept


def test_other_networks_elsewhere_leave_the_study_alone(study, nas, tmp_path):
    folder, out = tmp_path / "results" / "tiny", tmp_path / "elsewhere"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    worst = min(Results(folder).records("candidate"), key=lambda record: record.values.get("accuracy", 2.0))
    found = json.loads(nas("finalize", "tiny", "--trials", worst.trial, "--data", study, "--out", out, "--json"))
    assert [row["trial"] for row in found["networks"]] == [worst.trial]
    assert "there is one" in found["said"][1]
    assert (out / "report.html").is_file()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
    if found["best"]:
        assert read_json(out / "best" / "record.json")["source"] == worst.trial


def test_networks_learn_from_a_teacher(study, nas, run_nas, tmp_path):
    folder = tmp_path / "results" / "tiny"
    arguments = ("finalize", "tiny", "--top", 1, "--data", study, "--json")
    found = json.loads(nas(*arguments, "--distill", "--temperature", 2, "--weight", 0.7))
    assert (found["distill"]["temperature"], found["distill"]["weight"]) == (2.0, 0.7)
    teacher = folder / "finalized" / "teacher"
    best = read_json(folder / "front.json")["best"]
    assert read_json(teacher / "record.json")["arch_id"] == best["arch_id"]
    assert json.loads(nas(*arguments, "--distill", "--temperature", 2, "--weight", 0.7))["best"] == found["best"]
    plain = json.loads(nas(*arguments, "--out", tmp_path / "plain"))
    assert plain["networks"][0]["trial"] == found["networks"][0]["trial"]
    assert plain["networks"][0]["values"]["train_loss"] != found["networks"][0]["values"]["train_loss"]

    other = next(r.trial for r in Results(folder).records("candidate") if r.arch_id != best["arch_id"] and r.curve)
    code, _, err = run_nas(*arguments, "--teacher", other, "--temperature", 2, "--weight", 0.7)
    assert code == 2
    assert "must have one teacher" in " ".join(err.split())
    from_best = json.loads(nas(*arguments, "--teacher", folder / "best", "--out", tmp_path / "taught"))
    assert from_best["distill"]["weight"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--trials", "99"), "99 is none: there are candidates 0 to"),
        (("--trials", "1,x"), "--trials must be numbers"),
        (("--teacher", "99"), "no single trial '99'"),
        (("--epochs", "0"), "epochs"),
        (("--out", "."), "holds other files"),
        (("--out", "results/tiny"), "results/tiny holds the study tiny, not tiny-finalized"),
    ],
)
def test_bad_input(study, run_nas, arguments, words):
    code, _, err = run_nas("finalize", "tiny", "--data", study, *arguments)
    assert code == 2
    assert words in " ".join(err.split())


def test_without_the_data_it_says_how_to_give_it(study, run_nas):
    code, _, err = run_nas("finalize", "tiny")
    assert code == 2
    assert "tiny.npz" in err


def test_a_teacher_without_weights_is_named(study, run_nas, tmp_path):
    folder = tmp_path / "results" / "tiny"
    for path in (folder / "trials").glob("*/checkpoint-*"):
        shutil.rmtree(path)
    code, _, err = run_nas("finalize", "tiny", "--distill", "--data", study)
    assert code == 2
    assert "a teacher must have weights" in " ".join(err.split())


def test_a_teacher_of_other_classes_is_refused_and_not_kept(study, run_nas, tmp_path):
    plan = find_network("zoo/lenet5")  # of ten classes
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "architecture.json").write_text(json.dumps(plan.architecture.to_json()))
    safetensors.torch.save_file(build(plan, seed=0).state_dict(), tmp_path / "other" / "weights.safetensors")
    for out in (tmp_path / "results" / "tiny" / "finalized", tmp_path / "taught"):
        code, _, err = run_nas("finalize", "tiny", "--data", study, "--teacher", tmp_path / "other", "--out", out)
        assert code == 2
        assert "a teacher must know the data" in " ".join(err.split())
        assert not (out / "teacher").exists()


def test_nothing_within_the_budgets(study, nas, run_nas, tmp_path):
    """The study asked for what no network has: trials can be named, and the exit code says that none is within."""
    file = tmp_path / "results" / "tiny" / "study.yaml"
    file.write_text(file.read_text().replace("macs <= 60000", "accuracy >= 2"))
    code, out, _ = run_nas("finalize", "tiny", "--trials", 0, "--data", study, "--json")
    assert code == 3
    assert json.loads(out)["best"] is None


def test_killed_and_started_again_it_goes_on(study, nas, tmp_path):
    command = [sys.executable, "-c", PROGRAM]
    command += ["finalize", "tiny", "--epochs", "12", "--data", str(study), "--json"]
    folder = tmp_path / "results" / "tiny" / "finalized"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    deadline = time.monotonic() + 120
    while not any(len(path.read_text().splitlines()) >= 3 for path in folder.glob("trials/*/curve.jsonl")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = open_results(folder).records()
    assert begun
    found = json.loads(nas("finalize", "tiny", "--epochs", "12", "--data", study, "--json"))
    records = open_results(folder).records()
    assert {record.state for record in records} == {"complete"}
    assert len(records) == len(found["networks"]) == 3
    assert {record.name for record in begun} <= {record.name for record in records}
    for path in folder.glob("trials/*/curve.jsonl"):
        epochs = [json.loads(line)["epoch"] for line in path.read_text().splitlines()]
        assert set(epochs) == set(range(1, 13))
        assert len(epochs) <= 14, "what was done before the kill is not done again, but for the epoch it was in"


def test_while_a_search_writes_the_folder_it_waits_for_nobody(study, run_nas, tmp_path):
    with Results(tmp_path / "results" / "tiny", name="tiny").driving():
        code, _, err = run_nas("finalize", "tiny", "--data", study)
    assert code == 2
    assert "must have one writer at a time" in " ".join(err.split())


def test_a_study_may_have_a_teacher_from_the_start(study, nas, run_nas, tiny_study, write_study, tmp_path):
    tiny_study |= {"name": "taught", "data": {"name": "npz", "path": str(study)}}
    tiny_study["recipe"] |= {"distill": {"teacher": "results/tiny/best"}}
    nas("search", write_study(tiny_study))
    recipe = read_resolved(tmp_path / "results" / "taught")["recipe"]
    assert recipe["distill"]["teacher"] == str(tmp_path / "results" / "tiny" / "best")
    found = json.loads(nas("finalize", "taught", "--top", 1, "--json"))
    assert found["distill"] == recipe["distill"], "the full recipe has the teacher, too"

    tiny_study["recipe"]["distill"] = {"teacher": "nowhere"}
    code, _, err = run_nas("search", write_study(tiny_study | {"name": "other"}))
    assert code == 2
    words = " ".join(err.split())
    assert "at recipe.distill.teacher:" in words
    assert "has no architecture.json" in words
    assert not (tmp_path / "results" / "other").exists()
