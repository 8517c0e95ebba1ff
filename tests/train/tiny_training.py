"""A network and a data set small enough to train in a blink, shared by the tests of this room."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nas.train import Recipe, Trainer

CLASSES = 4
# Fields of a report that a clock or the system decides.
OF_THE_CLOCK = ("images_per_s", "seconds", "memory_mb")


@dataclass(frozen=True)
class Split:
    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    train: Split
    validation: Split
    test: Split | None = None
    classes: tuple[str, ...] = tuple("abcd")
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)


def split(count: int, seed: int = 0, size: int = 8, channels: int = 3) -> Split:
    """Noise with a bright quarter; the label says which."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (count, size, size, channels), dtype=np.uint8)
    labels = np.arange(count) % CLASSES
    half = size // 2
    for image, label in zip(images, labels, strict=True):
        top, left = half * (label // 2), half * (label % 2)
        image[top : top + half, left : left + half] += 60
    return Split(images, labels.astype(np.int64))


def dataset(train: int = 64, validation: int = 40) -> Dataset:
    return Dataset(split(train), split(validation, seed=1), split(20, seed=2))


def network(seed: int = 0, **parts: nn.Module) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 1, 1, groups=8),
        nn.Dropout(0.1),
        *parts.values(),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, CLASSES),
    )


def recipe(**fields: object) -> Recipe:
    return Recipe.load({"epochs": 4, "batch_size": 16, "lr": 0.01, "precision": "float32", "threads": 1} | fields)


def run(recipe: Recipe, *, folder: Path | None = None, until: int | None = None) -> list[dict[str, float]]:
    """The curve of one training, without what a clock decides."""
    with closing(Trainer(network(), recipe, dataset(), folder=folder)) as trainer:
        list(trainer.epochs(until))
        return [without_clock(report.to_json()) for report in trainer.curve]


def without_clock(report: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in report.items() if name not in OF_THE_CLOCK}


class Poison(nn.Module):
    """Passes its input on until the given call in training, then does what `harm` says."""

    def __init__(self, call: int, harm: str) -> None:
        super().__init__()
        self.call = call
        self.harm = harm
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        if not self.training or self.calls <= self.call:
            return x
        if self.harm == "nan":
            return x * float("nan")
        return x + torch.empty(1 << 50)  # a real failure of the allocator: 4 PiB
