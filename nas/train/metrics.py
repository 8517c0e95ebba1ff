"""Sums over a split, kept on the device, that give loss, accuracy and macro F1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Tally:
    """Adds up batches of logits (batch, classes) and labels (batch,); nothing is copied to the host before `result`."""

    def __init__(self, classes: int, device: torch.device) -> None:
        self.classes = classes
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.hits, self.truth, self.guesses = torch.zeros(3, classes, dtype=torch.int64, device=device)

    def add(self, logits: Tensor, labels: Tensor) -> None:
        guess = logits.argmax(1)
        self.loss += F.cross_entropy(logits.to(torch.float32), labels, reduction="sum")
        self.truth += torch.bincount(labels, minlength=self.classes)
        self.guesses += torch.bincount(guess, minlength=self.classes)
        self.hits += torch.bincount(labels[guess == labels], minlength=self.classes)

    def result(self) -> dict[str, float]:
        """`loss` and `accuracy` are means over images; `macro_f1` over the classes that occur in labels or guesses."""
        images = int(self.truth.sum())
        both = self.truth + self.guesses
        seen = both > 0
        f1 = 2 * self.hits[seen] / both[seen]  # the harmonic mean of precision and recall, as counts
        return {
            "loss": float(self.loss) / images,
            "accuracy": int(self.hits.sum()) / images,
            "macro_f1": float(f1.to(torch.float64).mean()),
        }
