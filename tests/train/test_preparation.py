"""An image file becomes the very input that training and validation made of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from nas.arch import MapShape
from nas.data import DataSpec, load_data
from nas.errors import DataError
from nas.train.batches import Normaliser
from nas.train.preparation import Preparation


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def channels(request):
    return request.param


@pytest.fixture
def photos(tmp_path):
    """Photos of several sizes, grey and colour, one turned by its EXIF, one with transparency."""
    rng = np.random.default_rng(0)
    for label in range(2):
        folder = tmp_path / f"class {label}"
        folder.mkdir()
        for number in range(6):
            shape = [(20, 30, 3), (30, 20, 3), (16, 16), (40, 40, 4), (25, 24, 3), (12, 13)][number]
            image = Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8))
            exif = Image.Exif()
            exif[0x0112] = 6 if number == 0 else 1
            image.save(folder / f"{number}.png", exif=exif)
    return tmp_path


def test_a_file_is_read_as_the_data_set_read_it(photos, channels):
    data = load_data(DataSpec(name="folder", path=photos, resolution=12, channels=channels))
    facts = json.loads(json.dumps(data.to_json()))
    prepare = Preparation.of(facts, MapShape(channels, 16, 16))
    read = {prepare.read(path).tobytes() for path in photos.rglob("*.png")}
    for split in data.splits.values():
        assert {image.tobytes() for image in split.images} <= read

    images = data.validation.images
    normalise = Normaliser(data.mean, data.std, (16, 16), True, torch.device("cpu"))
    assert torch.equal(prepare(images), normalise(torch.from_numpy(np.array(images))))
    assert prepare(images).shape == (len(images), channels, 16, 16)
    assert prepare(images).is_contiguous()


def test_it_is_written_and_read_again():
    prepare = Preparation(3, 32, 24, 24, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), ("a", "b"))
    assert Preparation.from_json(json.loads(json.dumps(prepare.to_json())), ["a", "b"]) == prepare


@pytest.mark.parametrize(
    "change",
    [{"mean": [0.1]}, {"std": [0, 1, 1]}, {"channels": 2}, {"side": True}, {"height": -1}, {"mean": ["x", "y", "z"]}],
)
def test_what_is_not_told_completely_is_refused(change):
    data = Preparation(3, 32, 24, 24, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), ("a", "b")).to_json()
    with pytest.raises(DataError, match="how to prepare an image must be told completely"):
        Preparation.from_json(data | change, ["a", "b"])
    with pytest.raises(DataError, match="must be told completely"):
        Preparation.from_json({key: value for key, value in data.items() if key not in change}, ["a", "b"])


def test_network_and_data_must_have_as_many_channels():
    facts = load_data(DataSpec(name="digits")).to_json()
    with pytest.raises(DataError, match="the network takes 3 and the data has 1"):
        Preparation.of(facts, MapShape(3, 8, 8))
