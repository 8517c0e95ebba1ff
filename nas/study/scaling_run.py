"""Scaled networks trained by one recipe and set beside each other: from a study's file to the table and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from nas.arch import Plan
from nas.errors import NasError
from nas.report.scaling_page import scaling_page
from nas.scale.noise import Verdict, winner
from nas.space import decided_plan, network_tree
from nas.store import Record
from nas.store.files import write_json, write_text
from nas.study.config import StudyConfig
from nas.study.estimate import data_words, epoch_seconds, measure_seconds
from nas.study.meters import study_meter
from nas.study.networks import find_network
from nas.study.open import OpenStudy, open_study
from nas.study.results import open_results, write_results
from nas.study.run import OnProgress, final_recipe, run_networks
from nas.study.scaling_config import CompareSettings
from nas.study.scaling_networks import PREDICTED, Entry, compare_entries, costs, to_train
from nas.study.spaces import catalogue, open_space

SPREAD = 1.1  # from the least to the most MACs of networks that are called equal, above which that is said
GRID_COLUMNS = ("name", "depth", "width", "side", "params", "macs", "latency_ms", "accuracy", "accuracies")
COMPARE_COLUMNS = ("name", "method", "depth", "width", "side", "params", "macs", "latency_ms", "accuracy", "accuracies")


@dataclass(frozen=True)
class Planned:
    """Networks to train, each with so many seeds, under a study whose base network they scale."""

    study: OpenStudy
    base: Plan
    entries: Sequence[Entry]
    seeds: int
    kind: str

    @property
    def title(self) -> str:
        return f"{self.base.name} scaled, {self.study.config.name}"


def open_base(
    config: StudyConfig, network: str | None = None, *, results: Path = Path("results")
) -> tuple[OpenStudy, Plan]:
    """The study, and the network to scale: its space, or `network` at the data's resolution.

    Raises `NasError` for what does not hold, `SpecError` where a choice is left.
    """
    study = open_study(config, results=results)
    if network is None:
        return study, decided_plan(study.space)
    data = study.dataset
    base = find_network(
        network,
        results=results,
        classes=len(data.classes),
        channels=data.channels,
        resolution=data.resolution,
        resolution_from="the data's resolution",
    )
    return replace(study, space=open_space(network_tree(base), recipe=config.training)), base


def planned_comparison(study: OpenStudy, base: Plan, settings: CompareSettings) -> Planned:
    """The networks of a comparison; where latencies must be equal, networks are measured to find them."""
    known: dict[str, float] = {}
    with ExitStack() as stack:
        meter = stack.enter_context(study_meter(study.config)) if "latency" in settings.at else None

        def latency(plan: Plan) -> float:
            assert meter is not None
            if plan.arch_id not in known:
                known[plan.arch_id] = meter.measure(plan.architecture).p50
            return known[plan.arch_id]

        entries = compare_entries(base, settings, latency if meter is not None else None)
    return Planned(study, base, entries, settings.seeds, "compare")


def estimated(planned: Planned, folder: Path) -> dict[str, Any]:
    """What would be trained, exactly, and about how long it takes; writes nothing."""
    study, config = planned.study, planned.study.config
    networks = to_train(planned.entries, planned.seeds)
    epoch_s = epoch_seconds(study, planned.base)
    measure_s, latency_ms = measure_seconds(study, planned.base)
    own = catalogue().plan(planned.base).macs
    epochs = final_recipe(config).epochs
    # Of the others only the cost is known, and time goes roughly by it.
    passes = sum(catalogue().plan(each.plan).macs / own for each in networks)
    seconds = passes * epochs * epoch_s / config.run.concurrent + len(networks) * measure_s
    return {
        "study": config.name,
        "results": str(folder),
        "data": data_words(study.dataset),
        "base": planned.base.name,
        "networks": costs(planned.entries, planned.base),
        "different": len({each.plan.arch_id for each in planned.entries}),
        "seeds": planned.seeds,
        "trainings": len(networks),
        "epochs": epochs,
        "runner": config.run.runner,
        "trials_at_a_time": config.run.concurrent,
        "gpus": config.run.gpus,
        "seconds_an_epoch_of_the_base": epoch_s,
        "latency_ms_of_the_base": latency_ms,
        "estimated_seconds": seconds,
    }


def run_scaling(planned: Planned, folder: Path, on_progress: OnProgress) -> dict[str, Any]:
    """Train everything, or go on where that was interrupted; write `scaling.json` and `scaling.html`.

    Raises what `run_networks` does, and `NasError` where nothing could be trained.
    """
    networks = to_train(planned.entries, planned.seeds)
    finished = run_networks(planned.study, folder, networks, on_progress)
    document = told(planned, finished.records)
    write_json(folder / "scaling.json", document)
    write_text(folder / "scaling.html", scaling_page(document))
    write_results(open_results(folder))
    return document


def told(planned: Planned, records: Sequence[Record]) -> dict[str, Any]:
    """Rows, verdict and sentences of what was trained, as `nas.report.scaling_page` takes them."""
    runs = runs_of(records)
    trained = [entry for entry in planned.entries if runs.get(entry.plan.arch_id)]
    if not trained:
        raise NasError("some network must have been trained to the end, but none was; see `nas show`")
    groups: dict[str, list[float]] = {}
    owner: dict[str, str] = {}
    for entry in trained:
        name = owner.setdefault(entry.plan.arch_id, entry.name)
        groups[name] = [record.values["accuracy"] for record in runs[entry.plan.arch_id]]
    verdict = winner(groups)
    rows = [
        row | _measured(runs[row["arch_id"]], verdict, owner[row["arch_id"]]) for row in costs(trained, planned.base)
    ]
    equal = {verdict.best, *verdict.tied}
    grid = planned.kind == "grid"
    missing = len(planned.entries) - len(trained)
    said = [verdict.sentence("triples")] if grid else _by_size(rows)
    said += [f"{missing} networks could not be trained to the end"] if missing else []
    return {
        "kind": planned.kind,
        "title": planned.title,
        "said": said,
        "columns": list(GRID_COLUMNS if grid else COMPARE_COLUMNS),
        "rows": rows,
        "best": verdict.best,
        "tied": [entry.name for entry in trained if entry.name != verdict.best and owner[entry.plan.arch_id] in equal],
        "verdict": verdict.to_json(),
    }


def _by_size(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which way to scale is best at each size, and how far rounding has left sizes from what they are called."""
    said = []
    for at, s in dict.fromkeys((row["at"], row["s"]) for row in rows if "at" in row):
        some = [row for row in rows if (row.get("at"), row["s"]) == (at, s)]
        different = {row["arch_id"]: row for row in reversed(some)}  # of the same network the first name counts
        groups = {row["method"]: row["accuracies"] for row in reversed(different.values())}
        said.append(f"at {s:g} times the {at}: {winner(groups).sentence('ways to scale')}")
        names: dict[str, list[str]] = {}
        for row in some:
            names.setdefault(row["arch_id"], []).append(row["method"])
        said += [f"{' and '.join(each)} come to the same network" for each in names.values() if len(each) > 1]
        times = [row["times"] for row in some]
        if at == "macs" and max(times) / min(times) > SPREAD:
            said[-1] += f"; rounding has left {min(times):.2f} to {max(times):.2f} times the base's MACs"
    return said


def runs_of(records: Sequence[Record], *, predicted: bool = False) -> dict[str, list[Record]]:
    """The finished trainings of each network; of those that only check what a fit `predicted`, or of all others."""
    found: dict[str, list[Record]] = {}
    for record in records:
        checks = record.decisions.get("method") == PREDICTED
        if record.state == "complete" and "accuracy" in record.values and checks == predicted:
            found.setdefault(record.arch_id, []).append(record)
    return found


def _measured(runs: Sequence[Record], verdict: Verdict, name: str) -> dict[str, Any]:
    """Accuracy with the interval of its mean, latency with that of its measurements."""
    group = verdict.groups[name]
    low, high = group.interval or (None, None)
    found: dict[str, Any] = {
        "accuracy": group.mean,
        "accuracies": [record.values["accuracy"] for record in runs],
        "low": None if low is None else max(0.0, low),
        "high": None if high is None else min(1.0, high),
    }
    tests = [record.values["test_accuracy"] for record in runs if "test_accuracy" in record.values]
    if tests:
        found["test_accuracy"] = fmean(tests)
    latencies = [record for record in runs if "latency_ms" in record.values]
    if latencies:
        bounds = [record.interval["latency_ms"] for record in latencies if "latency_ms" in record.interval]
        found["latency_ms"] = fmean(record.values["latency_ms"] for record in latencies)
        if bounds:
            found["latency_low"] = min(low for low, _ in bounds)
            found["latency_high"] = max(high for _, high in bounds)
    return found
