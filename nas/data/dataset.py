"""What a data set is once loaded: splits of uint8 images in one array each, in memory or memory-mapped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Images (N, H, W, C), uint8, channels last, and their labels (N,), int64, 0 to K - 1."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready to train on.

    A search sees `train` and `validation` only; `test` is for what is reported in the end. `mean` and `std` are those
    of the training images, one a channel, as fractions of 255. `skipped` names the images that could not be read.
    """

    name: str
    train: Split
    validation: Split
    test: Split | None
    classes: tuple[str, ...]
    channels: int
    resolution: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with the labels, the sizes and (of up to 64 a split) the images."""
        digest = hashlib.sha256(repr((self.classes, self.channels, self.resolution)).encode())
        for name, split in self.splits.items():
            digest.update(f"{name} {split.images.shape}".encode())
            digest.update(np.ascontiguousarray(split.labels).data)
            digest.update(np.ascontiguousarray(split.images[:: max(1, len(split) // 64)]).data)
        return digest.hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """All but the images: what a model that was trained on them has to be told with."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "channels": self.channels,
            "resolution": self.resolution,
            "mean": list(self.mean),
            "std": list(self.std),
            "images": {name: len(split) for name, split in self.splits.items()},
            "skipped": len(self.skipped),
            "fingerprint": self.fingerprint,
        }


def channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, as fractions of 255.

    Exact up to 200 million values, from evenly spaced images beyond. A constant channel gets a deviation of one grey
    level, so that it can be divided by.
    """
    step = max(1, -(-images.size // 200_000_000))
    chosen = images[::step]
    channels = images.shape[-1]
    total, squares, count = np.zeros(channels), np.zeros(channels), 0
    for start in range(0, len(chosen), 512):
        # A histogram of bytes is exact and needs no float copy of the images.
        part = np.ascontiguousarray(chosen[start : start + 512]).reshape(-1, channels)
        levels = np.arange(256, dtype=np.float64)
        for channel in range(channels):
            counts = np.bincount(part[:, channel], minlength=256)
            total[channel] += counts @ levels
            squares[channel] += counts @ levels**2
        count += len(part)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1.0))
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())
