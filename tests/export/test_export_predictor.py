"""A model taken up again: images are prepared as in validation, and what is no model is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from nas.errors import DataError, ExportError
from nas.export import formats
from nas.export.description import describe
from nas.export.predictor import image_files, open_model
from nas.export.writing import write_formats
from nas.store.files import write_json
from nas.train.preparation import Preparation


@pytest.fixture
def preparation(model):
    shape = model.network.plan.input
    names = tuple(f"class {k}" for k in range(model.network.plan.classes))
    numbers = tuple([0.4, 0.5, 0.6][: shape.channels])
    return Preparation(shape.channels, 10, shape.height, shape.width, numbers, numbers, names)


@pytest.fixture
def folder(model, preparation, tmp_path):
    out = tmp_path / "model"
    out.mkdir()
    wanted = [format for name in ("safetensors", "onnx") if not (format := formats.find(name)).missing()]
    write_formats(model, wanted, out, lambda _: None)
    write_json(out / "model.json", describe(model.network.plan, preparation, trained=True))
    return out


@pytest.fixture
def photos(tmp_path):
    """A grey and a colour photo, neither square nor of the right size, a file that is none, and one of another kind."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (30, 20), dtype=np.uint8)).save(photos / "grey.png")
    Image.fromarray(rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(photos / "colour.jpg")
    (photos / "torn.png").write_bytes((photos / "grey.png").read_bytes()[:60])
    (photos / "notes.txt").write_text("no image")
    return photos


def test_predictions_are_those_of_the_network_on_prepared_images(model, preparation, folder, photos):
    paths = image_files([photos])
    assert [path.name for path in paths] == ["colour.jpg", "grey.png", "torn.png"]
    found = {each.path.name: each for each in open_model(folder).predict(paths)}
    for name in ("colour.jpg", "grey.png"):
        expected = model.network(preparation(preparation.read(photos / name)[None])).softmax(1)[0]
        assert torch.allclose(torch.tensor(found[name].probabilities), expected, atol=1e-6)
        order = [index for index, _ in found[name].top(2)]
        assert order == expected.argsort(descending=True)[:2].tolist()
    assert found["torn.png"].unreadable
    assert found["torn.png"].probabilities == ()


def test_every_runtime_says_the_same(folder, photos):
    pytest.importorskip("onnxruntime")
    paths = [photos / "grey.png", photos / "colour.jpg"]
    first = [each.probabilities for each in open_model(folder, "eager").predict(paths)]
    other = open_model(folder / "model.onnx")
    assert other.runtime == "onnxruntime"
    assert np.allclose(first, [each.probabilities for each in other.predict(paths)], atol=1e-5)


def test_an_empty_folder_and_a_file_that_is_not_there_are_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must hold at least one image"):
        image_files([tmp_path / "empty"])
    with pytest.raises(DataError, match="there is no such image"):
        image_files([tmp_path / "gone.png"])


def test_what_is_no_model_is_told(folder, tmp_path):
    with pytest.raises(ExportError, match="there is no model"):
        open_model(tmp_path / "gone")
    with pytest.raises(ExportError, match=r"must hold a model that nas exported, but has no model\.json"):
        open_model(tmp_path)
    with pytest.raises(ExportError, match=r"is no model; in its folder there are: weights\.safetensors"):
        open_model(folder / "architecture.json")
    with pytest.raises(ExportError, match=r"has nothing that runtime 'openvino' runs; .*allowed: eager"):
        open_model(folder, "openvino")
    (folder / "architecture.json").write_text("{}")
    with pytest.raises(ExportError, match="must be the architecture of a network"):
        open_model(folder, "eager")
    for file in folder.glob("*.safetensors"):
        file.unlink()
    (folder / "model.onnx").unlink(missing_ok=True)
    with pytest.raises(ExportError, match="holds no weights and no exported model"):
        open_model(folder)


def test_a_damaged_model_is_told(folder):
    pytest.importorskip("onnxruntime")
    (folder / "model.onnx").write_bytes(b"half a model")
    with pytest.raises(ExportError, match=r"model\.onnx must be a model that onnxruntime can run.*export it anew"):
        open_model(folder / "model.onnx")


def test_best_of_an_earlier_version_says_what_to_do(folder):
    (folder / "model.json").unlink()
    (folder / "network.yaml").write_text("nas: 1")
    with pytest.raises(ExportError, match=r"written by an earlier version.*nas export STUDY --best"):
        open_model(folder)


def test_a_model_without_preparation_says_what_to_do(model, folder, photos):
    write_json(folder / "model.json", describe(model.network.plan, None, trained=True))
    with pytest.raises(ExportError, match=r"must say how its images are prepared.*export it again with --data"):
        list(open_model(folder).predict([photos / "grey.png"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "has format 99, this version reads 1; update nas"),
        ({"prepare": {}}, "how to prepare an image must be told completely"),
        ({"prepare": {"mean": "grey"}}, "must be told completely"),
        ({"prepare": {"side": 10**9}}, "must be told completely"),
        ({"classes": "abc"}, "must be told completely"),
        ({"name": None}, None),
    ],
)
def test_a_damaged_description_is_told(folder, change, message):
    path = folder / "model.json"
    data = json.loads(path.read_text())
    if change.get("prepare"):
        change = {"prepare": data["prepare"] | change["prepare"]}
    path.write_text(json.dumps(data | change))
    if message is None:
        assert open_model(folder).description.name == "None"
        return
    with pytest.raises(ExportError, match=message):
        open_model(folder)
    path.write_text("{")
    with pytest.raises(ExportError, match="must be a readable JSON file"):
        open_model(folder)
