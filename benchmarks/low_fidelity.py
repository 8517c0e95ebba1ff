r"""What rungs save: the time to the hypervolume of a search that trains every network to the end, on a recorded table.

    python -m benchmarks.low_fidelity --table FILE.parquet --arch COLUMN --accuracy COLUMN --low COLUMN \
        --cost COLUMN --seconds COLUMN

The table is one for `search_quality`, with two columns more: the accuracy after a short training (`--low`, after
`--low-epochs`), and the seconds of an epoch. Workers share a simulated clock. First each of the `--full` samplers
trains `--trainings` networks for all `--epochs`. The best of them (by the median of the last hypervolumes) is what
searches with rungs are compared with, seed by seed: `share` is the time until the networks that a search has trained to
the end have that hypervolume, divided by the time that the best took for all its trainings. A search that has not got
there after `--most` times that time counts as infinite, which is shown as a dash.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from benchmarks.askers import decisions_of, numbered
from benchmarks.common import environment, report
from benchmarks.recorded import Score, Table, TableError
from nas.errors import NasError, nearest
from nas.search import make_sampler
from nas.search.promotions import Promotions
from nas.search.replaying import ReplayingSampler
from nas.search.rungs import Rungs, Scheduler, Standings
from nas.store.attributes import PROMOTED, RUNGS

PATIENCE = 20  # asks in a row for networks that are known, after which one is drawn that is not
SHARES = (1 / 3, 1 / 2)


@dataclass(frozen=True)
class Fidelities:
    """A table with what a short training gives. Times are in seconds; `names` are as in `Known`."""

    table: Table
    low: np.ndarray
    seconds: np.ndarray
    epochs: tuple[int, int]
    names: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, options: argparse.Namespace) -> Fidelities:
        """Raises `TableError`."""
        table = Table.read(options.table, options.arch, options.accuracy, options.cost)
        frame = pd.read_parquet(options.table)
        for column in (options.low, options.seconds):
            if column not in frame:
                raise TableError(
                    f"{options.table} has no column '{column}'; {nearest(column, map(str, frame.columns))}"
                )
        low, seconds = 100 - frame[options.low].to_numpy(float), frame[options.seconds].to_numpy(float)
        if not np.isfinite(low).all() or not (np.isfinite(seconds) & (seconds > 0)).all():
            raise TableError(f"{options.table}: '{options.low}' must be finite, and '{options.seconds}' above zero")
        names = decisions_of(options.space, table.choices) if options.space else numbered(table.choices)
        low = np.column_stack([low, table.values[:, 1]])
        return cls(table, low, seconds, (options.low_epochs, options.epochs), names)

    def values(self, row: int, epoch: int) -> list[float]:
        """Error and cost, small is better."""
        found = self.table.values if epoch == self.epochs[1] else self.low
        return [float(value) for value in found[row]]


@dataclass
class Search:
    """One search on a simulated clock; `curve` has the time and the hypervolume after each full training."""

    fidelities: Fidelities
    score: Score
    study: optuna.Study
    rungs: Rungs
    scheduler: Scheduler
    workers: int
    seed: int
    clock: float = 0.0
    asking: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)
    trials: dict[int, optuna.Trial] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    full: list[int] = field(default_factory=list)
    paused: set[int] = field(default_factory=set)

    def run(self, *, networks: int, until: float = np.inf) -> None:
        """Until so many networks were begun and all is done, or the clock is there; what ends later is left out."""
        order = itertools.count()
        rng = random.Random(self.seed)
        waiting: list[tuple[float, int, int, int]] = []
        while True:
            while len(waiting) < self.workers and (job := self._next(networks, rng, not waiting)) is not None:
                trial, begun, epoch = job
                seconds = (epoch - begun) * self.fidelities.seconds[self.rows[trial]]
                heapq.heappush(waiting, (self.clock + seconds, next(order), trial, epoch))
            if not waiting or waiting[0][0] > until:
                return
            self.clock, _, trial, epoch = heapq.heappop(waiting)
            further = self._report(trial, epoch)
            if further is not None:
                seconds = (further - epoch) * self.fidelities.seconds[self.rows[trial]]
                heapq.heappush(waiting, (self.clock + seconds, next(order), trial, further))

    def _next(self, networks: int, rng: random.Random, idle: bool) -> tuple[int, int, int] | None:
        """What a free worker trains: a trial, from which epoch, and to which."""
        ending = len(self.rows) >= min(networks, len(self.fidelities.table.rows))
        promoted = self.scheduler.next(self.paused, last=ending and idle, prefer=self._prefer)
        if promoted is not None:
            passed = self.scheduler.passed(promoted)
            assert passed is not None
            self.scheduler.promote(promoted)
            self.paused.remove(promoted)
            begun = self.rungs.epochs[passed]
            self.trials[promoted].set_user_attr(PROMOTED, str(begun))
            return promoted, begun, self.scheduler.until(promoted)
        if ending:
            return None
        return self._ask(rng), 0, self.rungs.epochs[0]

    def _prefer(self, trials: Sequence[int]) -> int | None:
        sampler = self.study.sampler
        return sampler.promising(self.study, trials) if isinstance(sampler, ReplayingSampler) else None

    def _ask(self, rng: random.Random) -> int:
        """A trial for a network that is not known yet; repeats are told what is known and cost nothing."""
        table, names, known = self.fidelities.table, self.fidelities.names, set(self.rows.values())
        for tries in itertools.count():
            if tries == PATIENCE:
                code = rng.choice([code for code, row in table.rows.items() if row not in known])
                self.study.enqueue_trial(
                    {
                        name: {its: value for value, its in values.items()}[digit]
                        for (name, values), digit in zip(names.items(), code, strict=True)
                    }
                )
            began = time.perf_counter()
            trial = self.study.ask()
            digits = [values[trial.suggest_categorical(name, list(values))] for name, values in names.items()]
            self.asking += time.perf_counter() - began
            row = table.rows.get("".join(digits))
            if row is not None and row not in known:
                self.trials[trial.number], self.rows[trial.number] = trial, row
                return trial.number
            self.study.tell(trial, state=TrialState.FAIL)
        raise AssertionError

    def _report(self, trial: int, epoch: int) -> int | None:
        """Enter what a trial has reached; the epoch that it goes on to without a pause."""
        row = self.rows[trial]
        values = self.fidelities.values(row, epoch)
        verdict = self.scheduler.enter(trial, epoch, tuple(-value for value in values))
        if epoch == self.rungs.total:
            self.study.tell(self.trials[trial], values)
            self.full.append(row)
            self.curve.append((self.clock, self.score.hypervolume(self.full)))
            return None
        self.trials[trial].set_user_attr(RUNGS, {str(epoch): values})
        if verdict == "pause":
            self.paused.add(trial)
        if verdict == "stop":
            self.study.tell(self.trials[trial], state=TrialState.PRUNED)
        if verdict != "go on":
            return None
        self.trials[trial].set_user_attr(PROMOTED, str(epoch))
        return self.rungs.total


def begin(
    fidelities: Fidelities, score: Score, sampler: str, way: str, reduction: float, workers: int, seed: int
) -> Search:
    """A search that trains all to the end (`full`), or stops or promotes at one rung."""
    rungs = Rungs(fidelities.epochs[1:] if way == "full" else fidelities.epochs, reduction)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make_sampler(sampler, seed=seed))
    scheduler: Scheduler = Promotions(rungs) if way == "promote" else Standings(rungs)
    return Search(fidelities, score, study, rungs, scheduler, workers, seed)


def reached(search: Search, hypervolume: float) -> float:
    """Seconds until the fully trained networks had that hypervolume, infinite where they never had."""
    return next((at for at, value in search.curve if value >= hypervolume), float("inf"))


def compare(fidelities: Fidelities, score: Score, options: argparse.Namespace, workers: int) -> list[dict[str, Any]]:
    """A row for each sampler and way, that of the best full one first."""
    seeds = range(options.seeds)
    full: dict[str, list[Search]] = {}
    for sampler in options.full:
        for seed in seeds:
            search = begin(fidelities, score, sampler, "full", 1, workers, seed)
            search.run(networks=options.trainings)
            full.setdefault(sampler, []).append(search)
            _tell(workers, sampler, "full", search)
    best = max(full, key=lambda sampler: statistics.median(search.curve[-1][1] for search in full[sampler]))
    goals = [(search.clock, search.curve[-1][1]) for search in full[best]]
    rows = [_row(sampler, "full", workers, full[sampler], goals) for sampler in sorted(full, key=lambda s: s != best)]
    for sampler, way in itertools.product(options.samplers, options.ways):
        searches = []
        for seed, (seconds, _) in zip(seeds, goals, strict=True):
            search = begin(fidelities, score, sampler, way, options.reduction, workers, seed)
            search.run(networks=sys.maxsize, until=options.most * seconds)
            searches.append(search)
            _tell(workers, sampler, way, search)
        rows.append(_row(sampler, way, workers, searches, goals))
    return rows


def _row(
    sampler: str, way: str, workers: int, searches: Sequence[Search], goals: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """Medians over seeds, and the quartiles of the share of the time."""
    each = []
    for search, (seconds, target) in zip(searches, goals, strict=True):
        share = reached(search, target) / seconds
        found = {"seed": search.seed, "share": share, "begun": len(search.rows), "full": len(search.full)}
        for part in SHARES:
            values = [value for at, value in search.curve if at <= part * seconds]
            found[f"hv@{part:.2f}"] = values[-1] if values else 0.0
        each.append(found | {"hv": search.curve[-1][1] if search.curve else 0.0, "asking": search.asking})
    row = {key: statistics.median(one[key] for one in each) for key in each[0] if key != "seed"}
    low, high = np.percentile([one["share"] for one in each], [25, 75], method="nearest")
    row |= {"share_25": float(low), "share_75": float(high)}
    said = {"sampler": sampler, "way": way, "workers": workers, **_in_json(row)}
    return said | {"each": [_in_json(one) for one in each]}


def _in_json(values: dict[str, float]) -> dict[str, float | None]:
    """None for what is infinite, which JSON does not know."""
    return {key: value if np.isfinite(value) else None for key, value in values.items()}


def _tell(workers: int, sampler: str, way: str, search: Search) -> None:
    last = search.curve[-1][1] if search.curve else 0.0
    text = f"{workers} workers, {sampler}, {way}, seed {search.seed}: {len(search.rows)} networks"
    print(f"{text}, {len(search.full)} to the end, hypervolume {last:.4f}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="a parquet file")
    parser.add_argument("--arch", required=True, help="the column of digits")
    parser.add_argument(
        "--accuracy", required=True, help="the column of accuracies in percent after the whole training"
    )
    parser.add_argument("--low", required=True, help="the same after the short training")
    parser.add_argument("--cost", required=True, help="the column of the cost, small is better")
    parser.add_argument("--seconds", required=True, help="the column of the seconds of an epoch")
    parser.add_argument("--space", help="a space, by name or file, whose decisions in their order are the digits")
    parser.add_argument("--low-epochs", type=int, default=12, help="epochs of the short training (%(default)s)")
    parser.add_argument("--epochs", type=int, default=200, help="epochs of the whole training (%(default)s)")
    parser.add_argument("--full", default="surrogate,tpe,random", help="samplers without rungs (%(default)s)")
    parser.add_argument("--samplers", default="surrogate,tpe,random", help="samplers with rungs (%(default)s)")
    parser.add_argument("--ways", default="stop,promote", help="stop, promote, or both (%(default)s)")
    parser.add_argument("--reduction", type=float, default=8, help="one in so many goes on at the rung (%(default)s)")
    parser.add_argument("--trainings", type=int, default=200, help="networks of a search without rungs (%(default)s)")
    parser.add_argument("--workers", default="1,4", help="trainers at a time (%(default)s)")
    parser.add_argument(
        "--most", type=float, default=0.5, help="times the time of the best, to search with rungs (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=10, help="searches of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    for key in ("full", "samplers", "ways", "workers"):
        setattr(options, key, getattr(options, key).split(","))
    if wrong := set(options.ways) - {"stop", "promote"}:
        parser.error(f"--ways must be stop, promote or both, but got {', '.join(sorted(wrong))}")
    if not all(each.isdecimal() and int(each) for each in options.workers):
        parser.error(f"--workers must be numbers from 1, but got {','.join(options.workers)}")
    if min(options.seeds, options.trainings) < 1 or options.reduction < 1 or options.most <= 0:
        parser.error("--seeds, --trainings and --reduction must be at least 1, and --most above 0")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        Rungs((options.low_epochs, options.epochs))
        fidelities = Fidelities.read(options)
        score = Score(fidelities.table)
        for name in (*options.full, *options.samplers):
            make_sampler(name)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [row for workers in options.workers for row in compare(fidelities, score, options, int(workers))]
    columns = [
        "workers",
        "sampler",
        "way",
        "share",
        "share_25",
        "share_75",
        *(f"hv@{part:.2f}" for part in SHARES),
        "hv",
    ]
    title = f"low_fidelity: {options.table.name}, {options.accuracy} and {options.cost}, {options.low} at the rung"
    keys = ("space", "accuracy", "low", "cost", "seconds", "reduction", "trainings", "seeds", "most")
    summary = {"table": options.table.name, **{key: getattr(options, key) for key in keys}}
    shown = [*columns, "begun", "full", "asking"]
    report(title, rows, shown, environment(), options.out, summary=summary, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
