"""What one epoch of training yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: how it learned, how fast, how much memory it took.

    `epoch` counts from 1. `train_loss` is the mean over the augmented, smoothed training targets; `loss` (without
    smoothing), `accuracy` and `macro_f1` (0 to 1) are of the averaged weights on the validation images, in float32.
    `lr` is that of the last step. `images_per_s` counts training alone, without the time spent waiting in `pause`.
    `seconds` is the wall time of training and evaluation. `memory_mb` is the device's peak on CUDA, else the resident
    memory of the process (MiB).
    """

    epoch: int
    train_loss: float
    loss: float
    accuracy: float
    macro_f1: float
    lr: float
    images_per_s: float
    seconds: float
    memory_mb: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EpochReport:
        return cls(**data)
