"""Do two fresh processes agree on a latency? Ours beside three other ways, while nothing, a core or two trainers work.

Every number comes from a process started for it: one network, one way to measure (`protocol_methods`); with
`--together` one process gives all numbers of a condition's turn, where starting takes longer than measuring. Under each
condition (`protocol_conditions`) all networks are measured twice, the second time after all conditions had their first
turn; who begins changes from network to network. Two trainers under Ray, as in a study, pause for ours, whose lock they
share; they know nothing of the others.

Printed for each way and condition: median and 95th percentile, over the networks, of the relative difference of the
two; the share that differs by more than 10% though neither was flagged; and the share of numbers that are more than 10%
off the quiet one (the mean of that way's two, without flagged ones) and not flagged. Only ours has flags. Aim: ours at
most 2 / 3 / 3% at the median (quiet, busy core, trainers), none unflagged off by more than 10%. A run that was cut goes
on where it stopped.

    python -m benchmarks.protocol --networks 20 --out benchmarks/results/protocol.json
    python -m benchmarks.protocol --device cuda --conditions quiet busy --networks 12 --json
    python -m benchmarks.protocol --zoo resnet50 vgg16 vit_base_16 --methods nas.measure --out /tmp/long.json
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import RESULTS, environment, report, spread
from benchmarks.latency_networks import plans
from benchmarks.protocol_conditions import CONDITIONS
from benchmarks.protocol_methods import METHODS, fresh, methods_for
from nas.arch import Architecture
from nas.store.files import append_line, read_lines

OFF = 0.1
AIM = {"quiet": 2.0, "busy": 3.0, "trainers": 3.0}  # %, of the median difference of ours
OURS = "nas.measure"
PROCESSES = 2
COLUMNS = {
    "condition": "condition",
    "method": "measured by",
    "median %": "median difference %",
    "p95 %": "95th percentile %",
    "n": "n",
    "apart %": "apart > 10%, no flag: %",
    "off %": "off quiet > 10%, no flag: %",
    "flagged %": "flagged %",
    "seconds": "s a network",
    "load": "load",
}


class Task(NamedTuple):
    """One number to be measured."""

    turn: int
    condition: str
    network: str
    method: str


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    where = environment() | {"device": options.device, "one process a number": not options.together}
    began = time.perf_counter()
    networks = _networks(options)
    found = measured(options, networks)
    rows = [
        _row(condition, method, list(networks), found) for condition in options.conditions for method in options.methods
    ]
    summary = _summary(rows) | {"minutes, this run": round((time.perf_counter() - began) / 60, 2)}
    title = f"Two fresh processes measure the same {len(networks)} networks on {options.device}"
    report(title, rows, COLUMNS, where, options.out, summary=summary, as_json=options.json)
    _cut_file(options).unlink(missing_ok=True)


def measured(options: argparse.Namespace, networks: dict[str, Architecture]) -> dict[Task, dict[str, Any]]:
    """Every number; what an earlier run that was cut has measured is taken from there."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done = _done(options)
    for turn in range(PROCESSES):
        for condition in options.conditions:
            todo = [task for task in _tasks(turn, condition, list(networks), options.methods) if task not in done]
            if not todo:
                continue
            with CONDITIONS[condition](options.device):
                for tasks in [todo] if options.together else [[task] for task in todo]:
                    asked = [(networks[task.network].to_json(), task.method) for task in tasks]
                    for task, number in zip(tasks, fresh(asked, options.device), strict=True):
                        done[task] = number | {"load": os.getloadavg()[0]}
                        _keep(options, task, done[task])
    return done


def _keep(options: argparse.Namespace, task: Task, number: dict[str, Any]) -> None:
    append_line(_cut_file(options), {"task": task, "found": number})
    print(f"{' '.join(map(str, task))}: {number['ms']:.4g} ms", file=sys.stderr)


def _tasks(turn: int, condition: str, networks: Sequence[str], methods: Sequence[str]) -> Iterator[Task]:
    for index, network in enumerate(networks):
        first = index % len(methods)
        for method in [*methods[first:], *methods[:first]]:
            yield Task(turn, condition, network, method)


def _numbers(
    condition: str, method: str, networks: Sequence[str], found: dict[Task, dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {"network": network, "turns": [found[Task(turn, condition, network, method)] for turn in range(PROCESSES)]}
        for network in networks
    ]


def _row(condition: str, method: str, networks: Sequence[str], found: dict[Task, dict[str, Any]]) -> dict[str, Any]:
    numbers = _numbers(condition, method, networks, found)
    every = [turn for number in numbers for turn in number["turns"]]
    differences = [relative(*(turn["ms"] for turn in number["turns"])) for number in numbers]
    apart = [
        difference > OFF and not any(map(flagged, number["turns"]))
        for difference, number in zip(differences, numbers, strict=True)
    ]
    off = [
        abs(turn["ms"] / quiet - 1) > OFF and not flagged(turn)
        for number in numbers
        if condition != "quiet" and (quiet := _quiet_ms(number["network"], method, found))
        for turn in number["turns"]
    ]
    over = spread(differences)
    return {
        "condition": condition,
        "method": method,
        "median %": 100 * over.median,
        "p95 %": 100 * over.p95,
        "most %": 100 * max(differences),
        "n": over.n,
        "apart %": 100 * statistics.mean(apart),
        "off %": 100 * statistics.mean(off) if off else None,
        "flagged %": 100 * statistics.mean(map(flagged, every)) if method == OURS else None,
        "seconds": statistics.median(turn["seconds"] for turn in every),
        "load": statistics.median(turn["load"] for turn in every),
        "numbers": numbers,
    }


def _quiet_ms(network: str, method: str, found: dict[Task, dict[str, Any]]) -> float | None:
    """The mean of the quiet numbers that were not flagged, None without any."""
    tasks = [Task(turn, "quiet", network, method) for turn in range(PROCESSES)]
    quiet = [found[task]["ms"] for task in tasks if task in found and not flagged(found[task])]
    return statistics.mean(quiet) if quiet else None


def relative(a: float, b: float) -> float:
    """The difference of two numbers over their mean."""
    return abs(a - b) / ((a + b) / 2)


def flagged(number: dict[str, Any]) -> bool:
    """Whether a number says of itself that it is not to be trusted; other tools' never do."""
    return not number.get("trusted", True)


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        found[f"{row['condition']}, {row['method']}, median %"] = round(row["median %"], 2)
        if row["method"] == OURS:
            met = row["median %"] <= AIM[row["condition"]] and not row["apart %"] and not row["off %"]
            found[f"{row['condition']}, aim of at most {AIM[row['condition']]:g}% met"] = met
    return found


def _networks(options: argparse.Namespace) -> dict[str, Architecture]:
    if options.zoo:
        from nas.space import decided_plan
        from nas.study.spaces import open_space

        return {name: decided_plan(open_space(f"zoo/{name}")).architecture for name in options.zoo}
    return {plan.arch_id: plan.architecture for plan in plans(options.networks)}


def _cut_file(options: argparse.Namespace) -> Path:
    path: Path = options.out.with_suffix(".cut.jsonl")
    return path


def _done(options: argparse.Namespace) -> dict[Task, dict[str, Any]]:
    """What a run that was cut has measured; a last line that was cut too is left out."""
    return {Task(*row["task"]): row["found"] for row in read_lines(_cut_file(options))}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20, help="how many, sampled from spaces/latency.yaml")
    parser.add_argument("--zoo", nargs="+", metavar="NAME", help="networks of the zoo instead")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="all that the device has, if not given")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:INDEX")
    parser.add_argument("--together", action="store_true", help="one process for all numbers of a turn")
    parser.add_argument("--out", type=Path, default=RESULTS / "protocol.json")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = parser.parse_args(arguments)
    options.methods = options.methods or methods_for(options.device)
    return options


if __name__ == "__main__":
    main()
