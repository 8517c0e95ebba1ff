"""What `nas finalize` tells: each network in the search and now, the best, and whether the search's ranking held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.words import amount, join, kind_of, label, plural, quantity
from nas.scale.noise import winner
from nas.store import Record, Results
from nas.store.files import read_json
from nas.study.open import OpenStudy
from nas.study.ranking import Interval, Pair, Ranking, ranking
from nas.study.results import read_resolved
from nas.study.scaling_networks import SEED
from nas.train import latest
from nas.train.checkpoint import STATE

LATENCY = "latency_ms"
# What differs from one start to the next on one and the same host, and what no latency depends on.
OF_THE_MOMENT = {"date", "load_1min", "cpus", "predictor", "driver", "nas", "commit"}


def told(study: OpenStudy, results: Results, inner: Results, records: Sequence[Record]) -> dict[str, Any]:
    """The document of `finalized.json`: rows, best, rankings, and sentences; `records` are those of `inner`.

    Rows come best first; `value` is that of the first objective, the mean over seeds, with its 95% interval.
    """
    aims = read_aims(study.config.resolved())
    searched = {record.trial: record for record in results.records("candidate")}
    known = {record.name: record for record in results.records("baseline")}
    rows = rows_of([r for r in records if r.role == "finalist"], aims, {f"trial {n}": r for n, r in searched.items()})
    others = rows_of([r for r in records if r.role == "baseline"], aims, known)
    inside = [row for row in rows if row["in_budget"]]
    best = inside[0] if inside else None
    by_value = ranking_of(rows, aims.first.name, maximize=aims.first.maximize)
    by_latency = ranking_of(rows, LATENCY, maximize=False)
    differences = environment_differences(results, inner)
    data = _same_data(results, searched, study)
    return {
        "study": aims.name.removesuffix("-finalized"),
        "objective": aims.first.text,
        "epochs": study.config.training.epochs,
        "search_epochs": read_resolved(results.folder)["recipe"]["epochs"],
        "distill": study.config.training.model_dump()["distill"],
        "networks": rows,
        "baselines": others,
        "best": best and {"trial": best["trial"], "arch_id": best["arch_id"], "record": best["best_run"]},
        "rankings": {
            aims.first.name: by_value.to_json(),
            **({LATENCY: by_latency.to_json()} if by_latency.pairs else {}),
        },
        "environment": differences,
        "said": [
            _best_sentence(best, aims),
            by_value.sentence,
            *([by_latency.sentence] if by_latency.pairs else []),
            *_elsewhere(differences),
            *data,
            *(f"{row['name']}: {text}" for row in rows for text in row["failed"]),
        ],
    }


def best_run(document: Mapping[str, Any], records: Sequence[Record]) -> Record | None:
    """The training whose weights are handed over: of the best network, the seed that did best."""
    if document["best"] is None:
        return None
    role, _, number = document["best"]["record"].partition("/")
    return next(record for record in records if record.role == role and record.trial == int(number))


def network_name(name: str) -> str:
    """The network's name in that of one of its trainings: `trial 17, seed 1`."""
    return name.rpartition(", seed ")[0]


def rows_of(records: Sequence[Record], aims: Aims, before: Mapping[str, Record]) -> list[dict[str, Any]]:
    """One row a network, best first, those without a value last; `before` are the records of the search by name."""
    runs: dict[str, list[Record]] = {}
    for record in records:
        runs.setdefault(network_name(record.name), []).append(record)
    done = {
        name: [r for r in each if r.state == "complete" and aims.first.value(r) is not None]
        for name, each in runs.items()
    }
    values = {name: [aims.value(r, aims.first.name) or 0.0 for r in each] for name, each in done.items() if each}
    noise = winner(values).groups if any(len(each) > 1 for each in values.values()) else {}
    rows = []
    for name, each in runs.items():
        group = noise.get(name)
        first = before[name]
        failed = [f"seed {r.decisions[SEED]} failed: {r.reason}" for r in each if r.state == "failed"]
        row = {"trial": first.trial, "name": name, "arch_id": first.arch_id, "search": _searched(first, aims)}
        final = _final(done[name], aims, group.interval if group else None)
        rows.append(row | final | {"failed": failed})
    sign = -1 if aims.first.maximize else 1
    return sorted(rows, key=lambda row: (row["value"] is None, sign * (row["value"] or 0.0)))


def _searched(record: Record, aims: Aims) -> dict[str, Any]:
    """What the search had found of a network."""
    return {
        "state": record.state,
        "epochs": record.epochs,
        "value": aims.first.value(record),
        "interval": record.interval.get(aims.first.name),
        "latency_ms": record.values.get(LATENCY),
        "latency_interval": record.interval.get(LATENCY),
        "predicted_ms": record.values.get("predicted_ms"),
    }


def _final(runs: Sequence[Record], aims: Aims, interval: Interval | None) -> dict[str, Any]:
    """What several trainings of a network came to: means, `interval` of the mean where there are seeds to tell it."""
    if not runs:
        return {"value": None, "in_budget": False, "over": [], "values": {}, "best_run": None, LATENCY: None}
    name = aims.first.name
    numbers = [aims.value(run, name) or 0.0 for run in runs]
    best = (max if aims.first.maximize else min)(zip(numbers, runs, strict=True), key=lambda pair: pair[0])[1]
    over = {text: fmean(run.constraints.get(text, 0.0) for run in runs) for text in runs[0].constraints}
    latencies = [run for run in runs if LATENCY in run.values]
    bounds = [run.interval[LATENCY] for run in latencies if LATENCY in run.interval]
    shared = set.intersection(*(set(run.values) for run in runs))
    return {
        "value": fmean(numbers),
        "interval": _at_least_one_image(fmean(numbers), interval or runs[0].interval.get(name), runs[0], name),
        "runs": {str(run.decisions[SEED]): number for run, number in zip(runs, numbers, strict=True)},
        "best_run": f"{best.role}/{best.trial}",
        "in_budget": all(excess <= 0 for excess in over.values()),
        "over": [text for text, excess in over.items() if excess > 0],
        "values": {key: fmean(run.values[key] for run in runs) for key in sorted(shared)},
        LATENCY: fmean(run.values[LATENCY] for run in latencies) if latencies else None,
        "latency_interval": (min(low for low, _ in bounds), max(high for _, high in bounds)) if bounds else None,
        "trusted": all((run.latency or {}).get("trusted", True) for run in latencies),
    }


def _at_least_one_image(value: float, interval: Interval | None, run: Record, name: str) -> Interval | None:
    """An interval of a share is at least an image to each side wide: seeds that agree by chance tell no more."""
    images = run.values.get("validation_images")
    if interval is None or kind_of(name) != "share" or not images:
        return interval
    return max(0.0, min(interval[0], value - 1 / images)), min(1.0, max(interval[1], value + 1 / images))


def ranking_of(rows: Sequence[Mapping[str, Any]], name: str, *, maximize: bool) -> Ranking:
    """By the first objective, called `name`, or by latency; of those that the search trained to the end."""
    keys = (LATENCY, "latency_interval") if name == LATENCY else ("value", "interval")
    pairs = [
        Pair(row["name"], row["search"][keys[0]], row[keys[0]], row.get(keys[1]))
        for row in rows
        if row["search"]["state"] == "complete" and None not in (row["search"][keys[0]], row[keys[0]])
    ]
    return ranking(pairs, label(name), maximize=maximize)


def _best_sentence(row: Mapping[str, Any] | None, aims: Aims) -> str:
    if row is None:
        return "none of the finalised networks is within the budgets"
    name = aims.first.name
    bounds = row["interval"]
    spread = f" [{quantity(name, bounds[0])}, {quantity(name, bounds[1])}]" if bounds else ""
    latency = f" at {amount(LATENCY, row[LATENCY])}" if row[LATENCY] is not None else ""
    count = len(row["runs"])
    mean = f", the mean of {plural(count, 'seed')}" if count > 1 else ""
    seed = max(row["runs"], key=lambda key: row["runs"][key] * (1 if aims.first.maximize else -1))
    kept = f"; the weights in best/ are those of seed {seed}" if count > 1 else ""
    value = f"{label(name)} {quantity(name, row['value'])}{spread}{mean}"
    return f"{row['name']} is the best of the finalised: {value}{latency}{kept}"


def environment_differences(results: Results, inner: Results) -> dict[str, list[Any]]:
    """What of the device's environment was another in the search: [then, now] by name, of what both have recorded."""
    then, now = read_json(results.env_file) or {}, read_json(inner.env_file) or {}
    names = [name for name in then if name in now and name not in OF_THE_MOMENT]
    return {name: [then[name], now[name]] for name in names if then[name] != now[name]}


def _elsewhere(differences: Mapping[str, Sequence[Any]]) -> list[str]:
    if not differences:
        return []
    words = join(f"{name} was {then} and is {now}" for name, (then, now) in list(differences.items())[:4])
    return [f"latency was measured in another environment than in the search: {words}"]


def _same_data(results: Results, searched: Mapping[int, Record], study: OpenStudy) -> list[str]:
    """Says so where the images are not those that the search learned from."""
    checkpoints = (latest(results.trial_folder(record.folder)) for record in searched.values() if record.folder)
    path = next((path for path in checkpoints if path is not None), None)
    if path is None:
        return []
    then = read_json(path / STATE)["data"]["fingerprint"]
    if then in (None, study.dataset.fingerprint):
        return []
    return ["the images are not those of the search: its accuracies and these are of different data"]
