"""What a study would do and about how long it would take, from a few networks tried for seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.build import build
from nas.data import Dataset, Split
from nas.search import Goals, Rungs
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates
from nas.store import Results
from nas.study.config import StudyConfig
from nas.study.few import few_networks, possible_trials
from nas.study.meters import study_meter
from nas.study.noting import differences
from nas.study.open import OpenStudy
from nas.study.predicting import predictor_words
from nas.study.run import final_recipe
from nas.study.spaces import price
from nas.train import Recipe, Trainer

NETWORKS = 3
IMAGES = 256


def estimate(study: OpenStudy, folder: Path) -> dict[str, Any]:
    """What would run: counts, shares and seconds, each a plain number or text.

    Trains `NETWORKS` sampled networks on a few hundred images and measures one; writes nothing. Raises
    `BudgetUnreachable` when no network is found that meets the budgets on costs.
    """
    config = study.config
    feasible, rng = feasible_set(study.space, config, price), random.Random(config.search.seed)
    plans = [feasible.draw(rng).plan for _ in range(NETWORKS)]
    share = feasible.look()
    epoch_s = sorted(epoch_seconds(study, plan) for plan in plans)[len(plans) // 2]
    measure_s, latency_ms = measure_seconds(study, plans[0])
    trials = max(0, possible_trials(study.space, config.search.trials) - _done(study, folder))
    candidates_s = trials * mean_epochs(study.rungs) * epoch_s
    fixed = len(study.baselines) + config.finalists.count
    # Of the known networks only the cost is known, and time goes roughly by it.
    typical = sorted(price(plan)["macs"] for plan in plans)[len(plans) // 2]
    shares = [price(plan)["macs"] / typical for plan in study.baselines.values()]
    fixed_s = (config.finalists.count + sum(shares)) * final_recipe(config).epochs * epoch_s
    at_a_time = config.run.concurrent if config.run.runner == "ray" else 1
    seconds = (candidates_s + fixed_s) / at_a_time + (trials + fixed) * measure_s
    return {
        "study": config.name,
        "results": str(folder),
        "data": data_words(study.dataset),
        "space": study.space.name,
        "decisions": len(study.space.decisions),
        "networks": few_networks(study.space, config.search.trials) or str(study.space.size()),
        "within_cost_budgets": share.value,
        "within_budgets": share.to_json(),
        "device": study.device.name,
        "objectives": config.objectives,
        "budgets": config.budgets,
        "sampler": config.search.sampler_words,
        "predictor": predictor_words(study),
        "start": list(study.start),
        **({"warm_start": study.warm.to_json()} if study.warm.studies else {}),
        "trials_left": trials,
        "rungs": list(study.rungs.epochs),
        **config.search.halving,
        "baselines": list(study.baselines),
        "finalists": config.finalists.count,
        **differences(folder, config, study.space),
        "runner": config.run.runner,
        "trials_at_a_time": at_a_time,
        "seconds_an_epoch": epoch_s,
        "seconds_a_measurement": measure_s,
        "latency_ms_of_one": latency_ms,
        "estimated_seconds": seconds,
    }


def mean_epochs(rungs: Rungs) -> float:
    """Epochs a trial takes on average when exactly one in `reduction` goes on at each rung."""
    total, alive, before = 0.0, 1.0, 0
    for epoch in rungs.epochs:
        total += alive * (epoch - before)
        alive, before = alive / rungs.reduction, epoch
    return total


def feasible_set(space: Any, config: StudyConfig, price: Callable[[Plan], Mapping[str, float]]) -> FeasibleSet:
    """The networks of a study that are within the budgets that costs decide, as its search will draw them."""
    goals = Goals.parse(config.objectives, config.budgets, space.cost_constraints)
    return FeasibleSet(space, Gates(goals, price, reported=goals.names), config.search.seed)


def epoch_seconds(study: OpenStudy, plan: Plan) -> float:
    """Seconds of one epoch over all training images, from an epoch over some of them."""
    recipe, dataset = study.config.training, study.dataset
    some = replace(dataset, train=_first(dataset.train), validation=_first(dataset.validation))
    share = (len(some.train) + len(some.validation) / 3) / (len(dataset.train) + len(dataset.validation) / 3)
    quick = Recipe.load(recipe.model_dump() | {"epochs": 2, "warmup_epochs": 0.0, "threads": 1})
    with Trainer(build(plan, seed=0), quick, some, device=study.train_device) as trainer:
        reports = list(trainer.epochs())
    return reports[-1].seconds / share


def measure_seconds(study: OpenStudy, plan: Plan) -> tuple[float, float]:
    """Seconds that measuring a network takes, and its latency in ms."""
    with study_meter(study.config) as meter:
        meter.measure(plan.architecture)
        start = time.perf_counter()
        latency = meter.measure(plan.architecture)
        return time.perf_counter() - start, latency.p50


def _first(split: Split) -> Split:
    """Images spread evenly over a split, at most `IMAGES`."""
    step = max(1, len(split) // IMAGES)
    return Split(split.images[::step][:IMAGES], split.labels[::step][:IMAGES])


def _done(study: OpenStudy, folder: Path) -> int:
    results = Results(folder, storage=study.config.search.storage, name=study.config.name)
    if not results.exists:
        return 0
    return sum(
        record.state in ("complete", "pruned", "failed") for record in results.records("candidate") if not record.gate
    )


def data_words(dataset: Dataset) -> str:
    """How many images, classes, pixels and channels, in words."""
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    return (
        f"{dataset.name}: {sizes}; {len(dataset.classes)} classes, {dataset.resolution} px, {dataset.channels} channels"
    )
