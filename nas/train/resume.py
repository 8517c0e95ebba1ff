"""Going on from a checkpoint: only with the same recipe, data and network, and then exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from nas.errors import StoreError
from nas.train.checkpoint import Checkpoint
from nas.train.epoch_report import EpochReport

if TYPE_CHECKING:
    from nas.train.trainer import Trainer

# These change how fast a host trains, not what it learns beyond rounding.
_OF_THE_HOST = {"threads", "precision", "channels_last"}


def checkpoint_of(trainer: Trainer) -> Checkpoint:
    """Everything a trainer needs to go on; what is random follows from the seed and the epoch's number."""
    learner = trainer.learner
    averaged = learner.ema.network.state_dict() if learner.ema else None
    weights, optimizer = learner.network.state_dict(), learner.optimizer.state_dict()
    return Checkpoint(trainer.epoch, weights, averaged, optimizer, _facts(trainer))


def restore(trainer: Trainer, checkpoint: Checkpoint, path: Path) -> None:
    """Puts a trainer where the checkpoint stands; `StoreError` when it belongs to other training."""
    now, then, learner = _facts(trainer), checkpoint.facts, trainer.learner
    for name in ("recipe", "data"):
        for key, value in now[name].items():
            if key not in _OF_THE_HOST and then[name].get(key) != value:
                raise _other(path, f"{key} was {then[name].get(key)!r} and is now {value!r}")
    if then.get("teacher") != now["teacher"]:
        raise _other(path, f"the teacher was {then.get('teacher')} and is now {now['teacher']}")
    if then["seed"] != trainer.seed:
        raise _other(path, f"the seed was {then['seed']} and is now {trainer.seed}")
    _load(learner.network, checkpoint.weights, path)
    if learner.ema:
        _load(learner.ema.network, checkpoint.averaged or {}, path)
    try:
        learner.optimizer.load_state_dict(dict(checkpoint.optimizer))
    except ValueError as error:
        raise _other(path, str(error)) from error
    learner.precision = then["precision"] or learner.precision
    trainer.curve = [EpochReport.from_json(report) for report in then["curve"]]


def _facts(trainer: Trainer) -> dict[str, Any]:
    """What a checkpoint says beside its tensors, as JSON."""
    learner = trainer.learner
    return {
        "recipe": trainer.recipe.model_dump(exclude={"distill": {"teacher"}}),
        "teacher": learner.teacher.fingerprint if learner.teacher else None,  # wherever its files lie
        "seed": trainer.seed,
        "data": dict(trainer.data_facts),
        "precision": learner.precision,
        "curve": [report.to_json() for report in trainer.curve],
    }


def _load(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise _other(path, f"its weights do not fit this network: {str(error).splitlines()[-1].strip()}") from error


def _other(path: Path, what: str) -> StoreError:
    return StoreError(
        f"a trial must go on with the training it began with, but in {path} {what}; "
        "take the former settings, or another folder, or remove this checkpoint"
    )
