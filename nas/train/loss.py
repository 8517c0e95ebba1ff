"""The training loss: cross-entropy smoothed, for one label or two mixed ones, for one output an image or several."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """Labels (batch,): `first` with `weight`, `second` with the rest where images were mixed."""

    first: Tensor
    second: Tensor | None = None
    weight: float = 1.0


def training_loss(logits: Tensor, target: Target, smoothing: float = 0.0) -> Tensor:
    """The mean loss of (batch, classes) or (batch, k, classes) logits, averaged over the k outputs of an image."""
    loss = _cross_entropy(logits, target.first, smoothing)
    if target.second is None:
        return loss
    return target.weight * loss + (1 - target.weight) * _cross_entropy(logits, target.second, smoothing)


def mean_logits(logits: Tensor) -> Tensor:
    """(batch, classes) from what a classifier returned; k outputs of an image are averaged (DeiT, 2021)."""
    return logits.mean(1) if logits.dim() == 3 else logits


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    if logits.dim() == 3:
        labels = labels.repeat_interleave(logits.shape[1])
        logits = logits.flatten(0, 1)
    return F.cross_entropy(logits.to(torch.float32), labels, label_smoothing=smoothing)
