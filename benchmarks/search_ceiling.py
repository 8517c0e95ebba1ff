"""How much of what a search misses on a recorded table is chance? A search that knows the table but for its noise.

    python -m benchmarks.search_ceiling --table FILE.parquet --arch COLUMN --accuracy COLUMN --cost COLUMN --alike SAME

Networks with the same value of the column `SAME` compute the same (the isomorphic cells of NAS-Bench-201), so that
their accuracies differ by the chance of training alone. The search expects of each network the mean logarithmic error
of all others that compute the same, or its own error where there are no others, and it knows how large the chance is.
Of the cost it knows `added up` what each digit adds, by least squares of relative differences over the whole table
(good where costs of parts add up), or it knows it `exactly`. It asks for what adds most expected hypervolume, as the
sampler `surrogate` does, but has nothing to learn. It is no bound: what it does not know, another search may meet by
luck. Scores are those of `search_quality`, also after a third of the queries.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import environment, report
from benchmarks.recorded import Score, Table, TableError
from benchmarks.search_quality import AT
from nas.errors import NasError, nearest
from nas.search.surrogate.acquisition import expected_improvement

EXACT = 1e-3  # standard deviation of the logarithm of what is known exactly


def by_others(errors: np.ndarray, alike: Sequence[Any]) -> tuple[np.ndarray, float]:
    """What is expected of the logarithm of each error: the mean of the others that are alike, its own without any.

    Then the standard deviation of errors from that, over the better half of those that have others.
    """
    logs = pd.Series(np.log(errors))
    groups = logs.groupby(np.asarray(alike))
    others = groups.transform("size") - 1
    expected = ((groups.transform("sum") - logs) / others.where(others > 0)).fillna(logs).to_numpy()
    better = (others > 0).to_numpy() & (errors <= np.median(errors))
    if not better.any():
        raise TableError("some networks must compute the same as another, but none of the better half does")
    return expected, float((expected - logs.to_numpy())[better].std()) + EXACT


def added_up(costs: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, float]:
    """The logarithm of what digits add up to, by least squares of relative differences, and by how much it is off."""
    digits = np.array([list(text) for text in texts])
    ones = np.column_stack([digits[:, [at]] == np.unique(digits[:, at]) for at in range(digits.shape[1])])
    parts, *_ = np.linalg.lstsq(ones / costs[:, None], np.ones(len(costs)), rcond=None)
    expected = np.log(np.maximum(ones @ parts, costs.min()))
    return expected, float((expected - np.log(costs)).std()) + EXACT


def search(table: Table, expected: np.ndarray, deviation: np.ndarray, queries: int, reference: np.ndarray) -> list[int]:
    """The rows of the networks asked for, in their order."""
    rows: list[int] = []
    while len(rows) < queries:
        promise = expected_improvement(expected, np.tile(deviation, (len(expected), 1)), table.values[rows], reference)
        promise[rows] = -1
        rows.append(int(promise.argmax()))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="a parquet file")
    parser.add_argument("--arch", required=True, help="the column of digits")
    parser.add_argument("--accuracy", required=True, help="the column of accuracies in percent")
    parser.add_argument("--cost", required=True, help="the column of the cost, small is better")
    parser.add_argument(
        "--alike", required=True, metavar="SAME", help="the column that is the same where networks compute the same"
    )
    parser.add_argument("--queries", type=int, default=200, help="networks that are asked for (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    try:
        table = Table.read(options.table, options.arch, options.accuracy, options.cost)
        score = Score(table)
        frame = pd.read_parquet(options.table)
        if options.alike not in frame:
            raise TableError(
                f"{options.table} has no column '{options.alike}'; {nearest(options.alike, map(str, frame.columns))}"
            )
        if not (table.values > 0).all():
            raise TableError(f"{options.table}: errors and costs must be above zero, for their logarithms are known")
        error, chance = by_others(table.values[:, 0], frame[options.alike])
    except NasError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    if not 1 <= options.queries <= len(table.rows):
        parser.error(f"--queries must be between 1 and {len(table.rows)}, but got {options.queries}")
    cost = table.values[:, 1]
    knowledge = {"added up": added_up(cost, list(table.rows)), "exactly": (np.log(cost), EXACT)}
    at = sorted({*(n for n in AT if n <= options.queries), -(-options.queries // 3), options.queries})
    rows = []
    for name, (costs, off) in knowledge.items():
        asked = search(
            table, np.column_stack([error, costs]), np.array([chance, off]), options.queries, score.reference
        )
        row: dict[str, Any] = {"cost is known": name, "error off by": chance, "cost off by": off}
        row |= {f"hv@{n}": score.hypervolume(asked[:n]) for n in at}
        rows.append(row | {f"gap@{n}": score.gap(asked[:n]) for n in at})
    title = f"search_ceiling: {options.table.name}, {options.accuracy} and {options.cost}"
    keys = ("arch", "accuracy", "cost", "alike", "queries")
    summary = {"table": options.table.name, "networks": len(table.rows)}
    summary |= {key: getattr(options, key) for key in keys}
    report(title, rows, list(rows[0]), environment(), options.out, summary=summary, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
