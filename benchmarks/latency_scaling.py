"""Scaling for a latency against scaling by MACs: which network is more accurate within the same budget on this device?

    python -m benchmarks.latency_scaling --study /tmp/scaling --work /tmp/latency_scaling --data cifar10.npz

From what `benchmarks.scaling` (or `nas scale grid`, `nas scale compare`) has trained, for each runtime and budget: the
depth, width and resolution of least expected error whose latency is within the budget, by a predictor learnt from
scaled networks measured on the device and then by measurement; and compound scaling, which counts MACs only
(EfficientNet's alpha 1.2, beta 1.1, gamma 1.15), taken as far as its measured latency allows. Both are trained with
every seed by that study's recipe and measured again in fresh processes, by turns. Budgets are multiples of the base's
latency. Everything goes to `--work`, so that a run that was cut goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, environment, report
from nas.arch import Plan
from nas.cli.live import LiveProgress
from nas.errors import NasError
from nas.measure import Device, Meter, check_device
from nas.scale import Factors, largest_within, realised
from nas.scale.noise import winner
from nas.scale.surface import Surface
from nas.space import decided_plan
from nas.study.ladder import CLOSE_MS, Rising
from nas.study.open import OpenStudy
from nas.study.results import open_results, stored_plan
from nas.study.run import run_networks
from nas.study.scaling_best import MEASURED, Bounds, Family, Latency, find_best, spread_out, surface_of, within
from nas.study.scaling_fit import runs_against
from nas.study.scaling_networks import Entry, costs, scaled_entry, to_train
from nas.study.scaling_report import reopened
from nas.study.scaling_run import runs_of

AWARE, COMPOUND = "for the latency", "compound by MACs"
ROUNDS = 3  # measurements of each network in fresh processes
COLUMNS = {
    "case": "runtime, budget (ms)", "method": "scaled", "depth": "depth", "width": "width", "side": "pixels",
    "params": "params", "macs": "MACs", "latency": "latency (ms)", "expected": "expected (%)",
    "accuracy": "accuracy (%)", "seeds": "by seed (%)",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """The two networks within one budget on one device."""

    device: Device
    budget_ms: float
    entries: dict[str, Entry]

    @property
    def name(self) -> str:
        return f"{self.device.runtime}, {self.budget_ms:.3g}"


def main() -> None:
    options = _options()
    results = open_results(str(options.study))
    study = reopened(results, {"data.path": str(options.data.resolve())} if options.data else {})
    base = decided_plan(study.space)
    runs = runs_against([results], "macs", "accuracy")
    surface, bounds = surface_of(runs, base, partial(stored_plan, results))
    cases = [case for runtime in options.runtimes for case in _cases(study, base, surface, bounds, runtime, options)]
    entries = [entry for case in cases for entry in case.entries.values()]
    with LiveProgress(f"{len(entries)} networks, {options.seeds} seeds -> {options.work}") as live:
        finished = run_networks(study, options.work, to_train(entries, options.seeds), live.update)
    accuracies = {
        arch_id: [record.values["accuracy"] for record in records]
        for arch_id, records in runs_of(finished.records).items()
    }
    rows = [row for case in cases for row in _rows(case, base, surface, accuracies)]
    summary = {
        case.name: winner({name: accuracies[entry.plan.arch_id] for name, entry in case.entries.items()}).sentence(
            "ways to scale"
        )
        for case in cases
    }
    title = f"{base.name} scaled for a latency and by MACs: {options.seeds} seeds, validation accuracy"
    report(title, rows, COLUMNS, environment(), options.out, summary=summary, as_json=options.json)


def _cases(
    study: OpenStudy, base: Plan, surface: Surface, bounds: Bounds, runtime: str, options: argparse.Namespace
) -> Iterator[Case]:
    """The networks of every budget on one runtime."""
    device = Device(name=f"cpu_{runtime}", runtime=runtime)
    check_device(device)
    family, rising = Family(base, "fast"), Rising(base)
    with Meter(device, study.config.measure) as meter:
        latency = Latency(meter, [base, *spread_out(family, bounds, MEASURED)])
        for factor in options.budgets:
            budget = factor * latency.measured(base)
            found, _ = within(
                lambda asked: find_best(surface, bounds, family, latency.predicted, asked), latency.measured, budget
            )
            compound = largest_within(rising.at, latency.measured, budget, "ms", close=CLOSE_MS).scaled
            label = f"{runtime} {factor:g}x"
            yield Case(device, budget, {
                AWARE: scaled_entry(f"{AWARE}, {label}", found.entry.plan, _factors(found.entry), method=AWARE),
                COMPOUND: scaled_entry(
                    f"{COMPOUND}, {label}", compound.plan, compound.factors or Factors(), method=COMPOUND
                ),
            })  # fmt: skip


def _factors(entry: Entry) -> Factors:
    return Factors(*(entry.about[name] for name in ("depth", "width", "resolution")))


def _rows(case: Case, base: Plan, surface: Surface, accuracies: dict[str, list[float]]) -> list[dict[str, Any]]:
    """A row for each network: costs, latency of the middle of its measurements, accuracy expected and trained."""
    measured: dict[str, list[Any]] = {name: [] for name in case.entries}
    with Meter(case.device) as meter:
        for _ in range(ROUNDS):
            for name, entry in case.entries.items():
                measured[name].append(meter.measure(entry.plan.architecture, fresh=True))
    rows = []
    for name, entry in case.entries.items():
        middle = sorted(measured[name], key=lambda each: each.p50)[ROUNDS // 2]
        built = realised(base, entry.plan)
        point = built.depth, built.width, built.resolution
        error, low, high = (min(1.0, float(each[0])) for each in surface.predict([point]))
        seeds = accuracies[entry.plan.arch_id]
        rows.append({
            **costs([entry])[0],
            "depth": built.depth,
            "width": built.width,
            "case": case.name,
            "latency_ms": middle.p50,
            "latency": f"{middle.p50:.3f} [{middle.low:.3f}, {middle.high:.3f}]" + ("" if middle.trusted else " ?"),
            "expected": f"{100 * (1 - error):.1f} [{100 * (1 - high):.1f}, {100 * (1 - low):.1f}]",
            "accuracy": f"{100 * sum(seeds) / len(seeds):.1f}",
            "seeds": " ".join(f"{100 * value:.1f}" for value in seeds),
        })  # fmt: skip
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, required=True, help="results folder of trained scaled networks")
    parser.add_argument("--work", type=Path, required=True, help="results folder for the networks found")
    parser.add_argument("--data", type=Path, help="the study's data, where it has moved")
    parser.add_argument("--runtimes", nargs="+", default=["eager", "onnxruntime"])
    parser.add_argument("--budgets", nargs="+", type=float, default=[1.5, 2.5], help="times the base's latency")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "latency_scaling.json", help="results file")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
