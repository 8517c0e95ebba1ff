"""Folders of images: layouts, every kind of image people have, the cache, and what is said of what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from nas.data import Dataset, DataSpec, load_data
from nas.data.decoding import decode_file
from nas.errors import DataError

Make = Callable[..., Path]


def load(root: Path, cache: Path, *, skip_unreadable: bool = False, **spec: Any) -> Dataset:
    return load_data(DataSpec(name="folder", path=root, cache=cache, **spec), skip_unreadable=skip_unreadable)


def test_class_folders_are_divided(folder: Make, cache: Path) -> None:
    data = load(folder(cats=10, dogs=10), cache)
    assert data.classes == ("cats", "dogs")
    assert [np.bincount(split.labels).tolist() for split in data.splits.values()] == [[6, 6], [2, 2], [2, 2]]
    assert data.train.images.shape == (12, 12, 12, 3)
    reds = {
        (int(label), int(image[0, 0, 0]))
        for s in data.splits.values()
        for image, label in zip(s.images, s.labels, strict=True)
    }
    assert reds == {(label, 10 * k) for label in (0, 1) for k in range(10)}


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "valid", "Testing"), ("train", "validation", None)]
)
def test_given_splits_are_kept(names: tuple[str, ...], folder: Make, cache: Path) -> None:
    splits = {name: {"cats": 2 + k, "dogs": 3} for k, name in enumerate(names) if name}
    data = load(folder(**splits), cache, test=0.0)
    assert {name: len(split) for name, split in data.splits.items()} == dict(
        list({"train": 5, "validation": 6, "test": 7}.items())[: len(splits)]
    )


def test_the_first_n_are_balanced(folder: Make, cache: Path) -> None:
    data = load(folder(a=9, b=9, c=9), cache, limit=9, test=0.0)
    assert np.bincount(data.train.labels).tolist() == [2, 2, 2]
    assert np.bincount(data.validation.labels).tolist() == [1, 1, 1]


def test_other_files_are_not_looked_at(folder: Make, cache: Path) -> None:
    root = folder(cats=6, dogs=6)
    (root / "cats" / "notes.txt").write_text("x")
    (root / "cats" / "._000.png").write_bytes(b"x")
    (root / "cats" / "more").mkdir()
    Image.new("L", (12, 12)).save(root / "cats" / "more" / "DEEP.JPG")
    (root / ".hidden").mkdir()
    (root / "readme.md").write_text("x")
    assert sum(len(split) for split in load(root, cache).splits.values()) == 13


def half(size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Black, its left third red."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 3, 0] = 255
    return Image.fromarray(pixels)


def grey16() -> Image.Image:
    return Image.fromarray(np.full((32, 32), 0x80FF, np.uint16))


KINDS: dict[str, tuple[Callable[[], Image.Image], str, tuple[int, int, int]]] = {
    "colour": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)), "png", (200, 100, 50)),
    "jpeg": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)), "jpg", (200, 100, 50)),
    "grey": (lambda: Image.new("L", (32, 32), 77), "png", (77, 77, 77)),
    "bilevel": (lambda: Image.new("1", (32, 32), 1), "png", (255, 255, 255)),
    "palette": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)).quantize(4), "gif", (200, 100, 50)),
    "transparent": (lambda: Image.new("RGBA", (32, 32), (200, 0, 0, 0)), "png", (255, 255, 255)),
    "half_transparent": (lambda: Image.new("RGBA", (32, 32), (0, 0, 0, 128)), "png", (127, 127, 127)),
    "grey_alpha": (lambda: Image.new("LA", (32, 32), (10, 255)), "png", (10, 10, 10)),
    "cmyk": (lambda: Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "jpg", (0, 255, 255)),
    "sixteen_bit": (grey16, "png", (128, 128, 128)),
    "bmp": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)), "bmp", (200, 100, 50)),
    "tiff": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)), "tiff", (200, 100, 50)),
    "webp": (lambda: Image.new("RGB", (32, 32), (200, 100, 50)), "webp", (200, 100, 50)),
    "tall": (lambda: Image.new("RGB", (7, 400), (200, 100, 50)), "png", (200, 100, 50)),
    "huge": (lambda: Image.new("RGB", (3000, 2000), (200, 100, 50)), "jpg", (200, 100, 50)),
    "one_pixel": (lambda: Image.new("RGB", (1, 1), (200, 100, 50)), "png", (200, 100, 50)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image(kind: str, tmp_path: Path) -> None:
    make, suffix, colour = KINDS[kind]
    path = tmp_path / f"image.{suffix}"
    make().save(path)
    pixels = decode_file(path, 16, 3)
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels.astype(int) - colour).max() <= 3
    grey = decode_file(path, 16, 1)
    assert grey.shape == (16, 16, 1)
    assert abs(int(grey.mean()) - int(np.dot(colour, [0.299, 0.587, 0.114]))) <= 3


@pytest.mark.parametrize("tag", range(10))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_photos_stand_upright(tag: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = tag
    half((48, 32)).save(tmp_path / f"photo.{suffix}", exif=exif)
    pixels = decode_file(tmp_path / f"photo.{suffix}", 32, 3)
    red = pixels[..., 0] > 128
    side = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}.get(tag, "left")
    edges = {"left": red[:, :6], "right": red[:, -6:], "top": red[:6], "bottom": red[-6:]}
    assert edges.pop(side).mean() > 0.9
    assert {
        "left": edges.get("right"),
        "right": edges.get("left"),
        "top": edges.get("bottom"),
        "bottom": edges.get("top"),
    }[side].mean() < 0.1  # type: ignore[union-attr]


def test_crop_and_resize_keep_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 30:70] = 255  # exactly the centre square
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert decode_file(tmp_path / "a.png", 20, 3).min() > 200


def break_one(root: Path, content: bytes | None = None) -> Path:
    path = root / "cats" / "003.png"
    path.write_bytes(path.read_bytes()[:45] if content is None else content)
    return path


@pytest.mark.parametrize(
    "content", [None, b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\xff" * 50, b"GIF89a" + b"\0" * 4]
)
def test_an_unreadable_image_is_named_or_counted(content: bytes | None, folder: Make, cache: Path) -> None:
    root = folder(cats=10, dogs=10)
    broken = break_one(root, content)
    with pytest.raises(
        DataError, match=r"cats/003.png: cannot be read as an image: .*; remove it, or --skip-unreadable"
    ):
        load(root, cache)
    assert not list(cache.glob("*/meta.json")) or len(list(cache.glob("*/meta.json"))) < 3
    data = load(root, cache, skip_unreadable=True)
    assert sum(len(split) for split in data.splits.values()) == 19
    assert len(data.skipped) == 1
    assert str(broken) in data.skipped[0]
    reds = {
        (int(label), int(image[0, 0, 0]))
        for s in data.splits.values()
        for image, label in zip(s.images, s.labels, strict=True)
    }
    assert reds == {(label, 10 * k) for label in (0, 1) for k in range(10)} - {(0, 30)}
    assert load(root, cache, skip_unreadable=True).skipped == data.skipped
    with pytest.raises(DataError, match=r"cats/003.png: cannot be read"):
        load(root, cache)


def test_a_class_of_which_nothing_can_be_read(folder: Make, cache: Path) -> None:
    root = folder(cats=4, dogs=10)
    for path in (root / "cats").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"at least 1 readable training images in .*photos, but 'cats' has 0"):
        load(root, cache, skip_unreadable=True)
    for path in (root / "dogs").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(DataError, match="readable training images"):
        load(root, cache, skip_unreadable=True, resolution=8)


def test_images_of_differing_sizes_need_a_resolution(folder: Make, cache: Path) -> None:
    root = folder(cats=6, dogs=6)
    Image.new("RGB", (20, 20)).save(root / "cats" / "003.png")
    with pytest.raises(
        DataError, match=r"images must be of one size, but this one is .* and .* is .*; give a resolution"
    ):
        load(root, cache, test=0.0, validation=0.2)
    Image.new("RGB", (12, 20)).save(root / "cats" / "003.png")
    with pytest.raises(DataError, match=r"003.png: images must be square, but this one is 12 x 20; give a resolution"):
        load(root, cache)
    assert load(root, cache, resolution=8).resolution == 8


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "photos: must have one folder of images a class, but has no folders"),
        ({"cats": 3}, "at least two classes to tell apart, but there is the one class 'cats'"),
        (
            {"cats": 3, "dogs": 2},
            "every class must have at least 3 training images (to hold out validation and test) in ",
        ),
        ({"cats": 3, "dogs": {"": 0}}, "every class"),
        (
            {"train": {"cats": 3, "dogs": 3}, "test": {"cats": 1, "dog": 1}},
            "test/dog: train has no class of this name; did you mean 'dogs'",
        ),
        ({"train": 3, "test": 3}, "must have one folder of images a class, but test has no folders"),
        (
            {"train": {"a": 1, "b": 1}, "val": {"a": 1}, "valid": {"a": 1}},
            "one folder for each split, but has val and valid",
        ),
    ],
)
def test_wrong_folders(counts: dict[str, Any], said: str, folder: Make, cache: Path) -> None:
    root = folder(**counts)
    if counts.get("dogs") == {"": 0}:
        (root / "dogs").mkdir()
        said = "dogs: must hold at least one image (.avif"
    with pytest.raises(DataError) as caught:
        load(root, cache)
    assert said in str(caught.value)


def test_loose_images_and_a_file(folder: Make, cache: Path) -> None:
    root = folder()
    for k in range(3):
        Image.new("L", (4, 4)).save(root / f"{k}.png")
    with pytest.raises(DataError, match="it holds 3 images itself, sort them into one folder a class"):
        load(root, cache)
    with pytest.raises(DataError, match="there is a file"):
        load(root / "0.png", cache)


def test_decoded_once_and_again_when_a_file_changes(folder: Make, cache: Path, monkeypatch: Any) -> None:
    root = folder(cats=6, dogs=6)
    first = load(root, cache)
    assert isinstance(first.train.images, np.memmap)
    monkeypatch.setattr("nas.data.decoding.decode_file", lambda *_: pytest.fail("decoded again"))
    assert load(root, cache).fingerprint == first.fingerprint
    monkeypatch.undo()
    Image.new("RGB", (12, 12), (255, 255, 255)).save(root / "cats" / "000.png")
    os.utime(root / "cats" / "000.png", ns=(1, 1))
    assert load(root, cache).fingerprint != first.fingerprint
    first.train.images[0] = 0  # copy on write: the cache stays as it is
    assert load(root, cache).fingerprint == load(root, cache).fingerprint


@pytest.mark.parametrize("damage", ["short", "meta", "json", "gone"])
def test_a_damaged_cache_is_made_anew(damage: str, folder: Make, cache: Path) -> None:
    root = folder(cats=6, dogs=6)
    before = load(root, cache).fingerprint
    for entry in cache.glob("*/meta.json"):
        match damage:
            case "short":
                (entry.parent / "images.u8").write_bytes(b"x")
            case "meta":
                entry.write_text(json.dumps({"shape": [1]}))
            case "json":
                entry.write_text("[")
            case "gone":
                (entry.parent / "images.u8").unlink()
    assert load(root, cache).fingerprint == before
    assert not list(cache.glob("*.tmp"))


def test_a_cache_that_cannot_be_written(folder: Make, tmp_path: Path, monkeypatch: Any) -> None:
    root = folder(cats=6, dogs=6)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match=r"taken: must be a folder to keep decoded images in, but: .*; set data.cache"):
        load(root, tmp_path / "taken")
    monkeypatch.setattr("nas.data.cache.shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(DataError, match=r"must have room for 8 decoded images, but 0.0 GB are needed"):
        load(root, tmp_path / "other")
    assert not list((tmp_path / "other").glob("*.tmp"))


def test_a_full_disk_is_an_error(folder: Make, cache: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    root = folder(cats=6, dogs=6)
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from nas.data import *; from nas.errors import DataError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: load_data(DataSpec(name='folder', path=Path(sys.argv[1]), cache=Path(sys.argv[2])))\n"
        "except DataError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, root, cache], capture_output=True, text=True, check=True)
    assert "must be a folder to keep decoded images in, but: File too large" in run.stdout
    assert not list(cache.glob("*.tmp"))


def test_two_processes_at_once_decode_once(folder: Make, cache: Path) -> None:
    root = folder(cats=40, dogs=40)
    code = (
        "import sys; from pathlib import Path; from nas.data import *\n"
        "print(load_data(DataSpec(name='folder', path=Path(sys.argv[1]), cache=Path(sys.argv[2]))).fingerprint)\n"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, root, cache], stdout=-1, stderr=-1, text=True) for _ in range(2)
    ]
    results = [run.communicate(timeout=60) for run in runs]
    assert results[0][0] == results[1][0] != ""
    assert "".join(err for _, err in results).count(": done") == 3
    assert results[0][0].count("\n") == 1  # nothing but the result on standard output


def test_names_that_are_no_utf8(folder: Make, cache: Path) -> None:
    root = folder(cats=6, dogs=6)
    try:
        (root / "dogs").rename(root / os.fsdecode(b"d\xffgs"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert load(root, cache).classes == ("cats", "d?gs")
