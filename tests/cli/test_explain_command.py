"""`nas explain` on a tiny trained network: maps are kept, shown in the report, and bad input is named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from made_up_meter import StudyMeter
from PIL import Image

from nas.study.results import open_results

pytest.importorskip("captum", reason="captum is not installed (the extra explain)")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return tmp_path_factory.mktemp("searched")


@pytest.fixture
def study(searched, nas, tiny_study, write_study, tmp_path, monkeypatch):
    """A copy of a finished search with colours of brightness as classes; where its data lies now."""
    monkeypatch.setattr("nas.study.meters.open_meter", lambda *args, **options: StudyMeter())
    if not (searched / "tiny").is_dir():
        nas("search", write_study(tiny_study), "--out", searched / "tiny")
        shutil.copy(tiny_study["data"]["path"], searched / "tiny.npz")
    shutil.copytree(searched / "tiny", tmp_path / "results" / "tiny")
    (tmp_path / "tiny.npz").unlink()
    for number in range(3):
        Image.fromarray(np.full((20, 30, 3), 80 * number + 20, np.uint8)).save(tmp_path / f"{number}.png")
    return searched / "tiny.npz"


def test_maps_are_kept_and_shown(study, nas, tmp_path):
    found = json.loads(nas("explain", "tiny:best", "0.png", "2.png", "--data", study, "--out", "page.html", "--json"))
    best = open_results(tmp_path / "results" / "tiny").record(found["network"].partition(":")[2])
    assert found["arch_id"] == best.arch_id
    assert [row["image"] for row in found["images"]] == ["0.png", "2.png"]
    for row in found["images"]:
        assert row["method"] == "gradcam"
        assert 0 < row["predicted"]["probability"] <= 1
        assert row["target"] == row["predicted"]
        assert max(max(line) for line in row["map"]) in (0, 1)
    folder = tmp_path / "results" / "tiny" / "trials" / best.folder / "maps"
    assert json.loads((folder / "maps.json").read_text()) == found
    assert np.asarray(Image.open(folder / "1.png")).shape == (8, 8), "as the data: grey, 8 pixels"
    assert "What it looks at" in (tmp_path / "page.html").read_text()
    nas("report", "tiny")
    assert 'id="maps"' in (tmp_path / "results" / "tiny" / "report.html").read_text()

    words = nas("explain", "results/tiny/best", "1.png", "--class", "2", "--method", "occlusion", "--data", study)
    assert "occlusion" in words
    again = json.loads((folder / "maps.json").read_text())
    assert [(row["image"], row["target"]["class"]) for row in again["images"]] == [("1.png", "2")]
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "maps.json"]


def test_it_sees_what_validation_saw(study, nas, tmp_path):
    """Images of the data, as files, are seen as the classes that the trainer's own evaluation sees."""
    import torch

    from nas.study.explain import find_subject
    from nas.study.trained import find_trained

    subject = find_subject("tiny:0", data=study, results=tmp_path / "results")
    split = find_trained("tiny:0", data=str(study), results=tmp_path / "results").dataset.validation
    for index, pixels in enumerate(split.images[:6]):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"v{index}.png")
    found = json.loads(nas("explain", "tiny:0", *(f"v{index}.png" for index in range(6)), "--data", study, "--json"))
    ready = subject.preparation
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (ready.mean, ready.std))
    x = (torch.from_numpy(split.images[:6]).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        expected = subject.network(x).softmax(1)
    for row, each in zip(found["images"], expected, strict=True):
        assert row["predicted"]["probability"] == pytest.approx(float(each.max()), abs=1e-5)
        assert row["predicted"]["index"] == int(each.argmax())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tiny:best", "nowhere.png"), "nowhere.png: must be an image that can be read"),
        (("tiny:best", "0.png", "--class", "zebra"), "--class must be one of the data's"),
        (("tiny:best", "0.png", "--method", "magic"), "there is no method 'magic'"),
        (("tiny:best", "0.png", "--method", "attention"), "attention maps need tokens"),
        (("zoo/resnet8", "0.png"), "a trained network must be named"),
        (("tiny:99", "0.png"), "no single trial '99'"),
    ],
)
def test_bad_input(study, run_nas, arguments, words):
    code, _, err = run_nas("explain", *arguments, "--data", study)
    assert code == 2
    assert words in " ".join(err.split())


def test_a_trial_without_weights_says_how_to_get_them(study, run_nas, tmp_path):
    for path in (tmp_path / "results" / "tiny" / "trials").glob("*/checkpoint-*"):
        shutil.rmtree(path)
    code, _, err = run_nas("explain", "tiny:0", "0.png", "--data", study)
    assert code == 2
    assert "nas finalize" in err
