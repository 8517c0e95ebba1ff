"""How good is the front after 50, 100 and 200 networks: samplers on recorded tables.

    python -m benchmarks.search_quality --table FILE.parquet --arch COLUMN --accuracy COLUMN --cost COLUMN

Any table will do whose architecture column is a string of digits, one decision a digit. Objectives are 100 minus the
accuracy (in percent) and the cost. The reference point is the 95th percentile of the error and the 99.5th of the cost;
hypervolumes are divided by that of the exact front. `gap` is how many points are missing to the best accuracy below the
30th percentile of the cost. A network that is asked for again is answered again and costs no query, but counts as ask.
Samplers know nothing of the table: they draw each digit by `suggest_categorical` from bare Optuna.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
import pandas as pd

from benchmarks.common import environment, report
from nas.errors import NasError, nearest
from nas.search import SAMPLERS, choose_sampler, make_sampler

AT = (50, 100, 200)
MOST_ASKS = 50  # times the queries; a sampler that still finds nothing new has settled


class TableError(NasError):
    """A table cannot be searched."""


@dataclass(frozen=True)
class Table:
    """Networks by their digits, with error in percent and cost; `choices` are the digits of each position."""

    rows: dict[str, int]
    values: np.ndarray
    choices: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, path: Path, arch: str, accuracy: str, cost: str) -> Table:
        """Raises `TableError`."""
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise TableError(f"{path} must be a parquet file, but {error}") from error
        for column in (arch, accuracy, cost):
            if column not in frame:
                raise TableError(f"{path} has no column '{column}'; {nearest(column, map(str, frame.columns))}")
        texts = [str(each) for each in frame[arch]]
        if not texts:
            raise TableError(f"{path} must have a row for each network, but has none")
        width = len(texts[0])
        for row, text in enumerate(texts):
            if len(text) != width or not (text.isascii() and text.isdigit()):
                raise TableError(f"{path}: '{arch}' must be {width} digits, but row {row} has '{text}'")
        if len(set(texts)) != len(texts):
            raise TableError(
                f"{path}: '{arch}' must name each network once, but has {len(set(texts))} in {len(texts)} rows"
            )
        for column in (accuracy, cost):
            if not pd.api.types.is_numeric_dtype(frame[column]):
                raise TableError(f"{path}: '{column}' must hold numbers, but row 0 has {frame[column].iloc[0]!r}")
        values = np.column_stack([100 - frame[accuracy].to_numpy(float), frame[cost].to_numpy(float)])
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(wrong):
            where = f"row {wrong[0]} has {100 - values[wrong[0], 0]} and {values[wrong[0], 1]}"
            raise TableError(f"{path}: '{accuracy}' and '{cost}' must be finite, but {where}")
        choices = tuple(tuple(sorted(set(digits))) for digits in zip(*texts, strict=True))
        return cls({text: row for row, text in enumerate(texts)}, values, choices)


class Score:
    """What a set of networks is worth, by their rows."""

    def __init__(self, table: Table) -> None:
        self._values = table.values
        error, cost = table.values.T
        self._reference = np.array([np.percentile(error, 95), np.percentile(cost, 99.5)])
        self._whole = self._hypervolume(np.arange(len(error)))
        self._cheap = cost < np.percentile(cost, 30)
        if not self._whole or not self._cheap.any():
            raise TableError("accuracy and cost must differ from network to network, but one of them hardly does")
        self._best = error[self._cheap].min()

    def hypervolume(self, rows: Sequence[int]) -> float:
        """As a share of the exact front's."""
        return self._hypervolume(np.asarray(rows)) / self._whole

    def gap(self, rows: Sequence[int]) -> float:
        """Points of accuracy missing to the best cheap network; all of them where none is cheap."""
        cheap = [self._values[row, 0] for row in rows if self._cheap[row]]
        return float(min(cheap, default=100.0) - self._best)

    def _hypervolume(self, rows: np.ndarray) -> float:
        return float(moocore.hypervolume(self._values[rows], ref=self._reference))


def search(table: Table, score: Score, name: str, queries: int, seed: int) -> dict[str, Any]:
    """One search: scores at each of `AT`, all asks, seconds spent asking."""
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=make_sampler(choose_sampler(name, queries), seed=seed)
    )
    rows: dict[int, None] = {}
    found: dict[str, Any] = {"seed": seed, "asks": 0, "seconds": 0.0}
    while len(rows) < queries and found["asks"] < MOST_ASKS * queries:
        began = time.perf_counter()
        trial = study.ask()
        digits = [trial.suggest_categorical(f"{place}", choices) for place, choices in enumerate(table.choices)]
        found["seconds"] += time.perf_counter() - began
        found["asks"] += 1
        row = table.rows.get("".join(digits))
        if row is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        study.tell(trial, table.values[row].tolist())
        if row not in rows:
            rows[row] = None
            if len(rows) in AT:
                found[f"hv@{len(rows)}"] = score.hypervolume(list(rows))
                found[f"gap@{len(rows)}"] = score.gap(list(rows))
    return found


def summarize(name: str, each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over seeds, None where a search ended before; with quartiles."""
    keys = [*(f"hv@{n}" for n in AT), *(f"gap@{n}" for n in AT), "asks", "seconds"]
    row: dict[str, Any] = {"sampler": name, "seeds": len(each)}
    quartiles = {}
    for key in keys:
        values = [one[key] for one in each if key in one]
        row[key] = statistics.median(values) if len(values) == len(each) else None
        if row[key] is not None:
            quartiles[key] = np.percentile(values, [25, 75]).tolist()
    return row | {"quartiles": quartiles, "each": list(each)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="a parquet file")
    parser.add_argument("--arch", required=True, help="the column of digits")
    parser.add_argument("--accuracy", required=True, help="the column of accuracies in percent")
    parser.add_argument("--cost", required=True, help="the column of the cost, small is better")
    parser.add_argument("--samplers", default="surrogate,tpe,nsga2,random", help=f"of {', '.join(SAMPLERS)}")
    parser.add_argument("--queries", type=int, default=200, help="different networks a search may ask for")
    parser.add_argument("--seeds", type=int, default=10, help="searches of each sampler")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    if options.queries < 1 or options.seeds < 1:
        parser.error(f"--queries and --seeds must be at least 1, but got {options.queries} and {options.seeds}")
    names = options.samplers.split(",")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        table = Table.read(options.table, options.arch, options.accuracy, options.cost)
        score = Score(table)
        for name in names:
            make_sampler(choose_sampler(name, options.queries))
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    queries = min(options.queries, len(table.rows))
    rows = []
    for name in names:
        each = []
        for seed in range(options.seeds):
            each.append(search(table, score, name, queries, seed))
            shown = ", ".join(f"{key} {value:.4g}" for key, value in each[-1].items())
            print(f"{name}: {shown}", file=sys.stderr, flush=True)
        rows.append(summarize(name, each))
    columns = ["sampler", *(f"hv@{n}" for n in AT), *(f"gap@{n}" for n in AT), "asks", "seconds"]
    title = f"search_quality: {options.table.name}, {options.accuracy} and {options.cost}, {queries} networks"
    summary = {"table": options.table.name, "accuracy": options.accuracy, "cost": options.cost, "queries": queries}
    report(title, rows, columns, environment(), options.out, summary=summary, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
