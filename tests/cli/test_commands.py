"""The commands as a person and a machine use them, on a study that is over in seconds."""

from __future__ import annotations

import json

import pandas as pd

from nas.measure import Latency
from nas.report import worth_showing


def test_a_space_says_what_cannot_be_built(nas, tmp_path):
    (tmp_path / "heads.yaml").write_text(
        "nas: 1\ninput: {resolution: 8}\nclasses: 3\nstem: [conv: {out: {choice: [20, 24]}}]\n"
        "stages: [{name: s1, block: {transformer: {heads: 8}}}]\nhead: [pool, classifier]\n"
    )
    found = json.loads(nas("space", tmp_path / "heads.yaml", "--json"))
    assert 0.3 < found["feasible_fraction"]["value"] < 0.7
    assert "heads must divide" in nas("space", tmp_path / "heads.yaml").replace(": must divide", " must divide")


def test_search_from_start_to_model(nas, tiny_study, write_study, tmp_path):
    tiny_study["baselines"] = ["zoo/resnet8"]
    path = write_study(tiny_study)
    out = nas("search", path)
    folder = tmp_path / "results" / "tiny"
    assert "resnet8" in out
    front = json.loads((folder / "front.json").read_text())
    assert front["study"] == "tiny"
    assert front["best"]["feasible"]
    assert len(front["baselines"]) == 1
    assert not front["baselines"][0]["feasible"]
    table = pd.read_parquet(folder / "trials.parquet")
    trained = table[(table["role"] == "candidate") & table["state"].isin(["complete", "pruned", "failed"])]
    assert len(trained) == 3
    assert "<html" in (folder / "report.html").read_text()[:1000]
    best = {path.name for path in (folder / "best").iterdir()}
    assert best == {"architecture.json", "model.json", "network.yaml", "record.json", "weights.safetensors"}

    status = json.loads(nas("status", "tiny", "--json"))
    assert sum(status["trained"].values()) == status["asked"] == 3
    assert status["running"] is None
    assert status["fallback"] is None  # random search models nothing that could fall back

    shown = json.loads(nas("show", "tiny", "best", "--json"))
    assert shown["record"]["values"]["macs_expected"] == shown["record"]["values"]["macs"]
    assert "macs_expected" not in nas("show", "tiny", "best")
    assert "macs_expected" not in nas("status", "tiny")
    assert shown["record"]["arch_id"] == front["best"]["arch_id"]
    assert shown["stages"][-1]["block"] == "classifier"

    again = json.loads(nas("profile", folder / "best" / "network.yaml", "--json"))
    assert again["arch_id"] == front["best"]["arch_id"]
    named = json.loads(nas("profile", "tiny:best", "--json"))
    assert named["macs"] == again["macs"]
    assert named["name"] == again["name"] == f"tiny:{front['best']['role']}/{front['best']['trial']}"

    assert json.loads(nas("report", "tiny", "--json")) == front
    before = {p: p.stat().st_mtime_ns for p in (folder / "trials").rglob("curve.jsonl")}
    nas("search", path)
    assert {p: p.stat().st_mtime_ns for p in (folder / "trials").rglob("curve.jsonl")} == before
    tiny_study["search"] = tiny_study["search"] | {"trials": 4}
    nas("search", write_study(tiny_study), "--json")
    assert json.loads(nas("status", "tiny", "--json"))["asked"] == 4


def test_a_trial_is_called_by_its_study_and_takes_other_data(nas, run_nas, meter, tiny_study, write_study, tmp_path):
    nas("search", write_study(tiny_study | {"finalists": {"count": 0}}))
    own = json.loads(nas("profile", "tiny:0", "--json"))
    assert own["name"] == "tiny:0"
    assert own["resolution"] == 8
    other = json.loads(nas("profile", "tiny:0", "--resolution", "12", "--classes", "7", "--json"))
    assert (other["name"], other["resolution"], other["classes"]) == ("tiny:0", 12, 7)
    assert other["arch_id"] != own["arch_id"]
    assert other["macs"] > own["macs"]
    nas("zoo", "widen", "tiny:0", "--write", "around.yaml")
    assert "name: around_tiny_0\n" in (tmp_path / "around.yaml").read_text()
    for name in ("tiny", "results/tiny"):
        code, _, err = run_nas("profile", name)
        assert code == 2
        assert f"holds the results of a study: write {name}:best, or {name}:TRIAL" in " ".join(err.split())


def test_dry_run_writes_nothing(nas, tiny_study, write_study, tmp_path):
    plan = json.loads(nas("search", write_study(tiny_study), "--dry-run", "--json"))
    assert plan["trials_left"] == 3
    assert plan["estimated_seconds"] > 0
    assert 0 < plan["within_cost_budgets"] <= 1
    assert not (tmp_path / "results").exists()


def test_space_and_sample(nas):
    found = json.loads(nas("space", "quickstart", "--samples", "20", "--json"))
    assert set(found) == {"name", "size", "decisions", "feasible_fraction"}
    assert int(found["size"]) > 1000
    assert found["feasible_fraction"]["samples"] == 20
    first = nas("sample", "quickstart", "-n", "3", "--seed", "7", "--json")
    assert first == nas("sample", "quickstart", "-n", "3", "--seed", "7", "--json")
    assert set(json.loads(first)[0]) == {"arch_id", "decisions", "params", "macs"}
    text = nas("space", "quickstart", "--samples", "20")
    assert "feasible" in text
    assert "size" in text


def test_samples_show_the_range_of_macs(nas, tmp_path):
    leaves = "exit: {choice: {none: none, one: [pool, classifier]}}"
    stages = f"[{{name: s1, block: conv, {leaves}}}, {{name: s2, repeat: {{range: [1, 3]}}, block: conv}}]"
    text = f"input: {{resolution: 8}}\nclasses: 2\nstages: {stages}\nhead: [pool, classifier]\n"
    (tmp_path / "leaving.yaml").write_text(f"{text}constraints: [macs_expected <= 1e9]\n", encoding="utf-8")
    rows = json.loads(nas("sample", "leaving.yaml", "-n", "8", "--json"))
    leaving = [row for row in rows if row["decisions"]["s1.exit"] == "one"]
    assert 0 < len(leaving) < len(rows)
    assert all(("macs_range" in row) == (row in leaving) for row in rows)
    span = leaving[0]["macs_range"]
    assert span["least"] < span["expected"] < span["most"] == leaving[0]["macs"]
    for shown in (nas("sample", "leaving.yaml"), nas("space", "leaving.yaml", "--samples", "5")):
        assert "k to " in shown


def test_show_hides_a_range_that_is_none():
    same = {"macs": 5, "macs_least": 5, "macs_expected": 5, "params": 5}
    assert worth_showing(same) == {"macs": 5, "params": 5}
    other = same | {"macs_least": 2, "macs_expected": 3}
    assert worth_showing(other) == other


def test_profile_keys(nas):
    found = json.loads(nas("profile", "zoo/resnet20", "--json"))
    assert {"name", "arch_id", "resolution", "classes", "params", "macs", "activations", "stages"} <= set(found)
    assert set(found["stages"][0]) >= {"name", "params", "macs", "activations", "out_shape"}
    assert sum(stage["macs"] for stage in found["stages"]) == found["macs"]


def test_measure_keys(nas):
    found = json.loads(nas("measure", "zoo/lenet5", "--json"))
    stable = {"name", "arch_id", "latency_ms", "environment"}
    assert set(found) == stable | {"device", "inference_memory_mb", "model_mb", "energy_mj", "evidence"}
    latency = found["latency_ms"]
    assert found["model_mb"] > 0
    assert found["energy_mj"] != 0
    assert set(latency) == {"p50", "low", "high", "p90", "p99", "pairs", "trusted", "flags"}
    assert 0 < latency["low"] <= latency["p50"] <= latency["high"]


def test_measure_tells_what_else_it_found_and_what_is_not_available(nas, monkeypatch):
    monkeypatch.setattr("nas.study.profile._measure", lambda plan, device, extras, address: LATENCY)
    text = nas("measure", "zoo/lenet5", "--threads", "1", "--batch", "2")
    assert "p50 1.500 ms [1.400, 1.600], p90 1.700 ms, p99 1.800 ms, 80 pairs" in text
    assert "memory of an inference 3.25 MiB, model on disk 0.25 MiB, energy an image: not available here" in text
    assert "seen meanwhile: steal 0.01" in text


LATENCY = Latency(1.5, 1.4, 1.6, 1.7, 1.8, 80, True, evidence={"steal": 0.01}, inference_memory_mb=3.25, model_mb=0.25)


def test_a_study_by_memory_and_size(nas, tiny_study, write_study, tmp_path):
    tiny_study["objectives"] = ["maximize accuracy", "minimize model_mb"]
    tiny_study["budgets"] = ["inference_memory_mb <= 4000"]
    tiny_study["search"] = {"sampler": "random", "trials": 1, "seed": 1}
    tiny_study["finalists"] = {"count": 0}
    nas("search", write_study(tiny_study))
    found = json.loads((tmp_path / "results" / "tiny" / "front.json").read_text())["best"]
    assert found["feasible"]
    assert 0 < found["values"]["model_mb"] < 1
    assert 0 < found["values"]["inference_memory_mb"] < 4000
    page = (tmp_path / "results" / "tiny" / "report.html").read_text()
    assert "model size (MiB)" in page


def test_energy_that_cannot_be_told_is_said_before_any_work(run_nas, tiny_study, write_study, monkeypatch, tmp_path):
    monkeypatch.setattr("nas.measure.energy.POWERCAP", tmp_path / "absent")
    tiny_study["objectives"] = ["maximize accuracy", "minimize energy_mj"]
    code, _, err = run_nas("search", write_study(tiny_study))
    assert code == 2
    assert "study.yaml" in err
    assert "energy_mj is not available here" in err
    assert not (tmp_path / "results").exists()


def test_schemas(nas, tmp_path):
    import jsonschema

    for what in ("space", "study"):
        jsonschema.Draft202012Validator.check_schema(json.loads(nas("schema", what)))
    nas("schema", "study", "--write", tmp_path / "study.schema.json")
    assert (tmp_path / "study.schema.json").stat().st_size > 1000
