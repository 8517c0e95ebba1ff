"""`nas export` and `nas predict` on a study that was searched, on networks of files, and on what they must refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import yaml
from PIL import Image

from nas.cli.live import LiveProgress
from nas.export import formats
from nas.study.config import read_study
from nas.study.open import open_study
from nas.study.run import run_study

HERE = [name for name in ("safetensors", "pt2", "onnx", "openvino", "int8") if not formats.find(name).missing()]
COLOURS = {0: (200, 40, 40), 1: (40, 200, 40), 2: (40, 40, 200)}
SPACE = {
    "nas": 1,
    "name": "tiny",
    "input": {"resolution": 12, "channels": 3},
    "classes": 3,
    "stem": [{"conv": {"out": {"choice": [8, 12]}, "stride": 2}}],
    "stages": [{"name": "s1", "repeat": {"range": [1, 2]}, "out": 8, "block": {"choice": ["conv", "basic"]}}],
    "head": ["pool", "classifier"],
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A study of photos in three class folders, whose network takes another size than the data has."""
    base = tmp_path_factory.mktemp("searched")
    rng = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        folder = base / "photos" / f"c{label} [x](y)"
        folder.mkdir(parents=True)
        for number in range(24):
            noise = rng.integers(-40, 40, (11, 9, 3))
            Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number:02d}.png")
    study = {
        "nas": 1,
        "name": "tiny",
        "space": SPACE,
        "data": {"name": "folder", "path": str(base / "photos"), "resolution": 8},
        "objectives": ["maximize accuracy", "minimize macs"],
        "budgets": ["macs <= 2000000"],
        "search": {"sampler": "random", "trials": 2, "seed": 1},
        "recipe": {"epochs": 3, "batch_size": 8, "precision": "float32", "lr": 0.01},
        "measure": {"min_pairs": 8, "max_pairs": 16, "target": 0.5, "limit": 0.9, "max_seconds": 0.2},
        "run": {"runner": "local"},
        "finalists": {"count": 1},
    }
    path = base / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    with LiveProgress("tiny") as live:
        run_study(open_study(read_study(path)), base / "results" / "tiny", live.update)
    return base


@pytest.fixture
def study(searched, tmp_path):
    """A copy of the results, as `tiny` in the folder that commands run in."""
    shutil.copytree(searched / "results", tmp_path / "results")
    return tmp_path / "results" / "tiny"


def some(*names):
    return [argument for name in names for argument in ("--format", name)]


def test_the_best_is_written_in_every_format_and_predicts(searched, study, run_nas):
    code, out, _ = run_nas("export", "tiny", "--best", *some(*HERE), "--licence", "CC [0](x)", "--json")
    found = json.loads(out)
    assert code == 0
    folder = study / "export" / "finalist-0"
    assert found["folder"] == str(folder.relative_to(study.parent.parent))
    assert [row["state"] for row in found["formats"]] == ["written"] * len(HERE)
    assert all(row["outputs"]["images"] == 64 for row in found["formats"])
    assert found["trained"]
    assert found["compared_on"] == "validation images, filled up with random ones"
    assert json.loads((folder / "model.json").read_text()).keys() == found.keys() - {"folder"}
    assert set(found["files"]) == {path.name for path in folder.iterdir()} - {"model.json"}
    assert found["prepare"]["side"] == 8
    assert found["prepare"]["height"] == 12
    if "int8" in HERE:
        splits = {each["split"]: each for each in found["accuracy"]["int8"]}
        recorded = json.loads((study / "best" / "record.json").read_text())["values"]
        assert splits["validation"]["before"] == pytest.approx(recorded["accuracy"], abs=1e-6)
        assert splits["test"]["before"] == pytest.approx(recorded["test_accuracy"], abs=1e-6)
    card = (folder / "README.md").read_text()
    assert "Licence of the data: CC \\[0\\](x)." in card
    assert "c0 [x](y)" not in card
    assert "c0 \\[x\\](y)" in card

    photos = searched / "photos" / "c1 [x](y)"
    answers = {}
    for model in (folder, study / "best", "tiny:best", *(folder / formats.find(name).file for name in HERE)):
        code, out, err = run_nas("predict", model, photos, "--top", 2, "--json")
        assert code == 0, err
        rows = json.loads(out)["images"]
        assert len(rows) == 24
        answers[str(model)] = [row["top"][0]["class"] for row in rows]
        assert all(sum(each["probability"] for each in row["top"]) <= 1.0001 for row in rows)
    assert set(answers[str(folder)]) == {"c1 [x](y)"}
    assert all(answer == answers[str(folder)] for answer in answers.values())


def test_trials_have_folders_of_their_own_and_an_export_replaces_itself(study, nas):
    nas("export", "tiny", "0", *some("safetensors"))
    folder = study / "export" / "0"
    (folder / "stale").write_text("")
    nas("export", "tiny:0", *some("safetensors"))
    assert not (folder / "stale").exists()
    assert not list(study.glob("export/.*"))
    tensors = safetensors.torch.load_file(folder / "weights.safetensors")
    assert tensors


def test_a_dry_run_writes_nothing(study, nas):
    before = sorted(study.rglob("*"))
    found = json.loads(nas("export", "tiny", "--best", "--dry-run", "--json"))
    assert [row["format"] for row in found["formats"]] == formats.names()
    assert "would write" in nas("export", "tiny", "--best", "--dry-run")
    assert sorted(study.rglob("*")) == before


def test_by_default_what_is_not_installed_is_left_out(study, run_nas, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    code, out, _ = run_nas("export", "tiny", "--best", "--json")
    states = {row["format"]: row["state"] for row in json.loads(out)["formats"]}
    assert code == 0
    assert states == dict.fromkeys(("safetensors", "source", "pt2"), "written") | dict.fromkeys(
        ("onnx", "openvino", "int8"), "left out"
    )
    code, _, err = run_nas("export", "tiny", "--best", *some("onnx"))
    assert code == 2
    assert "nas[onnx]" in err


def test_results_copied_from_elsewhere_without_data(searched, study, run_nas, tmp_path):
    """The data is gone and `data.json` stays: all but eight bits goes, and says so."""
    (searched / "photos").rename(searched / "hidden")
    try:
        code, out, err = run_nas("export", "tiny", "--best", *some("safetensors", "int8"), "--json")
        found = {row["format"]: row for row in json.loads(out)["formats"]}
        assert code == 3
        assert found["safetensors"]["state"] == "written"
        assert "name it by --data" in found["int8"]["reason"]
        assert "the data of the study is not there" in err
        code, _, err = run_nas("export", "tiny", "--best", "--data", tmp_path / "nowhere")
        assert (code, "nowhere" in err) == (2, True)
        if "int8" in HERE:
            code, out, _ = run_nas("export", "tiny", "--best", *some("int8"), "--data", searched / "hidden", "--json")
            assert code == 0
            assert json.loads(out)["accuracy"]["int8"]
    finally:
        (searched / "hidden").rename(searched / "photos")


def test_a_study_of_an_earlier_version_finds_out_from_its_data(study, nas):
    (study / "data.json").unlink()
    nas("export", "tiny", "--best", *some("safetensors"))
    assert json.loads((study / "export" / "finalist-0" / "model.json").read_text())["classes"][0] == "c0 [x](y)"


def test_a_network_of_a_file(study, nas, run_nas, tmp_path):
    network = study / "best" / "network.yaml"
    code, out, _ = run_nas("export", network, *some("safetensors"), "--json")
    found = json.loads(out)
    assert code == 0
    assert not found["trained"]
    assert found["folder"].startswith("export/")
    assert "never trained" in (tmp_path / found["folder"] / "README.md").read_text()
    assert "untrained" in nas("export", network, *some("safetensors"))

    weights = study / "best" / "weights.safetensors"
    found = json.loads(nas("export", network, "--weights", weights, *some("safetensors"), "--out", "mine", "--json"))
    assert found["trained"]
    assert found["prepare"]["side"] == 8
    assert (tmp_path / "mine" / "weights.safetensors").exists()


def test_a_hostile_name_stays_a_name(study, nas, tmp_path):
    name = "../../x](http://evil) <script>alert(1)</script>"
    tree = yaml.safe_load((study / "best" / "network.yaml").read_text()) | {"name": name}
    (tmp_path / "hostile.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    found = json.loads(nas("export", "hostile.yaml", *some("safetensors"), "--json"))
    folder = (tmp_path / found["folder"]).resolve()
    assert folder.parent == tmp_path / "export"
    card = (folder / "README.md").read_text()
    assert "<script>" not in card
    assert "\\](http" in card
    assert found["name"] == name


def test_a_stage_named_by_a_keyword_is_written_as_source(nas, tmp_path):
    tree = """nas: 1
name: words
input: {resolution: 8, channels: 1}
classes: 3
stem: [{conv: {out: 4}}]
stages: [{name: class, out: 4, block: conv}, {name: pass, out: 4, block: conv}]
head: [pool, classifier]
"""
    (tmp_path / "words.yaml").write_text(tree)
    found = json.loads(nas("export", "words.yaml", *some("source"), "--json"))
    assert [each["state"] for each in found["formats"]] == ["written"]
    assert 'getattr(self, "class")(x)' in (tmp_path / found["folder"] / "model.py").read_text()


def test_source_finds_its_weights_from_anywhere(study, nas, tmp_path):
    found = json.loads(nas("export", "tiny", "--best", *some("source"), "--json"))
    file = (tmp_path / found["folder"] / "model.py").resolve()
    done = subprocess.run([sys.executable, "-I", str(file)], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(1, ")


def test_a_trial_without_weights_says_how_to_make_them(study, run_nas, nas):
    shutil.rmtree(study / "best")
    for folder in (study / "trials").iterdir():
        for checkpoint in folder.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    code, _, err = run_nas("export", "tiny", "0")
    assert code == 2
    assert "tiny:0 has no weights: it was trained for 3 epochs, but no checkpoint is in" in err
    assert "nas finalize" in err
    err = run_nas("export", "tiny", "--best")[2]
    assert "-again`" in " ".join(err.split())
    assert "--untrained" in err
    assert run_nas("predict", "tiny:0", study)[0] == 2
    found = json.loads(nas("export", "tiny", "0", "--untrained", *some("safetensors"), "--json"))
    assert not found["trained"]
    assert found["weights"] == "initial weights, never trained"
    assert "with its own weights, not with those of this export" in (study / "export" / "0" / "README.md").read_text()


def test_best_has_its_weights_where_the_trials_folder_lost_them(study, nas):
    for folder in (study / "trials").iterdir():
        for checkpoint in folder.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    found = json.loads(nas("export", "tiny", "--best", *some("safetensors"), "--json"))
    assert found["trained"]
    assert "from best/" in found["weights"]


def test_a_damaged_checkpoint_is_told(study, run_nas):
    for path in (study / "trials").glob("*/checkpoint-*/model.safetensors"):
        path.write_bytes(b"half")
    code, _, err = run_nas("export", "tiny", "0")
    assert code == 2
    assert "must be a whole checkpoint" in err


def test_damaged_records_are_told(study, run_nas):
    facts = json.loads((study / "data.json").read_text())
    (study / "data.json").write_text(json.dumps({"classes": facts["classes"]}))
    code, _, err = run_nas("export", "tiny", "--best")
    assert code == 2
    assert "data.json must say what the data is, but lacks channels" in " ".join(err.split())
    (study / "data.json").write_text(json.dumps(facts | {"std": [0, 0, 0]}))
    assert "how to prepare an image must be told completely" in run_nas("predict", "tiny:best", study)[2]
    (study / "data.json").write_text("{")
    assert "must be a readable JSON file" in run_nas("export", "tiny", "--best")[2]
    for path in (study / "trials").glob("*/architecture.json"):
        path.write_text(path.read_text()[:100])
    code, _, err = run_nas("export", "tiny", "--best")
    assert code == 2
    assert "must be the architecture of a network, but it is damaged" in " ".join(err.split())


def test_bad_input_of_export(study, run_nas, tmp_path):
    def error(*arguments):
        code, out, err = run_nas("export", *arguments)
        assert code == 2
        assert out == ""
        assert not list(tmp_path.glob(".*partial"))
        return " ".join(err.split())

    assert "did you mean 'onnx'" in error("tiny", "--best", *some("onx"))
    assert "both 0 and --best" in error("tiny", "0", "--best")
    assert "a network must be named" in error("tiny")
    assert "no single trial '99'" in error("tiny", "99")
    assert "warp" in error("tiny:0", "--measure", "--device", "warp")
    assert "both --weights and --untrained" in error("tiny:0", "--untrained", "--weights", "x")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("")
    assert "holds other files ('thesis.tex', ...)" in error("tiny:0", "--out", "taken")
    assert (tmp_path / "taken" / "thesis.tex").exists()
    (tmp_path / "file").write_text("")
    assert "file is a file" in error("tiny:0", "--out", "file")
    assert "must be a file of weights" in error(study / "best" / "network.yaml", "--weights", "file")
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"x": __import__("torch").ones(1)}, other)
    assert "must hold the weights of" in error("tiny:0", "--weights", other)
    assert "--data must be a folder" in error("zoo/resnet8", "--data", "nowhere")


def test_data_of_other_classes_is_refused(study, run_nas, searched, tmp_path):
    for label in range(2):
        shutil.copytree(searched / "photos" / f"c{label} [x](y)", tmp_path / "two" / f"d{label}")
    code, _, err = run_nas("export", "tiny", "--best", "--data", tmp_path / "two")
    assert code == 2
    assert "must have the classes that the network was trained on" in " ".join(err.split())


def test_bad_input_of_predict(study, run_nas, searched, tmp_path):
    photo = next((searched / "photos" / "c0 [x](y)").iterdir())
    torn = tmp_path / "torn.png"
    torn.write_bytes(photo.read_bytes()[:50])
    code, out, err = run_nas("predict", study / "best", photo, torn, "--json")
    found = json.loads(out)
    assert code == 2
    assert [row["image"] for row in found["images"]] == [str(photo)]
    assert found["unreadable"][0]["image"] == str(torn)
    assert "torn.png: cannot be read as an image" in " ".join(err.split())
    assert "has nothing that runtime 'fast' runs" in run_nas("predict", study / "best", photo, "--runtime", "fast")[2]
    assert run_nas("predict", study / "best", tmp_path / "gone.png")[0] == 2
    assert "export it first" in run_nas("predict", "tiny:best", photo, "--runtime", "onnxruntime")[2]
    assert "holds the results of a study: write tiny:best" in run_nas("predict", "tiny", photo)[2]
    assert "holds the results of a study: write tiny:best" in run_nas("export", "tiny")[2]
    (study / "best" / "model.json").unlink()
    assert "earlier version" in run_nas("predict", study / "best", photo)[2]


def test_what_was_written_is_measured(study, nas):
    if "onnx" not in HERE:
        pytest.skip("no ONNX Runtime")
    found = json.loads(nas("export", "tiny", "--best", *some("int8"), "--measure", "--json"))
    assert set(found["latency_ms"]) == {"eager", "int8"}
    for name, runtime in (("eager", "eager"), ("int8", "onnxruntime_int8")):
        latency = found["latency_ms"][name]
        assert 0 < latency["low"] <= latency["p50"] <= latency["high"]
        assert latency["environment"]["runtime"] == runtime
