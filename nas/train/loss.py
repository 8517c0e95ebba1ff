"""The training loss: cross-entropy smoothed, for one label or two mixed ones, for one output an image or several.

And that of soft targets, which a teacher gives.
"""

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


def soft_loss(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """How far the classes' probabilities are from a teacher's, both softened: `T^2 KL(teacher / T || logits / T)`.

    The mean over images of (batch, classes) or (batch, k, classes) `logits`, averaged over the k outputs of an image;
    `teacher` is (batch, classes). The factor T^2 keeps gradients of one size whatever the temperature (Hinton, Vinyals
    and Dean, Distilling the Knowledge in a Neural Network, 2015).
    """
    if logits.dim() == 3:
        teacher = teacher.repeat_interleave(logits.shape[1], 0)
        logits = logits.flatten(0, 1)
    ours = F.log_softmax(logits.to(torch.float32) / temperature, 1)
    theirs = F.log_softmax(teacher.to(torch.float32) / temperature, 1)
    return temperature**2 * F.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def mean_logits(logits: Tensor) -> Tensor:
    """(batch, classes) from what a classifier returned; k outputs of an image are averaged (DeiT, 2021)."""
    return logits.mean(1) if logits.dim() == 3 else logits


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    if logits.dim() == 3:
        labels = labels.repeat_interleave(logits.shape[1])
        logits = logits.flatten(0, 1)
    return F.cross_entropy(logits.to(torch.float32), labels, label_smoothing=smoothing)
