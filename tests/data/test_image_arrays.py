"""Arrays in npz files: every accepted form, what is refused and why, and large ones as a memory map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import Dataset, DataSpec, load_data, pools
from nas.errors import DataError

Arrays = dict[str, Any]


def load(path: Path, arrays: Arrays, **spec: Any) -> Dataset:
    np.savez(path / "a.npz", **arrays)
    return load_data(DataSpec(name="npz", path=path / "a.npz", **spec))


@pytest.mark.parametrize("form", ["NHW", "NHW1"])
def test_grey_images(form: str, tmp_path: Path, arrays: Arrays) -> None:
    for split in ("train", "test"):
        arrays[f"{split}_x"] = arrays[f"{split}_x"][..., 0] if form == "NHW" else arrays[f"{split}_x"][..., :1]
    data = load(tmp_path, arrays)
    assert data.train.images.shape == (48, 8, 8, 1)
    coloured = load(tmp_path, arrays, channels=3)
    assert (coloured.train.images == data.train.images).all()


def test_given_splits_are_kept_and_names_used(tmp_path: Path, arrays: Arrays) -> None:
    arrays |= {"val_x": arrays["test_x"][:6], "val_y": arrays["test_y"][:6, None], "classes": np.array(["a", "b", "c"])}
    data = load(tmp_path, arrays)
    assert (data.train.images == arrays["train_x"]).all()
    assert (data.validation.images == arrays["val_x"]).all()
    assert data.test is not None
    assert (data.test.images == arrays["test_x"]).all()
    assert data.classes == ("a", "b", "c")


def test_the_names_that_keras_gives(tmp_path: Path, arrays: Arrays) -> None:
    plain = load(tmp_path, arrays)
    renamed = {"_".join(reversed(name.split("_"))): array for name, array in arrays.items()}
    assert load(tmp_path, renamed).fingerprint == plain.fingerprint


def test_the_test_set_is_never_part_of_the_search(tmp_path: Path, arrays: Arrays) -> None:
    del arrays["test_x"], arrays["test_y"]
    arrays["train_x"][:, 0, 0, 0] = np.arange(60)
    data = load(tmp_path, arrays)
    seen = [set(split.images[:, 0, 0, 0].tolist()) for split in data.splits.values()]
    assert [len(numbers) for numbers in seen] == [39, 9, 12]
    assert sorted(set.union(*seen)) == list(range(60))
    assert load(tmp_path, arrays, test=0.0).test is None


def test_a_limit_takes_the_first(tmp_path: Path, arrays: Arrays) -> None:
    data = load(tmp_path, arrays, limit=30)
    first = {image.tobytes() for image in arrays["train_x"][:30]}
    assert {image.tobytes() for split in (data.train, data.validation) for image in split.images} == first
    assert data.test is not None
    assert len(data.test) == 12
    with pytest.raises(
        DataError, match=r"at least 2 training images \(to hold out validation\) within the first 4 in .*'1' has 1"
    ):
        load(tmp_path, arrays, limit=4)


def test_resizing_crops_the_centre_square(tmp_path: Path, arrays: Arrays) -> None:
    wide = np.zeros((60, 8, 16, 3), np.uint8)
    wide[:, :, 4:12] = arrays["train_x"]
    arrays["train_x"] = wide
    data = load(tmp_path, arrays, resolution=8)
    originals = {image.tobytes() for image in wide[:, :, 4:12]}
    assert all(image.tobytes() in originals for image in data.train.images)


def test_large_resized_arrays_are_mapped(tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: Any) -> None:
    plain = load(tmp_path, arrays, resolution=20)
    monkeypatch.setattr(pools, "IN_MEMORY", 1000)
    mapped = load(tmp_path, arrays, resolution=20, cache=cache)
    assert isinstance(mapped.train.images, np.memmap)
    assert mapped.fingerprint == plain.fingerprint
    assert len(list(cache.glob("*/images.u8"))) == 3


def change(arrays: Arrays, key: str, value: Any) -> Arrays:
    return {name: array for name, array in (arrays | {key: value}).items() if array is not None}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train_x", None, "'train_x' is missing, there is test_x, test_y, train_y"),
        ("test_y", None, "'test_x' and 'test_y' must come together"),
        ("train_x", np.zeros((60, 8, 8, 3)), "(train): images must be uint8, but are float64; scale them to 0..255"),
        ("train_x", np.zeros((60, 8, 8, 3), np.int64), "images must be uint8, but are int64; store them as uint8"),
        ("train_x", np.zeros((60, 3, 8, 8), np.uint8), "channels must come last (N, H, W, C)"),
        ("train_x", np.zeros((60, 8, 8, 4), np.uint8), "but are (60, 8, 8, 4)"),
        ("train_x", np.zeros((60, 64), np.uint8), "but are (60, 64)"),
        ("train_x", np.zeros((0, 8, 8, 3), np.uint8), "at least one image"),
        ("train_x", np.zeros((59, 8, 8, 3), np.uint8), "equally many, but there are 59 and 60"),
        ("train_x", np.zeros((60, 9, 9, 3), np.uint8), "square and of one size"),
        ("train_x", np.zeros((60, 8, 8, 1), np.uint8), "as many channels"),
        (
            "train_x",
            np.array([np.zeros((2, 2)), np.zeros((3, 3))], object),
            "images of differing sizes do not make one array",
        ),
        ("train_y", np.zeros(60), "train_y must be integers, one an image, but is float64"),
        ("train_y", np.zeros((60, 10), int), "train_y must be integers, one an image, but is int64 of shape (60, 10)"),
        (
            "train_y",
            np.arange(60) % 3 + 1,
            "0 to K - 1 with every class present, but train_y has 3 different ones from 1 to 3",
        ),
        ("train_y", np.arange(60) % 3 - 1, "different ones from -1 to 1"),
        ("train_y", np.zeros(60, int), "at least two classes to tell apart, but there is the one class '0'"),
        ("train_y", np.array([0] * 30 + [1] * 29 + [2]), "every class must have at least 2 training images"),
        ("test_y", np.full(12, 7), "(test): labels must be 0 to 2 for 3 classes, but go from 7 to 7"),
        ("classes", np.array(["a", "b"]), "(train): labels must be 0 to 1 for 2 classes, but go from 0 to 2"),
        ("classes", np.array(["a", "b", "c", "d"]), "'d' has 0"),
        ("classes", np.array([1.5]), "'classes' must be a list of names"),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: Arrays, key: str, value: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, change(arrays, key, value))
    assert said in str(caught.value)
    assert "a.npz" in str(caught.value) or "(train)" in said or "of all splits" in str(caught.value) or "square" in said


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_npz(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"b.npz: must be an npz file"):
        load_data(DataSpec(name="npz", path=tmp_path / "b.npz"))


def test_a_single_array_and_unknown_names(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(DataError, match="holds a single one"):
        load_data(DataSpec(name="npz", path=tmp_path / "c.npy"))
    np.savez(tmp_path / "d.npz", train=np.zeros(3))
    with pytest.raises(DataError, match="unknown array 'train'; did you mean 'train_"):
        load_data(DataSpec(name="npz", path=tmp_path / "d.npz"))
    with pytest.raises(DataError, match="there is a folder"):
        load_data(DataSpec(name="npz", path=tmp_path))


def test_a_damaged_member(tmp_path: Path, arrays: Arrays) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    data = bytearray((tmp_path / "e.npz").read_bytes())
    data[3000:3100] = bytes(100)
    (tmp_path / "e.npz").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(DataSpec(name="npz", path=tmp_path / "e.npz"))
