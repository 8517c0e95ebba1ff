"""Arrays in an npz file: `train_x`, `train_y`, and if there are any `val_x`, `val_y`, `test_x`, `test_y`, `classes`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.dividing import check_classes
from nas.data.pools import ArrayPool, Pools, array_pool, check_sizes
from nas.data.spec import DataSpec
from nas.errors import DataError, nearest

KEYS = ("train_x", "train_y", "val_x", "val_y", "test_x", "test_y", "classes")

# What numpy, zipfile and zlib raise for damaged files.
DAMAGE = (OSError, ValueError, EOFError, KeyError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error)

# How Keras names the arrays of its `mnist.npz`.
KERAS = {f"{kind}_{split}": f"{split}_{kind}" for kind in "xy" for split in ("train", "val", "test")}


def load(spec: DataSpec, skip_unreadable: bool) -> Pools:
    """The arrays of the file that `path` names. Raises `DataError`."""
    if spec.path is None:
        raise DataError(f"'{spec.name}' needs a path (data.path, or --data): an npz file with train_x and train_y")
    arrays = read_arrays(spec.path)
    for key in ("train_x", "train_y"):
        if key not in arrays:
            raise DataError(f"{spec.path}: '{key}' is missing, there is {', '.join(sorted(arrays)) or 'nothing'}")
    names = _classes(arrays, spec.path)
    check_classes(names, str(spec.path))
    pools: dict[str, ArrayPool] = {}
    for split in ("train", "val", "test"):
        x, y = arrays.get(f"{split}_x"), arrays.get(f"{split}_y")
        if x is None and y is None:
            continue
        if x is None or y is None:
            raise DataError(f"{spec.path}: '{split}_x' and '{split}_y' must come together, but one is missing")
        pools[split] = array_pool(x, y, f"{spec.path} ({split})", spec, len(names))
    check_sizes(list(pools.items()), spec)
    return Pools(pools["train"], pools.get("val"), pools.get("test"), names)


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an npz file by name; pickled objects are refused. Raises `DataError`."""
    if not path.is_file():
        raise DataError(f"{path}: must be an npz file, but there is {'a folder' if path.is_dir() else 'none'}")
    try:
        with path.open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: must be an npz file with several arrays, but holds a single one")
            names = {KERAS.get(name, name): name for name in file.files}
            unknown = [name for name in names if name not in KEYS]
            if unknown and "train_x" not in names:
                raise DataError(f"{path}: unknown array '{unknown[0]}'; {nearest(unknown[0], KEYS)}")
            return {name: file[stored] for name, stored in names.items() if name in KEYS}
    except DAMAGE as error:
        # numpy's own message advises to allow pickles, which nobody should do with a file from elsewhere.
        pickled = "it is no npz file, or holds pickled objects (images of differing sizes do not make one array)"
        reason = pickled if "pickle" in str(error) else error
        raise DataError(f"{path}: must be an npz file of plain arrays, but cannot be read: {reason}") from error


def _classes(arrays: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The names given, or as many numbers as there are labels, every one of which must occur in train."""
    if "classes" in arrays:
        names = arrays["classes"]
        if names.ndim != 1 or names.dtype.kind not in "USiu":
            raise DataError(f"{path}: 'classes' must be a list of names, but is {names.dtype} of shape {names.shape}")
        return tuple(
            name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()
        )
    labels = np.asarray(arrays["train_y"])
    if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2) or labels.size != max(1, len(labels)):
        raise DataError(
            f"{path}: train_y must be integers, one an image, but is {labels.dtype} of shape {labels.shape}"
        )
    present = np.unique(labels)
    if present[0] != 0 or present[-1] != len(present) - 1:
        found = f"{len(present)} different ones from {present[0]} to {present[-1]}"
        raise DataError(f"{path}: labels must be 0 to K - 1 with every class present, but train_y has {found}")
    return tuple(str(k) for k in range(len(present)))
