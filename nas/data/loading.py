"""From a spec to a data set: the table of data sets, then limit, hold out, read, check."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

import numpy as np

from nas.data.dataset import Dataset, Split, channel_statistics
from nas.data.dividing import check_classes, check_enough, hold_out
from nas.data.pools import Pool, Pools
from nas.data.spec import DataSpec
from nas.errors import DataError, nearest

Loader = Callable[[DataSpec, bool], Pools]

# A loader gets the spec and whether to skip unreadable images. Other packages add theirs as entry points of `nas.data`.
SOURCES = {
    "cifar10": "nas.data.cifar10:load",
    "digits": "nas.data.digits:load",
    "folder": "nas.data.folder:load",
    "mnist": "nas.data.mnist:load",
    "npz": "nas.data.npz:load",
}


def source_names() -> tuple[str, ...]:
    """Every data set there is, entry points of other packages included, sorted."""
    return tuple(sorted({*SOURCES, *entry_points(group="nas.data").names}))


def source(name: str) -> Loader:
    """The loader of a data set. Raises `DataError` where there is none of that name."""
    if name in SOURCES:
        module, _, function = SOURCES[name].partition(":")
        loader: Loader = getattr(import_module(module), function)
        return loader
    for entry in entry_points(group="nas.data", name=name):
        found: Loader = entry.load()
        return found
    raise DataError(f"there is no data set '{name}'; {nearest(name, source_names())}")


def load_data(spec: DataSpec, *, skip_unreadable: bool = False) -> Dataset:
    """The data set that a spec names, divided and checked.

    `skip_unreadable` leaves out images that cannot be read and names them in `skipped`; otherwise the first one is an
    error. Raises `DataError` when files are missing, empty, unreadable, of a wrong form, or too few to divide.

    >>> digits = load_data(DataSpec(name="digits"))
    >>> digits.train.images.shape, len(digits.classes)
    ((1151, 8, 8, 1), 10)
    """
    pools = source(spec.name)(spec, skip_unreadable)
    classes = pools.classes
    check_classes(classes, _where(spec))
    first = {name: _first(pool, spec) for name, pool in _named(pools) if pool is not None}
    held = [
        name for name, share in (("validation", spec.validation), ("test", spec.test)) if name not in first and share
    ]
    train = pools.train
    why = "training images" + (f" (to hold out {' and '.join(held)})" if held else "")
    within = f" within the first {spec.limit}" if spec.limit else ""
    check_enough(train.labels, first["train"], classes, 1 + len(held), f"{why}{within} in {_where(spec)}")
    for offset, name in enumerate(("test", "validation")):
        if name in held:
            share = spec.test if name == "test" else spec.validation
            first["train"], first[name] = hold_out(train.labels, first["train"], share, (spec.seed + offset) % 2**32)
    splits: dict[str, Split] = {}
    skipped: tuple[str, ...] = ()
    for name, pool in _named(pools):
        if name in first:
            splits[name], missing = (pool or train).read(first[name])
            skipped += missing
    if skipped:
        everything = np.arange(len(splits["train"]))
        check_enough(splits["train"].labels, everything, classes, 1, f"readable training images in {_where(spec)}")
    return _dataset(spec, splits, classes, skipped)


def _where(spec: DataSpec) -> str:
    return str(spec.path) if spec.path is not None else spec.name


def _named(pools: Pools) -> list[tuple[str, Pool | None]]:
    return [("train", pools.train), ("validation", pools.validation), ("test", pools.test)]


def _first(pool: Pool, spec: DataSpec) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.arange(min(len(pool.labels), spec.limit or len(pool.labels)))


def _dataset(spec: DataSpec, splits: dict[str, Split], classes: tuple[str, ...], skipped: tuple[str, ...]) -> Dataset:
    for name, split in splits.items():
        if not len(split):
            raise DataError(f"{_where(spec)}: there must be at least one {name} image, but there is none")
    images = splits["train"].images
    mean, std = channel_statistics(images)
    return Dataset(
        name=spec.name if spec.path is None else spec.path.stem or spec.name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits.get("test"),
        classes=classes,
        channels=images.shape[3],
        resolution=images.shape[1],
        mean=mean,
        std=std,
        skipped=skipped,
    )
