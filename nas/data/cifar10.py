"""CIFAR-10 (Krizhevsky, 2009): its binary batches, or the same as an npz file. The pickled batches are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.data import npz
from nas.data.pools import ArrayPool, Pools, array_pool
from nas.data.spec import DataSpec
from nas.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes


def load(spec: DataSpec, skip_unreadable: bool) -> Pools:
    """`data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` in the folder that `path` names, or an npz file.

    Raises `DataError`.
    """
    if spec.path is None:
        raise DataError(
            f"'{spec.name}' needs a path (data.path, or --data): a folder with data_batch_1.bin ..., or an npz file"
        )
    if spec.path.suffix == ".npz":
        return npz.load(spec, skip_unreadable)
    if not spec.path.is_dir():
        raise DataError(f"{spec.path}: must be a folder with data_batch_1.bin ..., or an npz file, but is neither")
    batches = sorted(spec.path.glob("data_batch_*.bin"))
    if not batches:
        pickled = any(spec.path.glob("data_batch_*"))
        hint = "; its pickled batches are not read, take the binary version" if pickled else ""
        raise DataError(f"{spec.path}: must hold data_batch_1.bin and so on, but holds none{hint}")
    test = spec.path / "test_batch.bin"
    return Pools(_pool(batches, spec), None, _pool([test], spec) if test.is_file() else None, CLASSES)


def _pool(files: list[Path], spec: DataSpec) -> ArrayPool:
    parts = []
    for path in files:
        try:
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error}") from error
        if not data.size or data.size % RECORD:
            raise DataError(f"{path}: must hold records of {RECORD} bytes, but holds {data.size} bytes; is it cut off?")
        parts.append(data.reshape(-1, RECORD))
    records = np.concatenate(parts)
    images = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return array_pool(images, records[:, 0], str(files[0].parent), spec, len(CLASSES))
