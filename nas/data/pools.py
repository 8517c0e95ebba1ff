"""Images that are known but not yet read: pools are divided by their labels, then each split reads its own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nas.data.cache import Store
from nas.data.dataset import Images, Labels, Split
from nas.data.pixels import fitted
from nas.data.spec import DataSpec
from nas.errors import DataError

# Resized arrays larger than this many bytes are kept as a memory map.
IN_MEMORY = 1 << 30

Index = np.ndarray[Any, np.dtype[np.intp]]


class Pool(Protocol):
    """Some images with their labels."""

    @property
    def labels(self) -> Labels:
        """One label an image, 0 to K - 1."""
        ...

    def read(self, index: Index) -> tuple[Split, tuple[str, ...]]:
        """The images at these places, in this order, and the names of those that were skipped as unreadable."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayPool:
    """Images that are in memory already."""

    images: Images
    labels: Labels
    spec: DataSpec

    def read(self, index: Index) -> tuple[Split, tuple[str, ...]]:
        whole = len(index) == len(self.labels) and bool((np.diff(index) == 1).all())
        images, labels = self.images if whole else self.images[index], self.labels[index]
        resolution, channels = self.spec.resolution, self.spec.channels or images.shape[3]
        shape = (resolution or images.shape[1], resolution or images.shape[2], channels)
        if shape == images.shape[1:]:
            return Split(images, labels), ()

        def rows() -> tuple[tuple[int, ...], Iterator[Images | str]]:
            return shape, fitted(images, resolution, channels)

        if len(images) * math.prod(shape) > IN_MEMORY:
            key = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()[:24] + f"-{resolution}-{channels}"
            return Split(Store(self.spec.cache).get(key, len(images), rows).images, labels), ()
        made = np.empty((len(images), *shape), np.uint8)
        for row, image in zip(made, fitted(images, resolution, channels), strict=True):
            row[...] = image
        return Split(made, labels), ()


@dataclass(frozen=True)
class Pools:
    """What a data set's loader returns: `validation` and `test` are None where the data does not bring them."""

    train: Pool
    validation: Pool | None
    test: Pool | None
    classes: tuple[str, ...]


def array_pool(images: Any, labels: Any, what: str, spec: DataSpec, classes: int) -> ArrayPool:
    """A pool of arrays after checking them; `what` names them in errors ("train in data.npz").

    Images must be uint8, (N, H, W), (N, H, W, 1) or (N, H, W, 3); labels integers, (N,) or (N, 1), from 0 to
    `classes` - 1. Raises `DataError`.
    """
    images, labels = _images(np.asarray(images), what), _labels(np.asarray(labels), what)
    if len(images) != len(labels):
        raise DataError(
            f"{what}: images and labels must be equally many, but there are {len(images)} and {len(labels)}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        found = f"{labels.min()} to {labels.max()}"
        raise DataError(f"{what}: labels must be 0 to {classes - 1} for {classes} classes, but go from {found}")
    return ArrayPool(images, labels, spec)


def _images(images: Any, what: str) -> Images:
    if images.dtype != np.uint8:
        hint = "scale them to 0..255 and store them as uint8" if images.dtype.kind == "f" else "store them as uint8"
        raise DataError(f"{what}: images must be uint8, but are {images.dtype}; {hint}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        first = images.ndim == 4 and images.shape[1] in (1, 3)
        hint = "; channels must come last (N, H, W, C)" if first else ""
        raise DataError(f"{what}: images must be (N, H, W), (N, H, W, 1) or (N, H, W, 3), but are {images.shape}{hint}")
    if 0 in images.shape:
        raise DataError(f"{what}: there must be at least one image with pixels, but the array is {images.shape}")
    checked: Images = images
    return checked


def _labels(labels: Any, what: str) -> Labels:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{what}: labels must be integers, one an image, but are {labels.dtype} of shape {labels.shape}"
        )
    checked: Labels = labels.astype(np.int64)
    return checked


def check_sizes(pools: Sequence[tuple[str, ArrayPool]], spec: DataSpec) -> None:
    """All splits of one size and number of channels, square unless `resolution` crops them. Raises `DataError`."""
    shapes = {name: pool.images.shape[1:] for name, pool in pools}
    heights = {shape[:2] for shape in shapes.values()}
    if len({shape[2] for shape in shapes.values()}) > 1 and spec.channels is None:
        raise DataError(f"images of all splits must have as many channels, but are {shapes}; give channels")
    if spec.resolution is None and (len(heights) > 1 or any(height != width for height, width in heights)):
        raise DataError(f"images must be square and of one size, but are {shapes}; give a resolution")
