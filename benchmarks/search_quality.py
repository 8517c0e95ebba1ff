"""How good is the front after 50, 100 and 200 networks, or as many as asked for: samplers on recorded tables.

    python -m benchmarks.search_quality --table FILE.parquet --arch COLUMN --accuracy COLUMN --cost COLUMN
    python -m benchmarks.search_quality --table FILE.parquet --arch COLUMN --pair ACCURACY:COST --pair ACCURACY:COST
    python -m benchmarks.search_quality --table FILE.parquet --arch COLUMN --single --accuracy COLUMN

Any table will do whose architecture column is a string of digits, one decision a digit. Objectives are 100 minus the
accuracy (in percent) and the cost. The reference point is the 95th percentile of the error and the 99.5th of the cost;
hypervolumes are divided by that of the exact front. `gap` is how many points are missing to the best accuracy below the
30th percentile of the cost. With `--single` the accuracy is all: `to_best` is how many networks it took to the best of
the table. A network that is asked for again is answered again and costs no query, but counts as ask. Seconds are those
spent on asking and telling. Samplers know nothing of the table; they are those of `search.sampler`, and `syne:NAME` of
Syne Tune where that is installed (see `askers.py`). `surrogate+` is also given the numbers of `--features`, columns
that are known without training, such as zero-cost proxies: of the few networks that promise most, as in a study. With
`--space` the samplers of Optuna see the names and values of its decisions, as in a study, for those may tell more than
digits: the surrogate knows the edges of a cell by them. With `--running N` so many other networks are in training
whenever one is asked for, and which one is done next is left to chance.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna

from benchmarks.askers import NOTHING, PREFIX, SYNE, Known, decisions_of, make_asker
from benchmarks.common import environment, report
from benchmarks.recorded import Score, Table, TableError, read_features
from nas.errors import NasError
from nas.search import SAMPLERS, choose_sampler

__all__ = ["Pair", "Score", "Table", "TableError", "main", "search", "search_best", "summarize"]

AT = (50, 100, 200)
MOST_ASKS = 50  # times the queries; a sampler that still finds nothing new has settled
MEASURED_SINGLE = ("to_best", "asks", "seconds")


class Pair(NamedTuple):
    """What is searched for: columns of the table; without a cost, the best accuracy."""

    accuracy: str
    cost: str | None = None

    def __str__(self) -> str:
        return self.accuracy if self.cost is None else f"{self.accuracy}, {self.cost}"


def search(
    table: Table, score: Score, name: str, queries: int, seed: int, known: Known = NOTHING, running: int = 0
) -> dict[str, Any]:
    """One search: scores at each of `AT` and in the end, all asks, seconds spent on them."""
    found: dict[str, Any] = {}

    def look(rows: list[int]) -> bool:
        if len(rows) in (*AT, queries):
            found[f"hv@{len(rows)}"] = score.hypervolume(rows)
            found[f"gap@{len(rows)}"] = score.gap(rows)
        return False

    return _search(table, name, queries, seed, look, known, running) | found


def search_best(
    table: Table, name: str, queries: int, seed: int, known: Known = NOTHING, running: int = 0
) -> dict[str, Any]:
    """One search for the least error: networks until it was found, None where so many queries did not."""
    best = table.values[:, 0].min()
    found: dict[str, Any] = {"to_best": None}

    def look(rows: list[int]) -> bool:
        if table.values[rows[-1], 0] <= best:
            found["to_best"] = len(rows)
        return found["to_best"] is not None

    return _search(table, name, queries, seed, look, known, running) | found


def _search(
    table: Table, name: str, queries: int, seed: int, look: Callable[[list[int]], bool], known: Known, running: int
) -> dict[str, Any]:
    """Ask until so many networks are known, or until `look`, which sees their rows whenever there is a new one."""
    asker = make_asker(name, table.choices, table.values.shape[1], seed, known)
    chance = random.Random(seed)
    training: list[tuple[Any, str]] = []
    rows: dict[int, None] = {}
    asks, seconds = 0, 0.0
    while len(rows) < queries and asks < MOST_ASKS * queries + running:
        began = time.perf_counter()
        training.append(asker.ask())
        asks += 1
        row = None
        if len(training) > running:
            handle, digits = training.pop(chance.randrange(len(training)))
            row = table.rows.get(digits)
            asker.tell(handle, None if row is None else table.values[row].tolist())
        seconds += time.perf_counter() - began
        if row is not None and row not in rows:
            rows[row] = None
            if look(list(rows)):
                break
    return {"seed": seed, "asks": asks, "seconds": seconds}


def measured(queries: int) -> tuple[str, ...]:
    """What is measured in a search for so many networks; what lies beyond them is None."""
    at = sorted({*AT, queries})
    return (*(f"hv@{n}" for n in at), *(f"gap@{n}" for n in at), "asks", "seconds")


def summarize(name: str, each: Sequence[dict[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    """Medians over seeds with quartiles, None where too many ended before, `reached` how many found the best."""
    row: dict[str, Any] = {"sampler": name, "seeds": len(each)}
    quartiles: dict[str, list[float | None]] = {}
    for key in keys:
        values = [math.inf if one.get(key) is None else one[key] for one in each]
        if key != "to_best" and math.inf in values:
            row[key] = None
            continue
        row[key] = _finite(statistics.median(values))
        # Between a number and none there is none.
        method = "higher" if math.inf in values else "linear"
        quartiles[key] = [_finite(float(at)) for at in np.percentile(values, [25, 75], method=method)]
    if "to_best" in keys:
        row["reached"] = sum(one["to_best"] is not None for one in each)
    return row | {"quartiles": quartiles, "each": list(each)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def shown(row: Mapping[str, Any], queries: int) -> dict[str, Any]:
    """A row as the table has it: the quartiles under the median."""

    def words(value: float | None, digits: int = 4) -> str:
        return f">{queries}" if value is None else f"{value:.{digits}g}"

    def cell(key: str) -> Any:
        if key not in row["quartiles"]:
            return row[key]
        return f"{words(row[key])}\n{'-'.join(words(end, 3) for end in row['quartiles'][key])}"

    return {key: cell(key) for key in row}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    samplers = ", ".join(["auto", *SAMPLERS, "surrogate+", *(PREFIX + name for name in SYNE)])
    parser.add_argument("--table", type=Path, required=True, help="a parquet file")
    parser.add_argument("--arch", required=True, help="the column of digits")
    parser.add_argument("--accuracy", help="the column of accuracies in percent")
    parser.add_argument("--cost", help="the column of the cost, small is better")
    parser.add_argument(
        "--pair", action="append", default=[], metavar="ACCURACY:COST", help="two columns; repeat it for several tables"
    )
    parser.add_argument("--single", action="store_true", help="how many networks until the best accuracy; no cost")
    parser.add_argument(
        "--samplers", default="surrogate,ageing,local,tpe,nsga2,gp,random", help=f"of {samplers} (%(default)s)"
    )
    parser.add_argument("--space", help="a space, by name or file, whose decisions in their order are the digits")
    parser.add_argument("--features", help="columns of numbers, with commas, for the sampler `surrogate+`")
    parser.add_argument(
        "--queries",
        type=int,
        default=200,
        help="different networks a search may ask for; scores are those at 50, 100, 200 and in the end (%(default)s)",
    )
    parser.add_argument("--seeds", type=int, default=10, help="searches of each sampler (%(default)s)")
    parser.add_argument("--running", type=int, default=0, help="others in training when one is asked for (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    if options.queries < 1 or options.seeds < 1:
        parser.error(f"--queries and --seeds must be at least 1, but got {options.queries} and {options.seeds}")
    if options.running < 0:
        parser.error(f"--running must be at least 0, but got {options.running}")
    names = list(dict.fromkeys(chosen(name, options.queries) for name in options.samplers.split(",")))
    informed = [name for name in names if name.endswith("+")]
    if informed and not options.features:
        parser.error(f"--features must name columns for {informed[0]}, but is not given")
    if options.features and not informed:
        parser.error("--features must be for a sampler such as surrogate+, but --samplers names none with a +")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        pairs = asked_for(options.accuracy, options.cost, options.pair, options.single)
        tables = {pair: Table.read(options.table, options.arch, pair.accuracy, pair.cost) for pair in pairs}
        scores = {pair: Score(table) for pair, table in tables.items() if pair.cost is not None}
        features = read_features(options.table, options.arch, options.features.split(",")) if options.features else {}
        known = Known(
            features, decisions_of(options.space, next(iter(tables.values())).choices) if options.space else {}
        )
        for pair, name in ((pair, name) for pair in pairs for name in names):
            make_asker(name, tables[pair].choices, 2 if pair.cost else 1, 0, known)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    queries = min(options.queries, *(len(table.rows) for table in tables.values()))
    keys = MEASURED_SINGLE if options.single else measured(queries)
    rows = []
    for number, pair in enumerate(pairs, 1):
        for name in names:
            each = []
            for seed in range(options.seeds):
                if pair.cost is None:
                    each.append(search_best(tables[pair], name, queries, seed, known, options.running))
                else:
                    each.append(search(tables[pair], scores[pair], name, queries, seed, known, options.running))
                told = ", ".join(f"{key} {_told(value)}" for key, value in each[-1].items())
                print(f"{pair}: {name}: {told}", file=sys.stderr, flush=True)
            rows.append(summarize(name, each, keys) | {"pair": number, "accuracy": pair.accuracy, "cost": pair.cost})
    beyond = {f"{score}@{n}" for score in ("hv", "gap") for n in AT if n > queries}
    columns = ["sampler", *(key for key in keys if key not in beyond), *(["reached"] if options.single else [])]
    title = f"search_quality: {options.table.name}, {queries} networks"
    summary = {"table": options.table.name, "accuracy": pairs[0].accuracy, "cost": pairs[0].cost, "queries": queries}
    summary |= {"running": options.running} if options.running else {}
    summary |= {"space": options.space} if options.space else {}
    summary |= {"features": ", ".join(features)} if features else {}
    if len(pairs) > 1:
        columns = ["pair", *columns]
        named = {f"pair {number}": str(pair) for number, pair in enumerate(pairs, 1)}
        summary = {key: value for key, value in summary.items() if key not in Pair._fields} | named
    report(
        title,
        rows,
        columns,
        environment(),
        options.out,
        summary=summary,
        as_json=options.json,
        shown=[shown(row, queries) for row in rows],
    )
    return 0


def chosen(name: str, queries: int) -> str:
    """What `auto`, or `auto+`, means for so many queries; any other name as it is."""
    bare = name.removesuffix("+")
    return choose_sampler(bare, queries) + name[len(bare) :]


def asked_for(accuracy: str | None, cost: str | None, pairs: Sequence[str], single: bool) -> list[Pair]:
    """The pairs of columns that the options name. Raises `TableError`."""
    found = []
    if accuracy is not None and (single or cost is not None):
        found.append(Pair(accuracy, None if single else cost))
    elif accuracy is not None or (cost is not None and not single):
        raise TableError("--accuracy and --cost must be given together, but one is missing (with --single: no cost)")
    for text in pairs:
        first, separator, second = text.partition(":")
        if not first or bool(separator) != bool(second) or not (second or single):
            raise TableError(f"--pair must be ACCURACY:COST, but got '{text}'")
        found.append(Pair(first, None if single else second))
    if not found:
        raise TableError("columns must be named, by --accuracy and --cost or by --pair ACCURACY:COST, but none is")
    return list(dict.fromkeys(found))


def _told(value: Any) -> str:
    return "not reached" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    sys.exit(main())
