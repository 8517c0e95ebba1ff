"""MNIST (LeCun et al., 1998) as its IDX files, gzipped or not, and sets in the same files (Fashion-MNIST, KMNIST)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from nas.data import npz
from nas.data.dataset import Images
from nas.data.pools import ArrayPool, Pools, array_pool
from nas.data.spec import DataSpec
from nas.errors import DataError

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load(spec: DataSpec, skip_unreadable: bool) -> Pools:
    """The four files in the folder that `path` names, or the same as an npz file. Raises `DataError`."""
    if spec.path is None:
        raise DataError(
            f"'{spec.name}' needs a path (data.path, or --data): a folder with {FILES['train'][0]}[.gz] and the others"
        )
    if spec.path.suffix == ".npz":
        return npz.load(spec, skip_unreadable)
    if not spec.path.is_dir():
        raise DataError(f"{spec.path}: must be a folder with {FILES['train'][0]}[.gz], or an npz file, but is neither")
    raw = [read_idx(_find(spec.path, name)) for name in FILES["train"]]
    classes = max(10, int(raw[1].max()) + 1) if raw[1].size else 10
    pools: dict[str, ArrayPool] = {"train": array_pool(raw[0], raw[1], f"{spec.path} (train)", spec, classes)}
    if any(spec.path.glob("t10k-*")):
        test = [read_idx(_find(spec.path, name)) for name in FILES["test"]]
        pools["test"] = array_pool(test[0], test[1], f"{spec.path} (test)", spec, classes)
    return Pools(pools["train"], None, pools.get("test"), tuple(str(k) for k in range(classes)))


def _find(folder: Path, name: str) -> Path:
    """The file, with or without `.gz`, with `-idx3` also written `.idx3` as some archives do."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
    raise DataError(f"{folder}: must hold {name} or {name}.gz, but there is {there}")


def read_idx(path: Path) -> Images:
    """The array of an IDX file of bytes: two zero bytes, the type (8), the number of dimensions, their sizes, the data.

    Raises `DataError`.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(
            f"{path}: must be an IDX file of bytes (it begins 00 00 08), but begins {data[:4].hex(' ') or 'empty'}"
        )
    dimensions = data[3]
    sizes = [int.from_bytes(data[4 + 4 * k : 8 + 4 * k], "big") for k in range(dimensions)]
    start, length = 4 + 4 * dimensions, int(np.prod(sizes, dtype=object))
    if len(data) - start != length:
        raise DataError(
            f"{path}: must hold {length} bytes for {sizes}, but holds {max(0, len(data) - start)}; is it cut off?"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes).copy()  # writable, and without the file
