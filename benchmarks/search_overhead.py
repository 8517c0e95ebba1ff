"""What the search engine costs beside training: seconds a trial with Ray Tune, and how ask + gate + tell grow.

    python -m benchmarks.search_overhead

Part `ray`: 200 trials whose training does nothing, engine and Ray Tune, two at a time, wall time all included and peak
memory of the driver. The other parts: up to 2,000 trials with the in-process runner's calls (take, report), block by
block in turn with bare Optuna (ask, suggest, set_constraint, tell on Optuna's own journal file) with the same sampler,
the same 30 parameters, two objectives and one constraint. The objectives are random numbers, so that no sampler settles
on networks that it drew before, which only the engine would refuse.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, Spread, environment, report, spread
from nas.arch import Block, Fields, MapShape, Plan, Span, Step

TRIALS = 200
GROWTH = {"random": 2000, "nsga2": 2000, "tpe": 400}
BLOCK = 50
OBJECTIVES = ["maximize accuracy", "minimize loss"]
BUDGET = "macs <= 1000"


@dataclass(frozen=True)
class Choice:
    """One of the 30 decisions."""

    name: str
    values: tuple[Any, ...] = (3, 5, 7, 9)
    kind: str = "choice"
    train: bool = False
    continuous: bool = False
    log: bool = False


class FlatSpace:
    """30 decisions of four labels each; every decision vector is a network of one block."""

    decisions = tuple(Choice(f"s{stage}.{index}.kernel") for stage in range(5) for index in range(6))
    cost_constraints = ()

    def walk(self, draw: Callable[[Choice], Any]) -> dict[str, Any]:
        return {choice.name: draw(choice) for choice in self.decisions}

    def sample(self, rng: random.Random) -> dict[str, Any]:
        return self.walk(lambda choice: rng.choice(choice.values))

    def neighbours(self, decisions: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for choice in self.decisions:
            for value in choice.values:
                yield {**decisions, choice.name: value}

    def decode(self, decisions: Mapping[str, Any]) -> Plan:
        shape = MapShape(8, 8, 8)
        step = Step(Block("flat", Fields(decisions)), shape, shape)
        return Plan("flat", shape, 10, (step,), (Span("s1", 0, 1),))


def price(plan: Plan) -> dict[str, float]:
    return {"macs": float(sum(value for value in plan.steps[0].block.fields.values() if isinstance(value, int)))}


class NoWork:
    """One report, at once."""

    def open(self, job: Mapping[str, Any]) -> NoSession:
        return NoSession()


class NoSession:
    """The session of `NoWork`."""

    def __iter__(self) -> Iterator[Mapping[str, float]]:
        yield {"epoch": 1, "accuracy": 0.5, "loss": 0.5}

    def close(self) -> None:
        pass


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ray_part(trials: int) -> dict[str, Any]:
    from nas.schedule import Resources, cluster, run
    from nas.search import Engine, SpaceProposals
    from nas.store import Results

    before = time.perf_counter()
    resources = Resources(concurrent=2)
    with tempfile.TemporaryDirectory() as folder, cluster(resources):
        up = time.perf_counter()
        results = Results(Path(folder) / "study")
        marks: list[tuple[float, int]] = []
        with results.driving():
            engine = Engine(
                results,
                SpaceProposals(FlatSpace(), "random"),
                price=price,
                objectives=OBJECTIVES,
                budgets=[BUDGET],
                trials=trials,
            )
            progress = run(
                engine,
                NoWork(),
                resources,
                on_progress=lambda p: marks.append((time.perf_counter(), p.done)),
                every_s=0.0,
            )
        done = time.perf_counter()
        assert progress.complete == trials
    end = time.perf_counter()
    first = next(moment for moment, count in marks if count > 0)
    return {
        "trials": trials,
        "s_per_trial": (done - up) / trials,
        "s_per_trial_with_ray_start": (end - before) / trials,
        "s_per_trial_steady": (marks[-1][0] - first) / (trials - 1),
        "ray_start_s": up - before,
        "peak_mb": peak_mb(),
    }


def growth_part(sampler: str, trials: int) -> dict[str, Any]:
    """Blocks of engine trials and of bare Optuna trials in turn; milliseconds of each trial."""
    import optuna

    from nas.search import Engine, SpaceProposals, make_sampler
    from nas.store import Results

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        results = Results(Path(folder) / "study")
        backend = optuna.storages.journal.JournalFileBackend(str(Path(folder) / "bare.log"))
        study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            sampler=make_sampler(sampler),
            directions=["maximize", "minimize"],
        )
        engine = Engine(
            results,
            SpaceProposals(FlatSpace(), sampler),
            price=price,
            objectives=OBJECTIVES,
            budgets=[BUDGET],
            trials=trials,
            look_ahead=0,
        )
        rng = random.Random(0)
        with results.driving(), engine:
            while len(ours) < trials:
                for _ in range(BLOCK):
                    ours.append(_engine_trial(engine, rng))
                for _ in range(BLOCK):
                    bare.append(_bare_trial(study, rng))
        size = results.journal_file.stat().st_size
    return {"sampler": sampler, "ours_ms": ours, "bare_ms": bare, "peak_mb": peak_mb(), "journal_mb": size / 1e6}


def _engine_trial(engine: Any, rng: random.Random) -> float:
    accuracy, loss = rng.random(), rng.random()
    start = time.perf_counter()
    candidate = engine.take(wait=True)
    engine.report(candidate.trial, {"epoch": 1, "accuracy": accuracy, "loss": loss})
    return (time.perf_counter() - start) * 1e3


def _bare_trial(study: Any, rng: random.Random) -> float:
    accuracy, loss = rng.random(), rng.random()
    start = time.perf_counter()
    trial = study.ask()
    values = [trial.suggest_categorical(choice.name, choice.values) for choice in FlatSpace.decisions]
    macs = float(sum(values))
    trial.set_constraint(BUDGET, macs - 1000)
    study.tell(trial, [accuracy, loss])
    return (time.perf_counter() - start) * 1e3


def growth_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last 100 trials before each mark."""
    rows = []
    for mark in (100, 400, 500, 1000, 2000):
        if mark <= len(result["ours_ms"]):
            ours, bare = (spread(result[key][mark - 100 : mark]) for key in ("ours_ms", "bare_ms"))
            rows.append(
                row(f"{result['sampler']} at trial {mark}", ours=ours, bare=bare, ratio=ours.median / bare.median)
            )
    rows[-1] |= {"peak_mb": result["peak_mb"], "journal_mb": result["journal_mb"]}
    return rows


def row(what: str, *, ours: Spread | None = None, bare: Spread | None = None, **rest: Any) -> dict[str, Any]:
    return {"what": what, "ours_ms": ours, "bare_ms": bare, **rest}


def child(*arguments: str) -> Any:
    """Run one part in a process of its own, whose peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.search_overhead", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--part", choices=["ray", *GROWTH], help="only this part, as JSON")
    parser.add_argument("--trials", type=int, help="of the part")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    if arguments.part == "ray":
        print(json.dumps(ray_part(arguments.trials or TRIALS)))
        return
    if arguments.part:
        print(json.dumps(growth_part(arguments.part, arguments.trials or GROWTH[arguments.part])))
        return
    found = environment()
    ray = [child("--part", "ray") for _ in range(3)]
    per_trial = spread(one["s_per_trial"] for one in ray)
    steady = spread(one["s_per_trial_steady"] for one in ray)
    rows = [
        row(f"Ray Tune, {TRIALS} trials: s a trial, start and end of trainers included", s=per_trial),
        row("the same, from the first to the last trial told", s=steady, peak_mb=max(one["peak_mb"] for one in ray)),
        row("the same, with starting and stopping Ray", s=spread(one["s_per_trial_with_ray_start"] for one in ray)),
    ]
    growth = {sampler: growth_rows(child("--part", sampler)) for sampler in GROWTH}
    last = growth["random"][-1]
    report(
        "search_overhead",
        rows + [one for found_rows in growth.values() for one in found_rows],
        {
            "what": "what",
            "s": "s a trial",
            "ours_ms": "ask+gate+tell, ms",
            "bare_ms": "bare Optuna, ms",
            "ratio": "ratio",
            "peak_mb": "peak MB",
            "journal_mb": "journal MB",
        },
        found,
        RESULTS / "search_overhead.json",
        summary={
            "ray_s_per_trial": per_trial.median,
            "driver_peak_mb": max(one["peak_mb"] for one in ray),
            "random_at_2000_ms": last["ours_ms"].median,
            "ratios_to_bare": {sampler: round(found_rows[-1]["ratio"], 3) for sampler, found_rows in growth.items()},
        },
        as_json=arguments.json,
    )


if __name__ == "__main__":
    main()
