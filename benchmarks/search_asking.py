"""How long does a sampler take to propose: one network, and a batch of 16, at 200 and 2,000 finished trials.

    python -m benchmarks.search_asking --table FILE.parquet --arch COLUMN --accuracy COLUMN --cost COLUMN

On a recorded table (bare Optuna, one parameter a digit) where one is named, and on a space that ships, bound to the
sampler as a study binds it (Optuna's samplers see its parameters). `one` is an ask, with all its parameters, when one
more trial has just ended; `batch` is 16 asks of which none is told; `first` is the first ask of a sampler that finds
all these trials in the storage, as when a search goes on. Objectives on the space are made up of what networks cost.
On one core; medians over `--repeats`. Set OMP_NUM_THREADS=1, so that threads do not wait for each other there.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from benchmarks.common import environment, report
from benchmarks.recorded import Table
from nas.errors import InvalidArchitecture, NasError
from nas.search import SAMPLERS, make_sampler
from nas.search.replaying import ReplayingSampler
from nas.search.spaces import Parameters, Space, Walks

BATCH = 16
LIMITS = {200: 0.3, 2000: 1.0}  # seconds that an ask may take


@dataclass(frozen=True)
class Case:
    """What is asked about: trials with values, how to suggest all parameters, and what a proposal is worth."""

    name: str
    trials: Sequence[tuple[dict[str, Any], dict[str, BaseDistribution], list[float]]]
    suggest: Callable[[optuna.Trial], dict[str, Any]]
    values: Callable[[dict[str, Any]], list[float] | None]
    bind: Callable[[optuna.samplers.BaseSampler], None] = lambda sampler: None


def table_case(path: Path, arch: str, accuracy: str, cost: str, count: int) -> Case:
    table = Table.read(path, arch, accuracy, cost)
    distributions: dict[str, BaseDistribution] = {
        f"{at}": CategoricalDistribution(each) for at, each in enumerate(table.choices)
    }
    if len(table.rows) < 2 * count:
        raise NasError(f"{path} must have at least {2 * count} networks, but has {len(table.rows)}")
    texts = random.Random(0).sample(sorted(table.rows), count)
    trials = [
        (dict(zip(distributions, text, strict=True)), distributions, table.values[table.rows[text]].tolist())
        for text in texts
    ]

    def suggest(trial: optuna.Trial) -> dict[str, Any]:
        return {f"{at}": trial.suggest_categorical(f"{at}", each) for at, each in enumerate(table.choices)}

    def values(params: dict[str, Any]) -> list[float] | None:
        row = table.rows.get("".join(params.values()))
        return None if row is None else table.values[row].tolist()

    return Case(path.name, trials, suggest, values)


def space_case(name: str, count: int) -> Case:
    from nas.study.run import price
    from nas.study.spaces import open_space

    space: Space = open_space(name)
    parameters = Parameters()
    walks = Walks(space, parameters)
    by_name = {decision.name: decision for decision in space.decisions}

    def values(params: dict[str, Any]) -> list[float] | None:
        labels = {key: parameters.label(by_name[key], value) for key, value in params.items()}
        try:
            costs = price(space.decode(labels))
        except InvalidArchitecture:
            return None
        noise = random.Random(repr(sorted(labels.items()))).gauss(0.0, 0.5)
        return [90 - 5 * math.log10(costs["params"]) - 2 * math.log10(costs["activations"]) + noise, costs["macs"]]

    def suggest(trial: optuna.Trial) -> dict[str, Any]:
        space.walk(lambda decision: parameters.suggest(trial, decision))
        return trial.params

    rng = random.Random(0)
    found: dict[str, Any] = {}
    while len(found) < count:
        params = parameters.encode(space.sample(rng), by_name)
        known = values(params)
        if known is not None:
            distributions = {key: parameters.distribution(by_name[key]) for key in params}
            found[repr(sorted(params.items()))] = (params, distributions, known)

    def bind(sampler: optuna.samplers.BaseSampler) -> None:
        if isinstance(sampler, ReplayingSampler):
            sampler.bind(walks)

    return Case(name, list(found.values()), suggest, values, bind)


def measure(case: Case, name: str, finished: int, repeats: int) -> dict[str, Any]:
    """Seconds of the first ask, of one ask, of a batch; medians, and the repeats."""
    sampler = make_sampler(name, seed=0)
    case.bind(sampler)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.add_trials(
        [
            optuna.trial.create_trial(params=params, distributions=distributions, values=values)
            for params, distributions, values in case.trials[:finished]
        ]
    )

    def timed(asks: int) -> tuple[float, list[tuple[optuna.Trial, list[float] | None]]]:
        seconds, asked = 0.0, []
        for _ in range(asks):
            began = time.perf_counter()
            trial = study.ask()
            params = case.suggest(trial)
            seconds += time.perf_counter() - began
            asked.append((trial, case.values(params)))
        return seconds, asked

    def tell(asked: Sequence[tuple[optuna.Trial, list[float] | None]]) -> None:
        """The first with its values, the others as failed, so that little is added to what is known."""
        for index, (trial, values) in enumerate(asked):
            if index or values is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, values)

    first, asked = timed(1)
    tell(asked)
    ones, batches = [], []
    for _ in range(repeats):
        seconds, asked = timed(1)
        ones.append(seconds)
        tell(asked)
        seconds, asked = timed(BATCH)
        batches.append(seconds)
        tell(asked)
    one, batch = statistics.median(ones), statistics.median(batches)
    return {
        "space": case.name,
        "sampler": name,
        "finished": finished,
        "one": one,
        "batch": batch,
        "ratio": batch / one,
        "first": first,
        "limit": LIMITS.get(finished),
        "ones": ones,
        "batches": batches,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="a parquet file; with --arch, --accuracy and --cost")
    parser.add_argument("--arch", help="the column of digits")
    parser.add_argument("--accuracy", help="the column of accuracies in percent")
    parser.add_argument("--cost", help="the column of the cost, small is better")
    parser.add_argument("--space", default="mobile", help="a space, by name or file; none: the table alone")
    parser.add_argument("--samplers", default="surrogate,ageing,local,tpe,nsga2", help=f"of {', '.join(SAMPLERS)}")
    parser.add_argument("--finished", default="200,2000", help="trials that are finished, with commas")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    columns = (options.table, options.arch, options.accuracy, options.cost)
    if any(columns) and not all(columns):
        parser.error("--table, --arch, --accuracy and --cost must be given together, but one is missing")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, but got {options.repeats}")
    try:
        finished = [int(number) for number in options.finished.split(",")]
    except ValueError:
        parser.error(f"--finished must be numbers with commas, but got {options.finished}")
    if min(finished) < 1:
        parser.error(f"--finished must be at least 1, but got {options.finished}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print(
            "warning: OMP_NUM_THREADS is not 1, so times may be those of threads in each other's way", file=sys.stderr
        )
    names = options.samplers.split(",")
    cases = []
    try:
        for name in names:
            make_sampler(name)
        if options.table:
            cases.append(table_case(*columns, max(finished)))
        if options.space != "none":
            cases.append(space_case(options.space, max(finished)))
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = []
    for case in cases:
        for name in names:
            for count in finished:
                rows.append(measure(case, name, count, options.repeats))
                told = ", ".join(f"{key} {rows[-1][key]:.4g}" for key in ("one", "batch", "first"))
                print(f"{case.name}, {name}, {count} finished: {told}", file=sys.stderr, flush=True)
    headings = {
        "space": "table or space",
        "sampler": "sampler",
        "finished": "finished",
        "one": "one ask (s)",
        "batch": f"{BATCH} asks (s)",
        "ratio": "ratio",
        "first": "first ask (s)",
        "limit": "limit of one (s)",
    }
    report("search_asking", rows, headings, environment(), options.out, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
