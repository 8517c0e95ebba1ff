"""A study with everything it names looked up and checked, before any work starts."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.arch import Plan
from nas.cost import Cost
from nas.data import Dataset, load_data
from nas.errors import DeviceError, NasError
from nas.measure import Device, check_device, check_extras
from nas.search import Budget, Goals, Objective, Rungs, make_sampler
from nas.search.gates import MEASURED_NAMES
from nas.search.goals import check_names
from nas.space import Space
from nas.study.config import StudyConfig
from nas.study.networks import find_network
from nas.study.spaces import open_space
from nas.study.work import REPORTED


@dataclass(frozen=True)
class OpenStudy:
    """A checked study: the data is loaded, the space compiled, devices and baselines found."""

    config: StudyConfig
    dataset: Dataset
    space: Space
    device: Device
    train_device: str
    goals: Goals
    rungs: Rungs
    baselines: Mapping[str, Plan]


def open_study(config: StudyConfig, *, results: Path = Path("results"), skip_unreadable: bool = False) -> OpenStudy:
    """Look up and check everything that a study names.

    Raises `DataError`, `SpecError`, `DeviceError` and other `NasError` for what does not hold.
    """
    config.told_at(["device"], lambda: check_device(config.target))
    train_device = config.told_at(["run", "gpus"], lambda: _train_device(config))
    goals = Goals.parse(config.objectives, config.budgets)
    known = {*Cost(0, 0, 0, 0).values(), *MEASURED_NAMES, *REPORTED}
    wanted: dict[str, Sequence[Objective | Budget]] = {"objectives": goals.objectives, "budgets": goals.budgets}
    for key, each in wanted.items():
        for index, goal in enumerate(each):
            config.told_at([key, index], partial(check_names, goal, known))
            config.told_at([key, index], partial(check_extras, config.target, goal.names))
    settings = config.search
    config.told_at(["search", "sampler"], lambda: make_sampler(settings.sampler, settings.options, seed=settings.seed))
    rungs = config.told_at(
        ["search", "rungs"],
        lambda: Rungs((*config.search.rungs, config.training.epochs), config.search.reduction),
    )
    dataset = config.told_at(["data"], lambda: load_data(config.data, skip_unreadable=skip_unreadable))
    given: dict[str, Any] = {"classes": len(dataset.classes), "channels": dataset.channels}
    space = open_space(config.space, **given)
    space.sample(random.Random(config.search.seed))  # an empty space is found here, before anything is written
    given["resolution"] = dataset.resolution
    baselines = {
        name: config.told_at(["baselines", index], partial(find_network, name, results=results, **given))
        for index, name in enumerate(config.baselines)
    }
    return OpenStudy(config, dataset, space, config.target, train_device, goals, rungs, baselines)


def _train_device(config: StudyConfig) -> str:
    """Where trials train. Raises `DeviceError` when a GPU is asked for and absent."""
    if config.run.gpus <= 0:
        return "cpu"
    if config.run.address is None and not torch.cuda.is_available():
        raise DeviceError(
            f"run.gpus must be 0 on a host without a CUDA device, but got {config.run.gpus:g}: torch "
            f"{torch.__version__} finds none here; set it to 0 to train on the CPU"
        )
    return "cuda"


def results_folder(config: StudyConfig, out: Path | None) -> Path:
    """Where a study's results go: `out`, or `results/NAME`."""
    folder = out or Path("results") / config.name
    if folder.exists() and not folder.is_dir():
        raise NasError(f"the results must go to a folder, but {folder} is a file; choose another with --out")
    return folder
