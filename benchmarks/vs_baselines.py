"""Best searched network against the best known network of the same measured latency, same recipe, several seeds.

    python -m benchmarks.vs_baselines --data cifar10.npz --work /tmp/vs --out benchmarks/results/vs_baselines.json

The two budgets are the measured latencies of two known networks (the anchors). For each budget a search finds a network
on the training images alone (a part of them held out for validation); it and all known networks are then trained from
nothing, by the same recipe, with the same seeds, and compared on test images that no choice has seen. Everything goes
to `--work` as ordinary results folders, so that a run that was cut goes on where it stopped.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, environment, report
from nas.cli.live import LiveProgress
from nas.measure import Meter
from nas.report import best
from nas.search import Network
from nas.store import Record, Results
from nas.study.config import StudyConfig, read_study
from nas.study.open import OpenStudy, open_study
from nas.study.results import stored_plan
from nas.study.run import run_study, train_networks

KNOWN = ("zoo/resnet8", "zoo/resnet20", "zoo/mobilenet_v3_small", "zoo/lenet5")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    start = time.monotonic()
    base = _study(options, [], 1)
    known = _train(base, options, options.work / "known", [(name, plan) for name, plan in base.baselines.items()])
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for anchor in options.anchors:
        budget_ms = _latency(known[anchor])
        folder = options.work / anchor.replace("/", "_")
        began = time.monotonic()
        study = _study(options, [f"latency_ms <= {budget_ms:.4f}"], options.trials)
        with LiveProgress(f"{anchor}: latency_ms <= {budget_ms:.3f}") as live:
            finished = run_study(study, folder, live.update)
        found = best(finished.records, finished.study)
        if found is None:
            raise SystemExit(f"nothing within {budget_ms:.3f} ms was found")
        results = Results(folder, name=study.config.name)
        searched = _train(base, options, folder / "final", [("searched", stored_plan(results, found))])
        minutes = (time.monotonic() - began) / 60
        inside = {name: each for name, each in known.items() if _latency(each) <= budget_ms}
        rival = max(inside, key=lambda name: _mean(inside[name]))
        rows.append(_row(budget_ms, "searched", searched["searched"], minutes, len(finished.records)))
        rows += [_row(budget_ms, name, each, None, None) for name, each in sorted(known.items())]
        gap = _mean(searched["searched"]) - _mean(inside[rival])
        summary[f"at {budget_ms:.3f} ms, searched minus {rival}"] = f"{100 * gap:+.2f} points of test accuracy"
    summary["minutes in all, this run"] = round((time.monotonic() - start) / 60, 1)
    columns = {
        "budget_ms": "budget (ms)",
        "network": "network",
        "inside": "inside",
        "accuracy": "test accuracy, mean (%)",
        "spread": "sd (points)",
        "seeds": "n",
        "latency_ms": "latency (ms)",
        "macs": "MACs (M)",
        "params": "params (k)",
        "search_minutes": "search + final (min)",
        "proposals": "proposals",
    }
    settings = {
        "device": options.device,
        "images": options.limit,
        "trials": options.trials,
        "epochs": options.epochs,
        "seeds": options.seeds,
    }
    settings |= {"final_epochs": options.final_epochs, "batch_size": options.batch_size}
    title = f"CIFAR-10, searched against known networks at equal latency ({settings})"
    report(title, rows, columns, environment() | {"settings": settings}, options.out, summary=summary)


def _study(options: argparse.Namespace, budgets: list[str], trials: int) -> OpenStudy:
    overrides = {
        "data.path": str(options.data.resolve()),
        "data.limit": options.limit,
        "device": options.device,
        "budgets": [*budgets, "macs <= 1e8"],
        "search.trials": trials,
        "search.rungs": [2, 5],
        "recipe.epochs": options.epochs,
        "recipe.batch_size": options.batch_size,
        "baselines": list(KNOWN),
        "finalists.count": 0,
        "finalists.epochs": options.final_epochs,
        "run.concurrent": options.concurrent,
        "run.gpus": options.gpus,
    }
    config: StudyConfig = read_study("cifar10_latency", overrides)
    opened = open_study(config)
    return opened if not budgets else OpenStudy(**{**vars(opened), "baselines": {}})


def _train(
    study: OpenStudy, options: argparse.Namespace, folder: Path, networks: list[tuple[str, Any]]
) -> dict[str, list[Record]]:
    """Each network trained once a seed: its records by name."""
    results = Results(folder, name="known")
    jobs = [
        Network(f"{name} seed {k}", plan, {"recipe.seed": k}) for k in range(options.seeds) for name, plan in networks
    ]
    with results.driving(), Meter(study.device, study.config.measure) as meter, LiveProgress(str(folder)) as live:
        train_networks(study, results, meter, "baseline", jobs, live.update)
        records = results.records("baseline")
    return {name: [r for r in records if r.name.startswith(f"{name} seed ")] for name, _ in networks}


def _row(
    budget_ms: float, name: str, records: Sequence[Record], minutes: float | None, proposals: int | None
) -> dict[str, Any]:
    accuracies = [100 * record.values["test_accuracy"] for record in records]
    return {
        "budget_ms": budget_ms,
        "network": name,
        "inside": "yes" if _latency(records) <= budget_ms else "no",
        "accuracy": statistics.fmean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "seeds": len(accuracies),
        "latency_ms": _latency(records),
        "macs": records[0].values["macs"] / 1e6,
        "params": records[0].values["params"] / 1e3,
        "search_minutes": minutes,
        "proposals": proposals,
        "accuracies": accuracies,
        "arch_id": records[0].arch_id,
    }


def _latency(records: Sequence[Record]) -> float:
    return statistics.median(record.values["latency_ms"] for record in records)


def _mean(records: Sequence[Record]) -> float:
    return statistics.fmean(record.values["test_accuracy"] for record in records)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="npz with train_x, train_y, test_x, test_y")
    parser.add_argument("--work", type=Path, required=True, help="folder for the studies; a run that was cut goes on")
    parser.add_argument("--out", type=Path, default=RESULTS / "vs_baselines.json")
    parser.add_argument("--device", default="cpu", help="where latency counts: cpu, cuda or a device file")
    parser.add_argument("--limit", type=int, default=10_000, help="images of each split")
    parser.add_argument("--trials", type=int, default=24, help="networks a search trains")
    parser.add_argument("--epochs", type=int, default=10, help="of a candidate that goes all the way")
    parser.add_argument("--batch-size", type=int, default=64, help="images at a time in training")
    parser.add_argument("--final-epochs", type=int, default=15, help="of the networks compared")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--anchors", nargs="+", default=["zoo/resnet8", "zoo/resnet20"], choices=KNOWN)
    parser.add_argument("--concurrent", type=int, default=2)
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs a trial")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
