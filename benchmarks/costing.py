"""How many architectures a second can be costed, from decisions to params, MACs and activations.

Remembered blocks against building each network and running fvcore on it, on the same architectures, alternating in one
run, each checked to give the same numbers:

    python -m benchmarks.costing [--json] [--out benchmarks/results/costing.json]

"Warm" means that the blocks are known: the table is filled with other architectures of the space first. Those that are
timed are drawn elsewhere, so that neither the table nor the decoder has met them; how many of their blocks were unknown
is counted, and the row "every block known" costs the same ones again by another decoder, which has met none of them.
"Cold" rows start with an empty memory. Where CPU time is much less than the time that passed, other processes had the
cores.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import RESULTS, ROOT, environment, report, spread
from nas.arch import Plan
from nas.blocks import fuse
from nas.build import build
from nas.cost import Cost, CostTable
from nas.cost.crosscheck import fvcore_counts
from nas.space import Decisions, Space, load_space

SPACES = {
    "mbconv": "benchmarks/spaces/mbconv.yaml",
    "hybrid": "benchmarks/spaces/hybrid.yaml",
    "shipped mobile": "search_spaces/mobile.yaml",
    "shipped hybrid": "search_spaces/hybrid.yaml",
}
KNOWN = "decisions to costs, every block known"
COLUMNS = {
    "space": "space",
    "what": "what",
    "n": "networks",
    "ms": "ms a network: median [5%, 95%]",
    "per_s": "a second",
    "cpu_ms": "of that CPU ms",
    "unknown": "blocks not known before",
}


def main() -> None:
    arguments = _arguments()
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    env = environment() | {"torch_threads": torch.get_num_threads()}
    for name in arguments.spaces:
        found = _one_space(name, arguments)
        rows += found
        by_what = {row["what"]: row for row in found}
        fast, slow = by_what["decisions to costs, warm"], by_what["build and run fvcore"]
        summary[f"{name}: times as fast as build and fvcore"] = slow["ms"].median / fast["ms"].median
        summary[f"{name}: networks a second, decisions to costs"] = fast["per_s"]
        summary[f"{name}: the same, every block known"] = by_what[KNOWN]["per_s"]
    env["load_1min_after"] = environment()["load_1min"]
    report("Costing architectures", rows, COLUMNS, env, arguments.out, summary=summary, as_json=arguments.json)


def _one_space(name: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    path = ROOT / SPACES[name]
    elsewhere, _ = _open(path)
    space, table = _open(path)
    again = load_space(path, table)
    rng = random.Random(arguments.seed)
    clock = Clock()
    others = [elsewhere.sample(rng) for _ in range(arguments.fill)]
    with clock("filling the table", len(others)):
        _cost(space, table, others)
    _cost(again, table, others)
    filled, unknown = len(table), 0
    for _ in range(arguments.chunks):
        with clock("sampling", arguments.chunk):
            drawn = [elsewhere.sample(rng) for _ in range(arguments.chunk)]
        before = len(table)
        with clock("decisions to costs, warm", len(drawn)):
            costed = _cost(space, table, drawn)
        unknown += len(table) - before
        with clock(KNOWN, len(drawn)):
            _cost(again, table, drawn)
        with clock("and arch_id", len(costed)):
            for plan, _ in costed:
                _ = plan.arch_id
        for plan, cost in costed[: arguments.slow]:
            with clock("build and run fvcore", 1):
                counts = _slowly(plan)
            if counts != (cost.params, cost.macs, cost.activations):
                raise AssertionError(f"fvcore gives {counts}, the table {cost}, for {plan.architecture.to_json()}")
    rows = [{"space": name, **row} for row in clock.rows()]
    for row in rows:
        if row["what"] in ("filling the table", "decisions to costs, warm"):
            row["unknown"] = filled if row["what"] == "filling the table" else unknown
    return [*rows, *_cold(name, path, others[: arguments.cold])]


def _cold(name: str, path: Path, drawn: list[Decisions]) -> Iterator[dict[str, Any]]:
    """The first architectures of a new process: with nothing known, and with the table of an earlier run on disk."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "costs.sqlite"
        for what in ("cold, nothing known", "cold, table on disk"):
            space, table = _open(path, file)
            clock = Clock()
            with clock(what, len(drawn)):
                _cost(space, table, drawn)
            table.close()
            (row,) = clock.rows()
            yield {"space": name, **row, "unknown": len(table), "bytes_on_disk": file.stat().st_size}


def _cost(space: Space, table: CostTable, drawn: list[Decisions]) -> list[tuple[Plan, Cost]]:
    plans = map(space.decode, drawn)
    return [(plan, table.plan(plan)) for plan in plans]


class Clock:
    """Seconds a network by label, passed and of CPU; a label may be timed many times."""

    def __init__(self) -> None:
        self._cpu: dict[str, list[float]] = {}
        self._times: dict[str, list[float]] = {}
        self._networks: dict[str, int] = {}

    @contextmanager
    def __call__(self, label: str, networks: int) -> Iterator[None]:
        started, cpu = time.perf_counter(), time.process_time()
        yield
        self._cpu.setdefault(label, []).append((time.process_time() - cpu) / networks)
        self._times.setdefault(label, []).append((time.perf_counter() - started) / networks)
        self._networks[label] = self._networks.get(label, 0) + networks

    def rows(self) -> Iterator[dict[str, Any]]:
        for label, seconds in self._times.items():
            ms = spread(1e3 * each for each in seconds)
            cpu_ms = 1e3 * statistics.median(self._cpu[label])
            yield {"what": label, "n": self._networks[label], "ms": ms, "per_s": 1e3 / ms.median, "cpu_ms": cpu_ms}


def _open(path: Path, file: Path | None = None) -> tuple[Space, CostTable]:
    table = CostTable(file)
    return load_space(path, table), table


def _slowly(plan: Plan) -> tuple[int, int, int]:
    """What one does without a table: build the network, trace it, count."""
    network = build(plan)
    fuse(network)
    counts = fvcore_counts(network, plan.input)
    return sum(parameter.numel() for parameter in network.parameters()), counts.macs, counts.activations


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES), help="which spaces (all)")
    parser.add_argument("--fill", type=int, default=6_000, help="architectures that fill the table first")
    parser.add_argument("--chunks", type=int, default=10, help="times that the two ways alternate")
    parser.add_argument("--chunk", type=int, default=500, help="architectures costed from the table each time")
    parser.add_argument("--slow", type=int, default=2, help="of those, how many are also built and traced")
    parser.add_argument("--cold", type=int, default=300, help="architectures for the cold rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument(
        "--out", type=Path, default=None, help=f"write the results there, such as {RESULTS}/costing.json"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
