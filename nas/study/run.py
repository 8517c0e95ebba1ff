"""A study from start to finish: search, then baselines and finalists by one recipe, then the report and `best/`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from nas.errors import BudgetUnreachable, SpecError
from nas.measure import DeviceLock
from nas.report import best, front
from nas.schedule import Resources, cluster, run
from nas.search import Engine, FixedProposals, Network, Progress, Rungs, Share
from nas.store import Record, Results, Role
from nas.store.files import read_json, write_json
from nas.store.record import OUTSIDE
from nas.study.config import StudyConfig
from nas.study.keep import keep_best
from nas.study.meters import AnyMeter, environment_of, study_meter, with_note
from nas.study.noting import note_study, noted
from nas.study.open import OpenStudy
from nas.study.predicting import learner_for
from nas.study.proposing import proposals_of, telling_of
from nas.study.proxies import keep_scores
from nas.study.results import Finished, finalized_best, stored_plan, write_results
from nas.study.software import software
from nas.study.spaces import price
from nas.study.work import REPORTED, TrainWork
from nas.train import Recipe

OnProgress = Callable[[Progress], None]

SHARE = "within_budgets"  # in env.json


def run_study(
    study: OpenStudy, folder: Path, on_progress: OnProgress, *, skip_unreadable: bool = False, adopt: bool = False
) -> Finished:
    """Run a study, or go on with one that was interrupted, and write everything to `folder`.

    With `adopt` one that was begun in another space goes on in this one (`nas.study.noting.note_study`).

    Raises `StoreError` (another study is there, another driver is alive, full disk), before any training
    `BudgetUnreachable` and `SpecError` (a calibration that does not hold), `TooManyFailures`; lets KeyboardInterrupt
    through. Whatever was finished before stays and is used again.
    """
    with nothing_left(folder):
        return _run(study, folder, on_progress, skip_unreadable, adopt)


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """No new results folder stays behind where a study turns out to be impossible before any training."""
    fresh = not folder.exists()
    try:
        yield
    except (BudgetUnreachable, SpecError):  # SpecError: a calibration that the study names does not hold
        if fresh:  # the next try will be of another study
            shutil.rmtree(folder)
        raise


def _run(study: OpenStudy, folder: Path, on_progress: OnProgress, skip_unreadable: bool, adopt: bool) -> Finished:
    with _driving(study, folder, on_progress, adopt=adopt) as (results, meter, tell):
        _search(study, results, meter, tell, skip_unreadable)
        known = [Network(name, plan) for name, plan in study.baselines.items()]
        train_networks(study, results, meter, "baseline", known, tell, skip_unreadable)
        chosen = _finalists(study, results)
        train_networks(study, results, meter, "finalist", chosen, tell, skip_unreadable)
    finished = write_results(results)
    leader = best(finished.records, finished.study)
    if leader is not None and finalized_best(results) is None:  # what was finalised is trained longer, and stays
        keep_best(results, leader, stored_plan(results, leader))
    return finished


def run_networks(
    study: OpenStudy,
    folder: Path,
    networks: list[Network],
    on_progress: OnProgress,
    *,
    role: Role = "candidate",
    baselines: Sequence[Network] = (),
    skip_unreadable: bool = False,
) -> Finished:
    """Train these networks, and no others, as a search trains its finalists, or go on where that was interrupted.

    Each is measured in a fresh process before it trains. Raises `StoreError` and `TooManyFailures`.
    """
    with _driving(study, folder, on_progress) as (results, meter, tell):
        train_networks(study, results, meter, role, networks, tell, skip_unreadable)
        train_networks(study, results, meter, "baseline", list(baselines), tell, skip_unreadable)
    return write_results(results)


@contextmanager
def _driving(
    study: OpenStudy, folder: Path, on_progress: OnProgress, *, adopt: bool | None = None
) -> Iterator[tuple[Results, AnyMeter, OnProgress]]:
    """The results folder for this process alone, the study noted in it, runners and the meter ready."""
    config = study.config
    results = Results(folder, storage=config.search.storage, name=config.name)
    with results.driving():
        said = note_study(results, study.config, study.space, adopt=adopt)
        write_json(results.data_file, study.dataset.to_json())
        study.warm.note(results)
        # One Ray for all steps: starting it takes longer than many a trial.
        runner = cluster(_resources(config)) if config.run.runner == "ray" else nullcontext()
        with runner, study_meter(config) as meter:
            write_environment(results, {**environment_of(meter), **software()})
            yield results, meter, with_note(meter, noted(said, on_progress))


def _search(
    study: OpenStudy, results: Results, meter: AnyMeter, on_progress: OnProgress, skip_unreadable: bool
) -> None:
    settings = study.config.search
    learner, about = learner_for(study, meter)
    write_json(results.env_file, {**read_json(results.env_file), **about})
    engine = Engine(
        results,
        proposals_of(study, study.space),
        price=price,
        measure=lambda plan, budget_ms: meter.measure(plan.architecture, budget_ms, extras=study.goals.extras),
        objectives=study.config.objectives,
        budgets=study.config.budgets,
        rungs=study.rungs,
        scheduling=settings.scheduling,
        extrapolate=settings.extrapolate,
        trials=settings.trials,
        seed=settings.seed,
        reported=REPORTED,
        predictor=learner,
        admitted=keep_scores(results, settings.proxies),
    )
    work = _work(study, study.config.training, skip_unreadable)
    run(
        engine,
        work,
        _resources(study.config),
        study.config.run.runner,
        with_share(results, telling_of(study, on_progress)),
        attended=meter.attended(),
    )


def with_share(results: Results, tell: OnProgress) -> OnProgress:
    """Tells, and writes beside the environment which share of draws is within the budgets, once that is known."""
    noted: list[Share] = []

    def told(progress: Progress) -> None:
        if progress.share is not None and progress.share not in noted:
            noted.append(progress.share)
            write_environment(results, read_json(results.env_file) or {}, progress.share)
        tell(progress)

    return told


def write_environment(results: Results, env: Mapping[str, Any], share: Share | None = None) -> None:
    """Write `env.json`; the share of draws within the budgets that a run before noted stays until there is another."""
    before = (read_json(results.env_file) or {}).get(SHARE)
    kept = share.to_json() if share is not None else before
    write_json(results.env_file, {**env, **({SHARE: kept} if kept else {})})


def train_networks(
    study: OpenStudy,
    results: Results,
    meter: AnyMeter,
    role: Role,
    networks: list[Network],
    on_progress: OnProgress,
    skip_unreadable: bool = False,
) -> None:
    """Train networks from nothing to the end by the finalists' recipe, each measured in a fresh process.

    A network's decision `recipe.seed`, where it has one, is added to the recipe's. Those that `results` has are not
    repeated.
    """
    if not networks:
        return
    recipe = final_recipe(study.config)
    engine = Engine(
        results,
        FixedProposals(networks, role),
        price=price,
        measure=lambda plan, budget_ms: meter.measure(
            plan.architecture, budget_ms, fresh=True, extras=study.goals.extras
        ),
        objectives=study.config.objectives,
        budgets=study.config.budgets,
        rungs=Rungs((recipe.epochs,)),
        trials=len(networks),
        always_measure=True,
        reported=REPORTED,
    )
    work = _work(study, recipe, skip_unreadable, test=True)
    run(engine, work, _resources(study.config), study.config.run.runner, on_progress, attended=meter.attended())


def _finalists(study: OpenStudy, results: Results) -> list[Network]:
    """The best of the front, then the best behind it; those that an earlier run chose stay, so that nothing repeats."""
    count = study.config.finalists.count
    if count == 0:
        return []
    candidates = {record.trial: record for record in results.records("candidate")}
    inside = {number for number, record in candidates.items() if record.gate != OUTSIDE}
    chosen = [record.source for record in results.records("finalist") if record.source in inside]
    best_first = [record.trial for record in front_first(list(candidates.values()), study)]
    order = list(dict.fromkeys([*chosen, *best_first]))[: max(count, len(chosen))]
    return [
        Network(f"trial {number}", stored_plan(results, candidates[number]), candidates[number].decisions, number)
        for number in order
    ]


def front_first(candidates: Sequence[Record], study: OpenStudy) -> list[Record]:
    """The front of the candidates within the budgets, then the others within, each by the first objective."""
    within = [record for record in candidates if record.feasible]
    within.sort(key=lambda record: -study.goals.objectives[0].gain(record.values))
    members = front(within, study.config.resolved())
    among = {record.trial for record in members}
    return [*members, *(record for record in within if record.trial not in among)]


def final_recipe(config: StudyConfig) -> Recipe:
    """The recipe of baselines and finalists: that of the search, for as many epochs as the study says."""
    epochs = config.finalists.epochs or config.training.epochs
    return Recipe.load(config.training.model_dump() | {"epochs": epochs}, path="finalists")


def _work(study: OpenStudy, recipe: Recipe, skip_unreadable: bool, *, test: bool = False) -> TrainWork:
    return TrainWork(
        data=study.config.images,
        recipe=recipe,
        device=study.train_device,
        threads=max(1, int(study.config.run.cpus)),
        lock=DeviceLock(study.lock_name),
        test=test,
        skip_unreadable=skip_unreadable,
    )


def _resources(config: StudyConfig) -> Resources:
    settings = config.run
    return Resources(settings.concurrent, settings.cpus, settings.gpus, settings.resources, settings.address)
