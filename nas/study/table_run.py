"""A study answered from a recorded table: the same engine, gates, records and report, on a simulated clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.cost import Cost
from nas.errors import NasError
from nas.report import best
from nas.schedule import Job, Resources, run
from nas.search import Engine, Goals, Progress, Rungs
from nas.search.gates import MEASURED_NAMES
from nas.search.goals import check_names
from nas.space import Decisions, Space
from nas.space.expression import Expression
from nas.store import Results
from nas.store.storage import check_storage
from nas.study.config import StudyConfig
from nas.study.estimate import feasible_set
from nas.study.few import few_networks, possible_trials
from nas.study.keep import keep_best
from nas.study.noting import differences, note_study, noted
from nas.study.proposing import check_sampler, proposals_of, telling_of
from nas.study.proxies import check_settings, keep_scores
from nas.study.results import Finished, stored_plan, write_results
from nas.study.run import nothing_left, with_share, write_environment
from nas.study.software import software
from nas.study.spaces import check_whole, price, space_of
from nas.study.starting import find_starts
from nas.study.table import Table, open_table
from nas.study.warm import WarmStart, warm_start

PERCENTILES = {"latency_ms": "p50", "latency_low_ms": "low", "latency_high_ms": "high", "latency_p90_ms": "p90",
               "latency_p99_ms": "p99"}  # fmt: skip


@dataclass(frozen=True)
class TableStudy:
    """A study on a table with everything it names looked up and checked."""

    config: StudyConfig
    space: Space
    table: Table
    goals: Goals
    rungs: Rungs
    start: Mapping[str, Decisions]
    warm: WarmStart

    @property
    def warnings(self) -> list[str]:
        """What is allowed, but hardly meant: an objective that is the same for every architecture."""
        named = {name for objective in self.goals.objectives for name in objective.names}
        return [
            f"'{name}' is the same in every row of {self.table.path}" for name in self.table.constant if name in named
        ]


@dataclass
class Answers:
    """The space as the engine sees it, which notes the row of every network that it decodes, and answers by it."""

    space: Space
    table: Table
    row: dict[str, int] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.space, name)  # what a sampler may ask of a space beyond what the engine does

    @property
    def decisions(self) -> tuple[Any, ...]:
        return self.space.decisions

    @property
    def cost_constraints(self) -> tuple[Expression, ...]:
        return self.space.cost_constraints

    def walk(self, draw: Callable[[Any], Any]) -> Decisions:
        return self.space.walk(draw)

    def sample(self, rng: random.Random) -> Decisions:
        return self.space.sample(rng)

    def neighbours(self, decisions: Mapping[str, Any]) -> Iterator[Decisions]:
        return self.space.neighbours(decisions)

    def decode(self, decisions: Mapping[str, Any]) -> Plan:
        plan = self.space.decode(decisions)
        self.row.setdefault(plan.arch_id, self.table.row(decisions))
        return plan

    def price(self, plan: Plan) -> dict[str, float]:
        """Costs as counted on the network, and those that the table has in their place."""
        row = self.row[plan.arch_id]
        given = {name: float(column[row]) for name, column in self.table.costs.items() if name not in MEASURED_NAMES}
        return price(plan) | given

    def measure(self, plan: Plan, budget_ms: float | None = None) -> dict[str, Any]:
        """The table's latency (and what else is measured with it) as a measurement that is trusted."""
        row = self.row[plan.arch_id]
        found = {PERCENTILES.get(n, n): float(c[row]) for n, c in self.table.costs.items() if n in MEASURED_NAMES}
        return {**found, "trusted": True, "flags": [], "table": str(self.table.path)}

    def open(self, job: Job) -> Recorded:
        """What training reports, as the table has it: this is the work of a runner in this process."""
        return Recorded(self.table.lines(self.row[job["arch_id"]]), int(job["epochs"]))


@dataclass
class Recorded:
    """The reports of a network's training, read from a table up to an epoch."""

    lines: Iterator[Mapping[str, float]]
    epochs: int

    def __iter__(self) -> Iterator[Mapping[str, float]]:
        return (line for line in self.lines if line["epoch"] <= self.epochs)

    def close(self) -> None:
        """Nothing is held."""


def open_table_study(config: StudyConfig, *, results: Path = Path("results"), folder: Path | None = None) -> TableStudy:
    """Look up and check everything that a study on a table names; `folder` is the one that it goes on in.

    Raises `SpecError` and other `NasError` for what does not hold, with its place in the study's file.
    """
    settings, search = config.evaluator, config.search
    assert settings is not None
    check_sampler(config)
    if storage := search.storage:
        config.told_at(["search", "storage"], lambda: check_storage(storage))
    epochs = sorted(settings.epochs)
    rungs = config.told_at(["search", "rungs"], lambda: _rungs(search.rungs, epochs, search.reduction))
    given: dict[str, Any] = {"classes": settings.classes} if settings.classes else {}
    space = space_of(config, **given)
    config.check_consistent(space.cost_constraints)
    check_whole(space, space.decode(space.sample(random.Random(search.seed))))
    table = open_table(config, space)
    goals = Goals.parse(config.objectives, config.budgets)
    known = {*Cost(0, 0, 0, 0).values(), *table.costs, *table.epochs[epochs[-1]]}
    check_settings(config, goals, known)
    for key, wanted in (("objectives", goals.objectives), ("budgets", goals.budgets)):
        for index, goal in enumerate(wanted):
            config.told_at([key, index], lambda goal=goal: check_names(goal, known))  # type: ignore[misc]
    before = known - {*table.epochs[epochs[-1]]}
    for rung in rungs.epochs[:-1]:
        config.told_at(["search", "rungs"], partial(_check_rung, rung, goals, {*before, *table.epochs[rung]}))
    answers = Answers(space, table)
    start = find_starts(config, space, space.input.height, results)
    for index, name in enumerate(config.search.start):
        config.told_at(["search", "start", index], partial(answers.decode, start[name]))  # the table has it

    def costs(decisions: Decisions) -> Mapping[str, float]:
        return answers.price(answers.decode(decisions))

    warm = warm_start(config, space, space.input.height, goals, costs, list(start.values()), results, folder)
    return TableStudy(config, space, table, goals, rungs, start, warm)


def _rungs(rungs: list[int], epochs: list[int], reduction: int) -> Rungs:
    if missing := [rung for rung in rungs if rung not in epochs]:
        raise NasError(
            f"rungs must be epochs that the table has ({', '.join(map(str, epochs))}), but {missing[0]} is not"
        )
    return Rungs((*rungs, epochs[-1]), reduction)


def _check_rung(rung: int, goals: Goals, known: Collection[str]) -> None:
    for objective in goals.objectives:
        if missing := sorted(objective.names - set(known)):
            raise NasError(
                f"networks are compared at a rung by '{objective.text}', but the table has no {missing[0]} after "
                f"{rung} epochs; add it under evaluator.epochs, or leave the rung out"
            )


def run_table_study(
    study: TableStudy, folder: Path, on_progress: Callable[[Progress], None], *, adopt: bool = False
) -> Finished:
    """Run a study on a table, or go on with one that was interrupted, and write everything to `folder`.

    `run.concurrent` workers share a simulated clock. Raises as `nas.study.run.run_study`.
    """
    config = study.config
    results = Results(folder, storage=config.search.storage, name=config.name)
    with nothing_left(folder), results.driving():
        said = note_study(results, config, study.space, adopt=adopt)
        about = {"table": str(study.table.path), "rows": len(study.table.rows)}
        write_environment(results, {**about, **software()})
        study.warm.note(results)
        _search(study, results, noted(said, on_progress))
    finished = write_results(results)
    leader = best(finished.records, finished.study)
    if leader is not None:
        keep_best(results, leader, stored_plan(results, leader))
    return finished


def _search(study: TableStudy, results: Results, on_progress: Callable[[Progress], None]) -> None:
    config, settings = study.config, study.config.search
    answers = Answers(study.space, study.table)
    engine = Engine(
        results,
        proposals_of(study, answers),
        price=answers.price,
        measure=answers.measure,
        objectives=config.objectives,
        budgets=config.budgets,
        rungs=study.rungs,
        scheduling=settings.scheduling,
        extrapolate=settings.extrapolate,
        trials=settings.trials,
        seed=settings.seed,
        look_ahead=0,  # a candidate is asked for when a worker is free, not before: so runs can be repeated
        reported=tuple(study.table.epochs[study.rungs.total]),
        admitted=keep_scores(results, settings.proxies),
    )
    run(
        engine,
        answers,
        Resources(config.run.concurrent),
        "simulated",
        with_share(results, telling_of(study, on_progress)),
    )


def table_plan(study: TableStudy, folder: Path) -> dict[str, Any]:
    """What would run, each a plain number or text; writes nothing."""
    config, table = study.config, study.table
    trials = possible_trials(study.space, config.search.trials)
    answers = Answers(study.space, table)
    share = feasible_set(answers, config, answers.price).look()
    mean_s = float(table.seconds.mean()) * study.rungs.total
    return {
        "study": config.name,
        "results": str(folder),
        "table": str(table.path),
        "rows": len(table.rows),
        "space": study.space.name,
        "decisions": len(study.space.decisions),
        "networks": few_networks(study.space, config.search.trials) or str(study.space.size()),
        "within_cost_budgets": share.value,
        "within_budgets": share.to_json(),
        "objectives": config.objectives,
        "budgets": config.budgets,
        "sampler": config.search.sampler_words,
        "start": list(study.start),
        **({"warm_start": study.warm.to_json()} if study.warm.studies else {}),
        "trials": trials,
        "rungs": list(study.rungs.epochs),
        **config.search.halving,
        **differences(folder, config, study.space),
        "simulated_workers": config.run.concurrent,
        "simulated_seconds_a_network": mean_s,
        "simulated_seconds_at_most": mean_s * trials / config.run.concurrent,
    }
