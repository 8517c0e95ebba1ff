"""Do two fresh processes agree on a latency? Ours against `torch.utils.benchmark`, quiet and with one busy core.

Every process measures every network with both, one after the other (who goes first changes from network to network),
and gives the other the time that ours took, within 0.2 to 0.6 s. Printed: median and 95th percentile over the networks
of the relative difference between the processes; and by how much a busy core moves the number.

    python -m benchmarks.latency_repeat --networks 20 --out benchmarks/results/latency_repeat.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT, environment, report, spread

BUSY = "while True: sum(range(1000))"
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def measure_all(count: int) -> None:
    """What a fresh process does: prints one JSON document, a list of both numbers in ms for each network."""
    import torch
    from torch.utils import benchmark

    from benchmarks.latency_networks import networks
    from nas.measure import Protocol, measure

    torch.set_num_threads(1)
    protocol = Protocol()
    rows = []
    for index, (module, shape) in enumerate(networks(count)):
        example = torch.randn(1, *shape)
        row: dict[str, Any] = {}
        for who in ("ours", "torch") if index % 2 == 0 else ("torch", "ours"):
            if who == "ours":
                latency = measure(module, shape, protocol=protocol)
                row["ours"] = latency.p50
                row["seconds"] = latency.seconds
                row["latency"] = latency.to_json() | {"environment": {}}
            else:
                with torch.inference_mode():
                    timer = benchmark.Timer("module(example)", globals={"module": module, "example": example})
                    seconds = min(0.6, max(0.2, row.get("seconds", 0.4)))
                    row["torch"] = 1e3 * timer.blocked_autorange(min_run_time=seconds).median
        rows.append(row)
    print(json.dumps(rows))


@contextmanager
def busy(on: bool) -> Iterator[None]:
    """One process that computes all the time, wherever the scheduler puts it."""
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if on else None
    try:
        yield
    finally:
        if other is not None:
            other.kill()
            other.wait()


def fresh_process(networks: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.latency_repeat", "--child", "--networks", str(networks)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **THREADS}, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def differences(runs: list[list[dict[str, Any]]], who: str) -> list[float]:
    """Relative differences, over the networks and all pairs of processes."""
    return [
        abs(a[who] - b[who]) / ((a[who] + b[who]) / 2)
        for one, other in itertools.combinations(runs, 2)
        for a, b in zip(one, other, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2, help="fresh processes per condition")
    parser.add_argument("--out", type=Path, default=RESULTS / "latency_repeat.json")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure_all(arguments.networks)
        return

    where = environment()
    began = time.perf_counter()
    runs: dict[str, list[list[dict[str, Any]]]] = {"quiet": [], "one busy core": []}
    loads: dict[str, list[float]] = {condition: [] for condition in runs}
    for _ in range(arguments.processes):
        for condition in runs:
            with busy(condition != "quiet"):
                runs[condition].append(fresh_process(arguments.networks))
                loads[condition].append(os.getloadavg()[0])  # 1 of it is ours, and 1 the busy core's
    rows, summary = [], {}
    for condition, found in runs.items():
        flat = [row for run in found for row in run]
        for who, name in (("ours", "nas.measure"), ("torch", "torch.utils.benchmark")):
            result = spread(differences(found, who))
            moved = [
                statistics.mean(run[i][who] for run in found) / statistics.mean(run[i][who] for run in runs["quiet"])
                - 1
                for i in range(arguments.networks)
            ]
            rows.append(
                {
                    "condition": condition,
                    "who": name,
                    "median %": 100 * result.median,
                    "p95 %": 100 * result.p95,
                    "n": result.n,
                    "load": max(loads[condition]),
                    "moved %": 100 * statistics.median(moved) if condition != "quiet" else None,
                    "seconds": statistics.median(row["seconds"] for row in flat) if who == "ours" else None,
                    "not trusted": sum(not row["latency"]["trusted"] for row in flat) if who == "ours" else None,
                }
            )
            summary[f"{condition}, {name}, median %"] = round(100 * result.median, 2)
    headings = {
        "condition": "condition",
        "who": "measured by",
        "median %": "median difference %",
        "p95 %": "95th percentile %",
        "n": "n",
        "load": "load",
        "moved %": "against quiet %",
        "seconds": "s a network",
        "not trusted": "not trusted",
    }
    summary["minutes"] = round((time.perf_counter() - began) / 60, 2)
    document = [row | {"runs": runs[row["condition"]]} if row["who"] == "nas.measure" else row for row in rows]
    title = f"Two fresh processes measure the same {arguments.networks} networks"
    report(title, document, headings, where, arguments.out, summary=summary, as_json=arguments.json)


if __name__ == "__main__":
    main()
