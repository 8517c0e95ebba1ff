"""A folder of class folders, with `train`, `val` and `test` above them or without: what most people have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nas.data.dataset import Labels, Split
from nas.data.decoding import decode
from nas.data.files import SUFFIXES, images_below, is_image, shown
from nas.data.pools import Index, Pools
from nas.data.spec import DataSpec
from nas.errors import DataError, nearest

SPLITS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}


@dataclass(frozen=True)
class FilePool:
    """Image files with their labels, decoded when read."""

    files: tuple[Path, ...]
    label_of: tuple[int, ...]
    spec: DataSpec
    skip_unreadable: bool

    @cached_property
    def labels(self) -> Labels:
        return np.array(self.label_of, np.int64)

    def read(self, index: Index) -> tuple[Split, tuple[str, ...]]:
        files, labels = [self.files[k] for k in index], self.labels[index]
        channels = self.spec.channels or 3
        decoded = decode(files, self.spec.resolution, channels, self.spec.cache, skip_unreadable=self.skip_unreadable)
        kept = np.ones(len(files), bool)
        kept[list(decoded.skipped)] = False
        reasons = tuple(f"{shown(files[k])}: {reason}" for k, reason in decoded.skipped.items())
        return Split(decoded.images, labels[kept]), reasons


def load(spec: DataSpec, skip_unreadable: bool) -> Pools:
    """The images under `path`, each class a folder; files of other kinds and hidden ones are not looked at.

    Images are ordered in turns, one of each class, so that the first n are balanced. Without `channels` they are read
    as colour. Raises `DataError`.
    """
    root = spec.path
    if root is None:
        raise DataError(
            f"'{spec.name}' needs a path (data.path, or --data): a folder with one folder of images a class"
        )
    if not root.is_dir():
        raise DataError(
            f"{root}: must be a folder of class folders, but there is {'a file' if root.exists() else 'none'}"
        )
    tops = _tops(root)
    classes = {name: label for label, name in enumerate(_list_classes(tops["train"]))}
    pools = {split: _pool(_list_classes(top), top, classes, spec, skip_unreadable) for split, top in tops.items()}
    return Pools(pools["train"], pools.get("validation"), pools.get("test"), tuple(shown(name) for name in classes))


def _tops(root: Path) -> dict[str, Path]:
    """Where the class folders of each split are: in the folders of that name, or at `root` itself."""
    folders = _folders(root)
    found = {split: [path for path in folders if path.name.lower() in names] for split, names in SPLITS.items()}
    if not any(_folders(path) for path in found["train"]):
        if folders and len(folders) == sum(map(len, found.values())):
            raise DataError(
                f"{folders[0]}: must have one folder of images a class, but {folders[0].name} has no folders"
            )
        return {"train": root}
    for paths in found.values():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise DataError(f"{root}: must have one folder for each split, but has {names}")
    return {split: paths[0] for split, paths in found.items() if paths}


def _pool(
    listed: dict[str, list[Path]], top: Path, classes: dict[str, int], spec: DataSpec, skip_unreadable: bool
) -> FilePool:
    for name in listed:
        if name not in classes:
            raise DataError(f"{shown(top / name)}: train has no class of this name; {nearest(name, classes)}")
    turns = sorted((rank, classes[name], path) for name, paths in listed.items() for rank, path in enumerate(paths))
    return FilePool(tuple(path for _, _, path in turns), tuple(k for _, k, _ in turns), spec, skip_unreadable)


def _folders(top: Path) -> list[Path]:
    try:
        return sorted(path for path in top.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{top}: cannot be read: {error}") from error


def _list_classes(top: Path) -> dict[str, list[Path]]:
    """Each class's images, sorted by path. Raises `DataError` where there are none."""
    folders = _folders(top)
    if not folders:
        loose = sum(is_image(path.name) for path in top.iterdir())
        hint = f"; it holds {loose} images itself, sort them into one folder a class" if loose else ""
        raise DataError(f"{shown(top)}: must have one folder of images a class, but has no folders{hint}")
    listed = {folder.name: images_below(folder) for folder in folders}
    empty = [name for name, paths in listed.items() if not paths]
    if empty:
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{shown(top / empty[0])}: must hold at least one image ({kinds}), but holds none")
    return listed
