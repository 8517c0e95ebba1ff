"""What every data set must give, tried on each entry of the table."""

from __future__ import annotations

import doctest
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from nas.data import Dataset, DataSpec, load_data, loading, source_names
from nas.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def make_mnist(path: Path) -> Path:
    random = np.random.default_rng(1)
    path.mkdir()
    for name, count in (("train", 60), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (path / f"{name}-labels.idx1-ubyte").write_bytes(idx(labels))
    return path


def make_cifar10(path: Path) -> Path:
    path.mkdir()
    random = np.random.default_rng(2)
    for name, count in (("data_batch_1", 30), ("data_batch_2", 30), ("test_batch", 10)):
        records = random.integers(0, 256, (count, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(count) % 10
        (path / f"{name}.bin").write_bytes(records.tobytes())
    return path


@pytest.fixture
def specs(
    tmp_path: Path, folder: Callable[..., Path], cache: Path, arrays: dict[str, np.ndarray]
) -> dict[str, DataSpec]:
    np.savez(tmp_path / "a.npz", **arrays)
    paths = {
        "cifar10": make_cifar10(tmp_path / "cifar"),
        "digits": None,
        "folder": folder(cats=10, dogs=10),
        "mnist": make_mnist(tmp_path / "mnist"),
        "npz": tmp_path / "a.npz",
    }
    return {name: DataSpec(name=name, path=path, cache=cache) for name, path in paths.items()}


def check(data: Dataset, spec: DataSpec) -> None:
    for split in data.splits.values():
        assert split.images.dtype == np.uint8
        assert split.images.shape == (len(split), data.resolution, data.resolution, data.channels)
        assert split.images.flags.writeable
        assert split.labels.dtype == np.int64
        assert split.labels.shape == (len(split),)
        assert 0 <= split.labels.min() <= split.labels.max() < len(data.classes)
    assert set(data.train.labels.tolist()) == set(range(len(data.classes)))
    assert len(data.mean) == len(data.std) == data.channels
    pixels = data.train.images.reshape(-1, data.channels) / 255
    np.testing.assert_allclose(data.mean, pixels.mean(0), atol=1e-9)
    np.testing.assert_allclose(data.std, np.maximum(pixels.std(0), 1 / 255), atol=1e-9)


@pytest.mark.parametrize("name", source_names())
def test_every_data_set(name: str, specs: dict[str, DataSpec]) -> None:
    if name not in specs:
        pytest.skip("of another package")
    spec = specs[name]
    data = load_data(spec)
    check(data, spec)
    assert data.test is not None
    assert load_data(spec).fingerprint == data.fingerprint
    assert load_data(spec.model_copy(update={"seed": 1})).fingerprint != data.fingerprint
    other = load_data(spec.model_copy(update={"resolution": 10, "channels": 4 - data.channels}))
    check(other, spec)
    assert (other.resolution, other.channels) == (10, 4 - data.channels)
    assert [len(split) for split in other.splits.values()] == [len(split) for split in data.splits.values()]


def test_digits_are_what_scikit_learn_has() -> None:
    data = load_data(DataSpec(name="digits"))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1151, "validation": 287, "test": 359}
    assert (data.resolution, data.channels, data.classes) == (8, 1, tuple("0123456789"))
    assert data.train.images.max() == 255
    assert (data.name, data.skipped) == ("digits", ())
    with pytest.raises(DataError, match="takes no path"):
        load_data(DataSpec(name="digits", path=Path("x")))


def test_mnist_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = make_mnist(tmp_path / "mnist")
    data = load_data(DataSpec(name="mnist", path=path, validation=0.1))
    images = gzip.decompress((path / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    assert data.test is not None
    assert data.test.images.tobytes() == images
    assert data.test.labels.tolist() == [k % 10 for k in range(20)]
    (path / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match="must hold t10k-images-idx3-ubyte or "):
        load_data(DataSpec(name="mnist", path=path))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[: len(data) // 2], "cannot be read"),
        (
            lambda data: gzip.decompress(data)[:-5],
            "must hold 47040 bytes for [60, 28, 28], but holds 47035; is it cut off?",
        ),
        (lambda data: b"", "begins empty"),
        (lambda data: b"<html>", "must be an IDX file of bytes (it begins 00 00 08), but begins 3c 68"),
        (lambda data: bytes([0, 0, 8, 3]) + b"\xff" * 12, "is it cut off?"),
        (lambda data: bytes([0, 0, 8, 255]), "is it cut off?"),
    ],
)
def test_damaged_mnist(tmp_path: Path, damage: Callable[[bytes], bytes], said: str) -> None:
    file = make_mnist(tmp_path / "mnist") / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError) as caught:
        load_data(DataSpec(name="mnist", path=file.parent))
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_cifar10_planes_become_pixels(tmp_path: Path) -> None:
    path = make_cifar10(tmp_path / "cifar")
    data = load_data(DataSpec(name="cifar10", path=path))
    record = np.fromfile(path / "test_batch.bin", np.uint8)[:3073]
    assert data.test is not None
    assert data.test.images[0, 3, 5].tolist() == [record[1 + plane * 1024 + 3 * 32 + 5] for plane in range(3)]
    assert data.classes[3] == "cat"
    (path / "data_batch_2.bin").write_bytes(b"1" * 1000)
    with pytest.raises(DataError, match="records of 3073 bytes, but holds 1000"):
        load_data(DataSpec(name="cifar10", path=path))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "data_batch_1").write_bytes(b"x")
    with pytest.raises(DataError, match="take the binary version"):
        load_data(DataSpec(name="cifar10", path=pickled))


@pytest.mark.parametrize("name", ["cifar10", "mnist", "npz", "folder"])
def test_a_missing_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs a path"):
        load_data(DataSpec(name=name))
    with pytest.raises(DataError, match=str(tmp_path / "absent")):
        load_data(DataSpec(name=name, path=tmp_path / "absent"))


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'digits'"):
        load_data(DataSpec(name="digit"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"nam": "x"},
        {"name": 1},
        {"name": "x", "validation": 0},
        {"name": "x", "channels": 2},
        {"name": "x", "limit": "3"},
    ],
)
def test_a_spec_is_strict(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataSpec.model_validate(wrong)


def test_every_field_of_a_spec_is_documented() -> None:
    assert all(field.description for field in DataSpec.model_fields.values())
    spec = DataSpec(name="npz", path=Path("a.npz"))
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_example_in_the_documentation() -> None:
    assert doctest.testmod(loading, extraglobs={"DataSpec": DataSpec}) == (0, 2)
