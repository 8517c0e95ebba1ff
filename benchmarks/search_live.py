"""Which sampler finds the better front in the same time, when networks are really trained and measured?

    python -m benchmarks.search_live --data cifar10.npz --work /tmp/live --minutes 60

One study, each sampler with several seeds, seed by seed and sampler by sampler in turn, so that what slows the machine
for a while slows all. Each search has as many trials as it can train in `--minutes` of wall time, Ray's start and
measurements included, and is then stopped as Ctrl-C does; what was in training then does not count. Baselines and
finalists are left out. Everything goes to `--work` as ordinary results folders: what is finished is not run again, and
what was cut goes on for the time it has left. The table is that of `nas compare`: hypervolumes of all searches from one
reference point.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import environment, report
from nas.errors import NasError
from nas.search import make_sampler
from nas.store.files import read_json, write_json
from nas.study.comparing import compare_studies
from nas.study.config import StudyConfig, read_study

ENDLESS = 1_000_000  # trials: time ends a search
SAVED_EVERY_S = 5.0
SPENT = "spent.json"  # beside the results folder: seconds that its search has had
INTERRUPTED = 130


class Run(NamedTuple):
    """One search: its sampler, its seed, and where it is."""

    sampler: str
    seed: int
    folder: Path

    @property
    def spent(self) -> float:
        """Seconds that it has had so far."""
        return float((read_json(self.spent_file) or {}).get("seconds", 0.0))

    @property
    def spent_file(self) -> Path:
        return self.folder.parent / f"{self.folder.name}-{SPENT}"


def runs_of(samplers: Sequence[str], seeds: int, work: Path) -> list[Run]:
    """All of them, in turn."""
    return [
        Run(sampler, seed, work / f"{sampler.replace(':', '.')}-{seed}")
        for seed in range(seeds)
        for sampler in samplers
    ]


def study_of(options: argparse.Namespace, run: Run) -> StudyConfig:
    """Raises `NasError`."""
    overrides: dict[str, Any] = {
        "data.path": str(options.data.resolve()) if options.data else None,
        "search.sampler": run.sampler,
        "search.options": {},
        "search.seed": run.seed,
        "search.trials": ENDLESS,
        "baselines": [],
        "finalists.count": 0,
    }
    config = read_study(options.study, overrides)
    if config.evaluator is not None:
        raise NasError(f"{options.study} must train networks, but it is answered from a table; use `nas search` for it")
    return config


def search_for(config: StudyConfig, run: Run, seconds: float) -> None:
    """Search, or go on, until it has had so many seconds. Raises `NasError`; KeyboardInterrupt if stopped before."""
    from nas.cli.live import LiveProgress
    from nas.cli.stopping import stoppable
    from nas.study.open import open_study
    from nas.study.run import run_study

    opened = open_study(config, results=run.folder.parent)
    before, began, saved = run.spent, time.monotonic(), 0.0

    def spent() -> float:
        return before + time.monotonic() - began

    def save() -> None:
        write_json(run.spent_file, {"seconds": round(spent(), 1)})

    with LiveProgress(f"{run.sampler}, seed {run.seed}") as live, stoppable(), _alarm(seconds - before):

        def tell(progress: Any) -> None:
            nonlocal saved
            looks = {"asked": progress.done + progress.running, "eta_s": max(0.0, seconds - spent())}
            live.update(replace(progress, **looks))
            if time.monotonic() - saved > SAVED_EVERY_S:
                saved = time.monotonic()
                save()

        try:
            run_study(opened, run.folder, tell)
        except KeyboardInterrupt:
            if spent() < seconds:
                save()
                raise
    write_json(run.spent_file, {"seconds": max(seconds, round(spent(), 1))})


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """After so many seconds this process ends as by Ctrl-C, also where a shell made it deaf to that."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, max(0.01, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def summarize(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row a sampler with medians and extremes, and what `nas compare` says. Raises `NasError`."""
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(run.sampler, []).append(str(run.folder))
    try:
        found = compare_studies([f"{sampler}={','.join(folders)}" for sampler, folders in groups.items()])
    except NasError as error:
        raise NasError(f"{error}; with more --minutes the same searches go on") from error
    rows = []
    for group in found.groups:
        row: dict[str, Any] = {"sampler": group.label, "seeds": len(group.rows)}
        for key in ("hypervolume", "best", "trained", "proposed", "training_seconds"):
            values = [each[key] for each in group.rows if each[key] is not None]
            row[key] = statistics.median(values) if values else None
            row[f"{key} of each"] = [each[key] for each in group.rows]
        rows.append(row)
    said = {f"said {number}": sentence for number, sentence in enumerate(found.said, 1)}
    return rows, {"reference": dict(found.reference), **said}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the table has it: the extremes under the median."""

    def cell(key: str) -> Any:
        values = [value for value in row.get(f"{key} of each", ()) if value is not None]
        if not values:
            return row[key]
        return f"{row[key]:.4g}\n{min(values):.4g} - {max(values):.4g}"

    return {key: cell(key) for key in row if not key.endswith(" of each")}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    samplers = options.samplers.split(",")
    runs = runs_of(samplers, options.seeds, options.work)
    seconds = 60 * options.minutes
    try:
        for sampler in samplers:
            if sampler == "auto":
                raise NasError("a sampler must be named, but got auto, which goes by trials; here time ends a search")
            make_sampler(sampler)
        if options.only is not None:
            run = runs[options.only]
            search_for(study_of(options, run), run, seconds)
            return 0
        study_of(options, runs[0])
        left = [run for run in runs if run.spent < seconds]
        if options.dry_run:
            return _dry_run(runs, left, seconds, options.json)
        options.work.mkdir(parents=True, exist_ok=True)
        for number, run in enumerate(left, 1):
            print(f"{number} of {len(left)}: {run.sampler}, seed {run.seed}", file=sys.stderr, flush=True)
            if (code := _apart(options, runs.index(run))) != 0:
                return code
        rows, summary = summarize(runs)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    columns = {
        "sampler": "sampler",
        "seeds": "seeds",
        "hypervolume": "hypervolume",
        "best": "best within budget",
        "trained": "trained",
        "proposed": "proposed",
        "training_seconds": "training (s)",
    }
    title = f"search_live: {options.study}, {options.minutes:g} minutes each (median, least and most of the seeds)"
    settings = {"study": str(options.study), "minutes": options.minutes, "seeds": options.seeds}
    report(
        title,
        rows,
        columns,
        environment() | {"settings": settings},
        options.out,
        summary=summary,
        as_json=options.json,
        shown=[shown(row) for row in rows],
    )
    return 0


def _apart(options: argparse.Namespace, index: int) -> int:
    """Run one search in a process of its own; its exit code. Ctrl-C reaches it too, and it is waited for."""
    command = [sys.executable, "-m", "benchmarks.search_live", "--only", str(index), "--work", str(options.work)]
    command += ["--study", str(options.study), "--samplers", options.samplers, "--seeds", str(options.seeds)]
    command += ["--minutes", str(options.minutes), *(["--data", str(options.data)] if options.data else [])]
    process = subprocess.Popen(command, stdout=sys.stderr)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def _dry_run(runs: Sequence[Run], left: Sequence[Run], seconds: float, as_json: bool) -> int:
    to_go = sum(seconds - run.spent for run in left)
    plan = {
        "searches": [{"sampler": run.sampler, "seed": run.seed, "spent": run.spent} for run in runs],
        "finished": len(runs) - len(left),
        "seconds": to_go,
    }
    if as_json:
        print(json.dumps(plan, indent=1))
        return 0
    for run in runs:
        print(f"{run.sampler}, seed {run.seed}: {run.spent / 60:.1f} of {seconds / 60:.1f} minutes done")
    print(f"about {to_go / 60:.0f} minutes to go, and about half a minute a search to begin and to end")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="cifar10_latency", help="a study that trains, by file or shipped name")
    parser.add_argument("--data", type=Path, help="the data set's file or folder")
    parser.add_argument("--work", type=Path, required=True, help="folder for the searches; a run that was cut goes on")
    parser.add_argument("--samplers", default="surrogate,tpe,random", help="with commas")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each sampler")
    parser.add_argument("--minutes", type=float, default=60.0, help="wall time of each search")
    parser.add_argument("--dry-run", action="store_true", help="say what is left to do and how long it will take")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)  # one search, in this process
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.minutes <= 0:
        parser.error(f"--seeds and --minutes must be positive, but got {options.seeds} and {options.minutes:g}")
    if options.only is None and options.seeds * len(options.samplers.split(",")) < 2:
        parser.error("at least two searches must be compared: name more samplers or seeds")
    return options


if __name__ == "__main__":
    sys.exit(main())
