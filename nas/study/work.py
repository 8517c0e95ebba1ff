"""The training of one candidate, as a runner carries it out: data, network, recipe and the pause of who measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from nas.arch import Architecture, value_to_json
from nas.build import build, lower
from nas.cost import CostTable
from nas.data import Dataset, DataSpec, load_data
from nas.errors import DataError
from nas.measure import DeviceLock
from nas.schedule import Job
from nas.train import Recipe, Trainer

# Seconds a trainer waits for a folder whose last trainer is still at its last step.
FOLDER_WAIT_S = 60.0

# The numbers of an epoch that objectives and budgets may name.
REPORTED = ("accuracy", "macro_f1", "loss", "train_loss", "images_per_s", "memory_mb")


@dataclass(frozen=True)
class TrainWork:
    """Trains the network of a job on `device`; picklable, for it travels to the trainers.

    `lock`: the device whose latency is being measured, so that every step pauses while somebody measures there.
    `test`: whether the last epoch also reports `test_accuracy`; for networks that were chosen before, never for
    candidates.
    """

    data: DataSpec
    recipe: Recipe
    device: str = "cpu"
    threads: int = 1
    lock: DeviceLock | None = None
    test: bool = False
    skip_unreadable: bool = False

    def open(self, job: Job) -> TrainSession:
        """Raises `DataError`, `DeviceError` and `SpecError` when the job cannot be trained here."""
        return TrainSession(self, job)


class TrainSession:
    """One network in training; iterating trains one epoch a step and yields its numbers."""

    def __init__(self, work: TrainWork, job: Job) -> None:
        torch.set_num_threads(work.threads)
        architecture = Architecture.from_json(job["architecture"])
        recipe = work.recipe.with_overrides(value_to_json(architecture.train))
        dataset = _dataset(work.data, work.skip_unreadable)
        # Weights and order of images differ between networks and between repeats under another name, and are the
        # same whenever the job is run again.
        seed = recipe.seed + int(job["decisions"].get("recipe.seed", 0))
        network = build(lower(architecture, CostTable()), seed=seed)
        options: dict[str, Any] = {"pause": work.lock.step} if work.lock else {}
        self._trainer = Trainer(
            network,
            recipe,
            dataset,
            device=work.device,
            folder=Path(job["folder"]),
            seed=seed,
            wait_s=FOLDER_WAIT_S,
            **options,
        )
        self._epochs = int(job["epochs"])
        self._images = {"train_images": len(dataset.train), "validation_images": len(dataset.validation)}
        self._test_images = len(dataset.test) if work.test and dataset.test is not None else 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for report in self._trainer.epochs(self._epochs, since=max(0, self._trainer.epoch - 1)):
            line = report.to_json() | self._images
            if self._test_images and report.epoch == self._epochs:
                found = self._trainer.evaluate("test")
                line |= {"test_accuracy": found["accuracy"], "test_images": self._test_images}
            yield line

    def close(self) -> None:
        """Give back memory and the folder's lock."""
        self._trainer.close()


@lru_cache(maxsize=1)
def _dataset(spec: DataSpec, skip_unreadable: bool) -> Dataset:
    """Data is loaded once in the life of a trainer's process, which outlives its trials."""
    dataset = load_data(spec, skip_unreadable=skip_unreadable)
    if len(dataset.validation.labels) == 0:
        raise DataError(f"{dataset.name} must have validation images, but has none")
    return dataset
