"""A study with everything it names looked up and checked, before any work starts."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.arch import Plan
from nas.cost import Cost
from nas.data import Dataset, load_data
from nas.errors import DeviceError, NasError
from nas.measure import EXTRAS, Device
from nas.measure.host import allowed_cpus
from nas.schedule import join_at
from nas.search import Budget, Goals, Objective, Rungs
from nas.search.gates import MEASURED_NAMES
from nas.search.goals import check_names
from nas.space import Decisions, Space
from nas.store.results import is_ours
from nas.store.storage import check_storage
from nas.study.config import StudyConfig
from nas.study.meters import study_meter
from nas.study.networks import find_network
from nas.study.proposing import check_sampler
from nas.study.proxies import check_settings
from nas.study.spaces import check_whole, price, space_of
from nas.study.starting import find_starts
from nas.study.warm import WarmStart, warm_start
from nas.study.work import REPORTED
from nas.train.teacher import Teacher


@dataclass(frozen=True)
class OpenStudy:
    """A checked study: the data is loaded, the space compiled, devices, baselines and the networks to start at found.

    `lock_name` is that of the device's lock on its host, which trainers there share.
    """

    config: StudyConfig
    dataset: Dataset
    space: Space
    device: Device
    lock_name: str
    train_device: str
    goals: Goals
    rungs: Rungs
    baselines: Mapping[str, Plan]
    start: Mapping[str, Decisions]
    warm: WarmStart = field(default_factory=WarmStart)


def open_study(
    config: StudyConfig,
    *,
    results: Path = Path("results"),
    folder: Path | None = None,
    skip_unreadable: bool = False,
) -> OpenStudy:
    """Look up and check everything that a study names; `folder` is the one that it goes on in.

    Raises `DataError`, `SpecError`, `DeviceError` and other `NasError` for what does not hold.
    """
    train_device = config.told_at(["run", "gpus"], lambda: _train_device(config))
    goals = Goals.parse(config.objectives, config.budgets)
    known = {*Cost(0, 0, 0, 0).values(), *MEASURED_NAMES, *REPORTED}
    check_settings(config, goals, known)
    wanted: dict[str, Sequence[Objective | Budget]] = {"objectives": goals.objectives, "budgets": goals.budgets}
    for key, each in wanted.items():
        for index, goal in enumerate(each):
            config.told_at([key, index], partial(check_names, goal, known))
    lock_name = _check_device(config, wanted)
    settings = config.search
    check_sampler(config)
    if settings.storage:
        config.told_at(["search", "storage"], partial(check_storage, settings.storage))
    config.told_at(["run", "cpus"], lambda: _check_cpus(config))
    rungs = config.told_at(
        ["search", "rungs"],
        lambda: Rungs((*config.search.rungs, config.training.epochs), config.search.reduction),
    )
    dataset = config.told_at(["data"], lambda: load_data(config.images, skip_unreadable=skip_unreadable))
    if (distill := config.training.distill) is not None:
        at = ["recipe", "distill", "teacher"]
        config.told_at(at, lambda: Teacher(Path(distill.teacher), dataset, torch.device("cpu")))
    given: dict[str, Any] = {"classes": len(dataset.classes), "channels": dataset.channels}
    space = space_of(config, **given)
    config.check_consistent(space.cost_constraints)
    found = space.sample(random.Random(config.search.seed))  # an empty space is found here, before anything is written
    check_whole(space, space.decode(found))
    start = find_starts(config, space, dataset.resolution, results)
    warm_goals = Goals.parse(config.objectives, config.budgets, space.cost_constraints)
    warm = warm_start(
        config,
        space,
        dataset.resolution,
        warm_goals,
        lambda d: price(space.decode(d)),
        list(start.values()),
        results,
        folder,
    )
    given |= {"resolution": dataset.resolution, "resolution_from": "the data's resolution"}
    baselines = {
        name: config.told_at(["baselines", index], partial(find_network, name, results=results, **given))
        for index, name in enumerate(config.baselines)
    }
    return OpenStudy(
        config, dataset, space, config.target, lock_name, train_device, goals, rungs, baselines, start, warm
    )


def _check_device(config: StudyConfig, wanted: Mapping[str, Sequence[Objective | Budget]]) -> str:
    """The name of the device's lock. Raises `DeviceError` when it is not there, or cannot tell what goals name."""
    with contextlib.ExitStack() as stack:
        meter = config.told_at(["device"], lambda: stack.enter_context(study_meter(config)))
        for key, goals in wanted.items():
            for index, goal in enumerate(goals):
                if names := sorted(goal.names.intersection(EXTRAS)):
                    config.told_at([key, index], partial(meter.check_extras, names))
        return meter.lock_name


def _check_cpus(config: StudyConfig) -> None:
    """Raises `DeviceError` when a trial asks for more processors than this host has, and runs here."""
    usable = len(allowed_cpus())
    if join_at(config.run.address) is None and config.run.cpus > usable:
        raise DeviceError(
            f"run.cpus must be at most {usable} (usable processors of this host), but got {config.run.cpus:g}; ask for "
            "less, or name a cluster by run.address"
        )


def _train_device(config: StudyConfig) -> str:
    """Where trials train. Raises `DeviceError` when a GPU is asked for and absent."""
    if config.run.gpus <= 0:
        return "cpu"
    if join_at(config.run.address) is None and not torch.cuda.is_available():
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
    if folder.is_dir() and not is_ours(folder):
        first = min(entry.name for entry in folder.iterdir())
        raise NasError(
            f"the results must go to a new or an empty folder, or to that of a study, but {folder} holds other files "
            f"('{first}', ...); choose another with --out"
        )
    return folder
