"""How accurate what was written is, beside the network it was written from, on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nas.data import Split
from nas.export.formats.format import Run
from nas.train.preparation import Preparation

MOST = 10_000  # images; more would say little more
BATCH = 64


@dataclass(frozen=True)
class Accuracy:
    """Top-1 of two networks on the same images of a split.

    `lost` images the first one gets right and the second wrong, `won` the other way round: what tells a change from
    luck, for most images are the same to both.
    """

    split: str
    images: int
    before: float
    after: float
    lost: int
    won: int

    def to_json(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "images": self.images,
            "before": self.before,
            "after": self.after,
            "lost": self.lost,
            "won": self.won,
        }


def spread_over(split: Split, most: int) -> Split:
    """At most so many images of a split, evenly spaced."""
    if len(split) <= most:
        return split
    index = np.linspace(0, len(split) - 1, most).round().astype(np.intp)
    return Split(split.images[index], split.labels[index])


def right(run: Run, prepare: Preparation, split: Split) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which images of a split get their own class."""
    found = []
    for start in range(0, len(split), BATCH):
        logits = run(prepare(split.images[start : start + BATCH]))
        found.append(torch.as_tensor(logits).argmax(1).numpy())
    matches: np.ndarray[Any, np.dtype[np.bool_]] = np.concatenate(found) == split.labels
    return matches


def compared(name: str, before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> Accuracy:
    """Two answers of `right` for the same images."""
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    return Accuracy(name, len(before), float(before.mean()), float(after.mean()), lost, won)
