"""A split as batches on a device: images kept there as uint8 where they fit, else read from memory or a mapped file."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.errors import DataError

# A split is copied to a CUDA device when it takes at most this share of the memory that is free there.
DEVICE_SHARE = 0.5
# Images of this many pixels together make an evaluation batch: on a CPU activations should stay near its caches.
CPU_PIXELS, CUDA_PIXELS = 64 * 32 * 32, 2048 * 32 * 32


class Batches:
    """A split (`images` uint8 NHWC, `labels`) whose batches come as uint8 NHWC and int64 on `device`.

    On a CPU nothing is copied: an array, or a map of a file, is read where it lies.
    """

    def __init__(self, split: Any, device: torch.device, classes: int, name: str) -> None:
        _check(split, classes, name)
        self.device = device
        self.images = _tensor(split.images)
        self.labels = _tensor(np.asarray(split.labels, dtype=np.int64)).to(device)
        if device.type == "cuda" and self.images.nbytes <= DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
            self.images = self.images.to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The images and labels at `index` (int64, on the CPU)."""
        there = index.to(self.device, non_blocking=True)
        if self.images.device == self.device:
            return self.images.index_select(0, there), self.labels.index_select(0, there)
        # Pinned memory comes from a pool that waits for copies under way, so the copy may run beside the computation.
        shape = (len(index), *self.images.shape[1:])
        pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        torch.index_select(self.images, 0, index, out=pinned)
        return pinned.to(self.device, non_blocking=True), self.labels.index_select(0, there)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in batches of the size that evaluates fastest."""
        pixels = CPU_PIXELS if self.device.type == "cpu" else CUDA_PIXELS
        size = max(8, min(4096, pixels // math.prod(self.images.shape[1:3])))
        for start in range(0, len(self), size):
            images = self.images[start : start + size].to(self.device, non_blocking=True)
            yield images, self.labels[start : start + size]


def even_steps(order: Tensor, batch_size: int) -> Sequence[Tensor]:
    """An order of images cut into the fewest steps of at most `batch_size`, their sizes differing by one at most.

    So no image is dropped and no step is small; a step of one image, which batch norm cannot take, joins its neighbour.
    """
    steps = max(1, min(math.ceil(len(order) / batch_size), len(order) // 2))
    return order.tensor_split(steps)


class Normaliser:
    """Turns uint8 NHWC into float32 NCHW of mean 0 and deviation 1, at the size the network wants.

    `mean` and `std` are one value a channel, for images scaled to 0..1. Layout NHWC in memory when `channels_last`.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        size: tuple[int, int] | None,
        channels_last: bool,
        device: torch.device,
    ) -> None:
        self.size = size
        self.channels_last = channels_last
        self.shift = torch.tensor(mean, dtype=torch.float32, device=device).mul(255).view(1, -1, 1, 1)
        self.scale = torch.tensor(std, dtype=torch.float32, device=device).mul(255).reciprocal().view(1, -1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        x = images.permute(0, 3, 1, 2)  # a view, which is channels_last already
        if self.size is not None and tuple(x.shape[2:]) != self.size:
            x = F.interpolate(x.to(torch.float32), self.size, mode="bilinear", antialias=True)
        x = (x - self.shift).mul_(self.scale)
        return x.contiguous(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)


def _tensor(array: np.ndarray) -> Tensor:
    """The same memory as a tensor; ours is only ever read, so a read-only array is no danger."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


def _check(split: Any, classes: int, name: str) -> None:
    images, labels = split.images, np.asarray(split.labels)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(f"{name} images must be uint8 (N, H, W, C), but got {images.dtype} {images.shape}")
    if len(images) != len(labels):
        raise DataError(f"{name} must have a label an image, but got {len(images)} images and {len(labels)} labels")
    if len(images) < 2:
        raise DataError(f"{name} must have at least 2 images, but got {len(images)}")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"{name} labels must lie in 0..{classes - 1} ({classes} classes), but got {labels.min()}..{labels.max()}"
        )
