"""The loop: a report an epoch, and after each a checkpoint from which training goes on exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from nas.errors import DataError
from nas.threads import threads
from nas.train import resume
from nas.train.batches import Batches, Normaliser
from nas.train.checkpoint import Checkpoint, latest
from nas.train.device import find_device
from nas.train.epoch_report import EpochReport
from nas.train.failure import TrainingFailed, memory_guard
from nas.train.folder_lock import FolderLock
from nas.train.learner import Learner
from nas.train.loss import mean_logits
from nas.train.memory import give_back_memory, keep_freed_memory, used_mb
from nas.train.metrics import Tally
from nas.train.precision import Precision, faster_precision
from nas.train.recipe import Recipe
from nas.train.teacher import Teacher
from nas.train.turns import Pause, Turns


class Trainer:
    """Trains `network`: images (B, C, H, W) to logits (B, classes), or (B, k, classes) while training.

    `dataset` has `train`, `validation`, perhaps `test` (each `images` uint8 NHWC and `labels`), `classes`, `mean` and
    `std` (one value a channel, for images scaled to 0..1). `folder` is where checkpoints go; its lock is held until
    `close`, and a checkpoint that stands there is gone on from, on a CPU with the same curve to the last bit. `seed`
    replaces the recipe's. `pause` gives a context that every step and every batch of evaluation is in, several short
    ones in one; it may wait. `wait_s` is how long another process may still hold the folder.

    The network is moved, laid out and trained in place. Raises `DataError`, `DeviceError` and `StoreError` before any
    work; `TrainingFailed` when the loss is not finite or memory runs out, with all memory given back.

        with Trainer(network, Recipe(epochs=8), dataset, folder=Path("results/digits/trials/1")) as trainer:
            for report in trainer.epochs():
                print(report.epoch, report.accuracy)
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        dataset: Any,
        *,
        device: str | torch.device = "cpu",
        folder: Path | None = None,
        seed: int | None = None,
        pause: Pause = nullcontext,
        wait_s: float = 0.0,
    ) -> None:
        self.recipe = recipe
        self.device = find_device(device)
        self.seed = recipe.seed if seed is None else seed
        self.folder = folder
        self.curve: list[EpochReport] = []
        self._pause = pause
        self._dataset = dataset
        self._splits: dict[str, Batches] = {}
        normalise = _normaliser(network, dataset, recipe, self.device)
        for name in ("train", "validation"):
            self._split(name)
        self._lock = FolderLock(folder, wait_s) if folder else None
        try:
            keep_freed_memory()
            with memory_guard("the network does not fit this device"):
                self.learner = Learner(network, recipe, self.device, normalise, _teacher(recipe, dataset, self.device))
            found = latest(folder) if folder else None
            if found:
                resume.restore(self, Checkpoint.read(found), found)
        except BaseException:
            self.close()
            raise

    @property
    def epoch(self) -> int:
        """Epochs done so far."""
        return len(self.curve)

    @property
    def evaluated_network(self) -> nn.Module:
        """The network the reports speak of, in evaluation mode: the averaged one where the recipe averages."""
        return self.learner.evaluated

    @property
    def precision(self) -> Precision | None:
        """What training computes in; None until `auto` has been measured in the first epoch."""
        return self.learner.precision

    @cached_property
    def data_facts(self) -> dict[str, Any]:
        """What tells this data set from others when training goes on from a checkpoint."""
        return {
            "images": len(self._split("train")),
            "classes": len(self._dataset.classes),
            "fingerprint": getattr(self._dataset, "fingerprint", None),
        }

    def epochs(self, until: int | None = None, *, since: int | None = None) -> Iterator[EpochReport]:
        """Trains up to and including epoch `until` (by default the recipe's last) and yields a report after each.

        Goes on where the checkpoint stands. `since` first yields again the reports of the epochs after it that were
        already done, for a caller that was not there when they ended.
        """
        until = self.recipe.epochs if until is None else until
        if not 0 <= until <= self.recipe.epochs:
            raise ValueError(f"until must lie in 0..{self.recipe.epochs} (the recipe's epochs), but got {until}")
        if since is not None:
            yield from self.curve[since:until]
        while self.epoch < until:
            try:
                self.curve.append(self._one_epoch())
            except TrainingFailed as failure:
                self.close()
                failure.__context__ = None
                raise failure.with_traceback(None) from None  # the frames behind it hold the step's tensors
            if self.folder:
                self.save()
            yield self.curve[-1]

    def evaluate(self, split: str = "validation") -> dict[str, float]:
        """`loss`, `accuracy` and `macro_f1` of `evaluated_network` on `train`, `validation` or `test`, in float32."""
        network, tally = self.evaluated_network, Tally(len(self._dataset.classes), self.device)
        hint = "a batch of evaluation does not fit this device"
        turns = Turns(self._pause, self.device)
        with torch.inference_mode(), threads(self.recipe.threads), memory_guard(hint), turns:
            for images, labels in self._split(split).in_order():
                turns.step()
                tally.add(mean_logits(network(self.learner.normalise(images))), labels)
        return tally.result()

    def save(self) -> Path:
        """Writes the checkpoint of the epochs done so far to `folder`; `StoreError` on a full disk."""
        if self.folder is None:
            raise ValueError("save needs a folder, but this trainer was made without one")
        return resume.checkpoint_of(self).write(self.folder)

    def close(self) -> None:
        """Gives back memory and the folder's lock; the trainer cannot train any more."""
        vars(self).pop("learner", None)
        self._splits.clear()
        give_back_memory(self.device)
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _one_epoch(self) -> EpochReport:
        if self.learner.precision is None:
            self.learner.precision = self._measure_precision()
        start = time.perf_counter()
        done = self.learner.learn(self._split("train"), self.epoch, self.seed, self._pause)
        found = self.evaluate("validation")
        if not math.isfinite(found["loss"]):
            raise TrainingFailed("nan", f"the validation loss is {found['loss']}", self.epoch + 1)
        return EpochReport(
            epoch=self.epoch + 1,
            train_loss=done.loss,
            **found,
            lr=done.lr,
            images_per_s=done.images_per_s,
            seconds=time.perf_counter() - start,
            memory_mb=used_mb(self.device),
        )

    def _measure_precision(self) -> Precision:
        source, learner = self._split("train"), self.learner
        images, _ = source.gather(torch.arange(min(self.recipe.batch_size, len(source))))
        with threads(self.recipe.threads), memory_guard("take a smaller batch_size"):
            return faster_precision(learner.network, learner.normalise(images), len(self._dataset.classes), self._pause)

    def _split(self, name: str) -> Batches:
        if name not in self._splits:
            split = getattr(self._dataset, name, None)
            if split is None:
                raise DataError(f"the data set must have a {name} split to evaluate on, but it has none")
            self._splits[name] = Batches(split, self.device, len(self._dataset.classes), name)
        return self._splits[name]


def _teacher(recipe: Recipe, dataset: Any, device: torch.device) -> Teacher | None:
    if recipe.distill is None:
        return None
    return Teacher(Path(recipe.distill.teacher), dataset, device, channels_last=recipe.channels_last)


def _normaliser(network: nn.Module, dataset: Any, recipe: Recipe, device: torch.device) -> Normaliser:
    """Checks that network and data agree; images are resized to the network's resolution where it has a plan."""
    plan = getattr(network, "plan", None)
    channels, classes = len(dataset.mean), len(dataset.classes)
    if plan is not None and (plan.input.channels, plan.classes) != (channels, classes):
        raise DataError(
            f"network and data must agree, but {plan.name} takes {plan.input.channels} channels and {plan.classes} "
            f"classes, and the data has {channels} channels and {classes} classes"
        )
    size = (plan.input.height, plan.input.width) if plan is not None else None
    return Normaliser(dataset.mean, dataset.std, size, recipe.channels_last, device)
