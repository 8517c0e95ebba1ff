"""Training: a frozen recipe, and a loop that yields one report an epoch. Torch is loaded when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nas.train.epoch_report import EpochReport
from nas.train.failure import TrainingFailed
from nas.train.recipe import Recipe

if TYPE_CHECKING:
    from nas.train.checkpoint import Checkpoint, latest
    from nas.train.trainer import Trainer

__all__ = ["Checkpoint", "EpochReport", "Recipe", "Trainer", "TrainingFailed", "latest"]

_LAZY = {"Checkpoint": "nas.train.checkpoint", "Trainer": "nas.train.trainer", "latest": "nas.train.checkpoint"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
