"""How well does the latency predictor predict networks that others measured, from 10 to 400 of them?

On released tables of NAS-Bench-201 and FBNet networks, for every device in them, from random training sets; networks
beyond the 1st and 99.5th percentile of a column are left out, as are rows without a positive time. Beside it, learning
from the same networks: a lookup table, ridge on the costs that the table tells, gradient boosting.

    python -m benchmarks.predictor_tables FOLDER     # with nasbench201.parquet and fbnet_latency_help.parquet

For any other table whose architecture column is a string of digits, one decision a digit:

  python -m benchmarks.predictor_tables --table T.parquet --arch COLUMN --target COLUMN --train N --repeats R --json

prints `{spearman, within5, within10, coverage90}`, medians over the repeats.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import parquet

from benchmarks.common import RESULTS, ROOT, environment, report, spread
from benchmarks.predictor_baselines import BASELINES, Table
from nas.errors import NasError, nearest
from nas.measure.predictor import Counts, HeldOutError, Predictor, count_digits, held_out_error

FOLDER = ROOT.parent / "shared" / "data" / "nas"
TABLES = {"nasbench201": ("nasbench201.parquet", "ops"), "fbnet": ("fbnet_latency_help.parquet", "arch")}
COSTS = ["params_m_c10", "mflops_c10"]
SIZES = (10, 20, 50, 100, 200, 400)
PERCENTILES = (1.0, 99.5)
OURS = "nas.measure.predictor"
MEASURES = ("spearman", "within5", "within10", "coverage90")

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One device's times of the networks of a table, those left out that do not count."""

    counts: list[Counts]
    table: Table
    ms: NDArray[np.float64]

    def split(self, train: int, repeat: int, test: int) -> tuple[Indices, Indices]:
        order = np.random.default_rng(repeat).permutation(len(self.ms))
        return order[:train], order[train : train + test]


def read(path: Path, arch: str, target: str) -> Column:
    """A column of a table. Raises `NasError` that names the file, the column and what is wrong with it."""
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise NasError(f"{path}: a table must be a parquet file, but reading it gave: {error}") from error
    for name in (arch, target):
        if name not in frame:
            raise NasError(f"{path}: there is no column '{name}'; {nearest(name, map(str, frame.columns))}")
    names = frame[arch].tolist()
    if wrong := [each for each in names if not isinstance(each, str)]:
        raise NasError(f"{path}: column '{arch}' must hold strings of digits, but has {wrong[0]!r}")
    counts = [count_digits(name) for name in names]
    if len(kinds := sorted({each.kind for each in counts})) > 1:
        raise NasError(
            f"{path}: all architectures in '{arch}' must have equally many digits, but there are {', '.join(kinds)}"
        )
    try:
        ms = frame[target].to_numpy(float)
    except (TypeError, ValueError) as error:
        raise NasError(f"{path}: column '{target}' must hold times, but {error}") from error
    there = np.isfinite(ms) & (ms > 0)
    if not there.any():
        raise NasError(f"{path}: column '{target}' must hold times, but none is a positive number")
    low, high = np.percentile(ms[there], PERCENTILES)
    keep = np.flatnonzero(there & (ms >= low) & (ms <= high))
    digits = np.array([[int(digit) for digit in names[i] if digit.isdigit()] for i in keep])
    costs = frame[COSTS].to_numpy(float)[keep] if set(COSTS) <= set(frame.columns) else None
    return Column([counts[i] for i in keep], Table(digits, costs), ms[keep])


def ours(column: Column, train: Indices, test: Indices) -> HeldOutError:
    predictor = Predictor.fit([column.counts[i] for i in train], column.ms[train])
    p50, low, high = predictor.predict([column.counts[i] for i in test])
    measured = column.ms[test]
    return held_out_error(p50, measured, (low <= measured) & (measured <= high))


def errors(column: Column, train: int, repeats: int, test: int, who: str = OURS) -> list[HeldOutError]:
    """The error of one predictor on networks it never saw, once a training set. Raises `NasError` for too few."""
    if train >= len(column.ms):
        raise NasError(f"there must be more networks than the {train} to learn from, but only {len(column.ms)} count")
    found = []
    for repeat in range(repeats):
        known, held = column.split(train, repeat, test)
        if who == OURS:
            found.append(ours(column, known, held))
            continue
        predicted = BASELINES[who](column.table, known, column.ms[known], held)
        found.append(held_out_error(predicted, column.ms[held], np.full(len(held), np.nan)))
    return found


def medians(found: Sequence[HeldOutError]) -> dict[str, float]:
    return {name: statistics.median(getattr(each, name) for each in found) for name in MEASURES}


def single(arguments: argparse.Namespace) -> None:
    """One column of one table: the medians, as JSON or as a line."""
    if arguments.repeats < 1:
        raise NasError(f"repeats must be at least 1, but got {arguments.repeats}")
    column = read(arguments.table, arguments.arch, arguments.target)
    found = medians(errors(column, arguments.train, arguments.repeats, arguments.test))
    if arguments.json:
        print(json.dumps({name: value if math.isfinite(value) else None for name, value in found.items()}))
    else:
        print(", ".join(f"{name} {value:.3f}" for name, value in found.items()))


def targets_of(path: Path) -> list[str]:
    """The columns of latencies. Raises `NasError` when there is no such table."""
    try:
        names = parquet.read_schema(path).names
    except (OSError, ValueError) as error:
        raise NasError(
            f"{path}: there must be a parquet file (name its folder), but reading it gave: {error}"
        ) from error
    return [name for name in names if name.startswith("lat_ms_")]


def one_device(path: Path, arch: str, target: str, repeats: int, test: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The spread of every predictor's errors at every size.

    And, at size 0, of a lookup table that learns from all networks but those predicted: what it is off by is noise of
    the measurements, or not additive.
    """
    column = read(path, arch, target)
    found = {(0, "lookup table"): errors(column, len(column.ms) - test, min(repeats, 3), test, "lookup table")}
    for train in SIZES:
        for who in (OURS, *BASELINES):
            if who != "ridge on costs" or column.table.costs is not None:
                # Trees take as long as everything else together: a quarter of the training sets.
                sets = -(-repeats // 4) if who == "gradient boosting" else repeats
                found[train, who] = errors(column, train, sets, test, who)
    return {
        key: {measure: spread(getattr(each, measure) for each in errs)._asdict() for measure in MEASURES}
        for key, errs in found.items()
    }


def group(table: str, target: str) -> str:
    """Devices whose converters drop dead branches of cells are another matter: times do not add up there."""
    if table != "nasbench201":
        return table
    return f"{table}, {'phones and boards' if target.endswith(('pixel3', 'raspi4')) else 'GPU and Xeon'}"


def everything(arguments: argparse.Namespace) -> None:
    """All tables, columns, sizes and predictors."""
    where, began = environment(), time.perf_counter()
    tasks = [
        (name, arguments.folder / file, arch, target)
        for name, (file, arch) in TABLES.items()
        for target in targets_of(arguments.folder / file)
    ]
    details: dict[tuple[str, int, str], dict[str, Any]] = {}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(one_device, *task[1:], arguments.repeats, arguments.test): task for task in tasks}
        for done in as_completed(running):
            name, _, _, target = running[done]
            for (train, who), found in done.result().items():
                details.setdefault((group(name, target), train, who), {})[target] = found
            print(f"{name} {target} done after {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    rows = [
        {
            "table": table,
            "networks": train or "all others",
            "who": who,
            **{m: statistics.mean(each[m]["median"] for each in by_column.values()) for m in MEASURES},
            "columns": by_column,
        }
        for (table, train, who), by_column in sorted(details.items())
    ]
    for row in rows:
        if row["who"] != OURS:
            row["coverage90"] = None
            for each in row["columns"].values():
                del each["coverage90"]
    summary: dict[str, Any] = {}
    for table, train in (("nasbench201, GPU and Xeon", 20), ("fbnet", 200)):
        (row,) = (row for row in rows if (row["table"], row["networks"], row["who"]) == (table, train, OURS))
        summary |= {f"{table}, {train} networks, {m}": round(row[m], 4) for m in MEASURES}
    summary["minutes"] = round((time.perf_counter() - began) / 60, 2)
    headings = {
        "table": "table",
        "networks": "learnt from",
        "who": "predictor",
        "spearman": "Spearman",
        "within5": "within 5%",
        "within10": "within 10%",
        "coverage90": "in 90% interval",
    }
    title = (
        f"Released latencies predicted from few; means over devices of medians over {arguments.repeats} training sets"
    )
    report(title, rows, headings, where, arguments.out, summary=summary, as_json=arguments.json)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="with the two released tables")
    parser.add_argument("--table", type=Path, help="a parquet file of your own; then --arch, --target and --train too")
    parser.add_argument("--arch", help="its column of strings of digits")
    parser.add_argument("--target", help="its column of times")
    parser.add_argument("--train", type=int, help="networks to learn from")
    parser.add_argument("--repeats", type=int, default=20, help="random training sets")
    parser.add_argument("--test", type=int, default=1000, help="most networks to predict, each time others")
    parser.add_argument("--jobs", type=int, default=1, help="devices at a time")
    parser.add_argument("--out", type=Path, default=RESULTS / "predictor_tables.json")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    try:
        if arguments.table is None:
            everything(arguments)
        elif None in (arguments.arch, arguments.target, arguments.train):
            parser.error("--table needs --arch, --target and --train")
        else:
            single(arguments)
    except NasError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
