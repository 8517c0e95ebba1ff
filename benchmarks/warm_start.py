"""What a warm start gains: a search with networks of a finished study on other data and another device, and without.

    python -m benchmarks.warm_start --table nasbench201.parquet

Each seed first searches the earlier pair of columns, then the other one twice, all as `nas search` does on a recorded
table of NAS-Bench-201. Scores are those of `benchmarks.search_quality`, after 20 and 50 networks.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import environment, report
from benchmarks.search_quality import Score, Table
from nas.errors import NasError
from nas.study.config import StudyConfig
from nas.study.table_run import open_table_study, run_table_study

AT = (20, 50)
KEY = "ops"


def study(table: Path, pair: Sequence[str], sampler: str, trials: int, seed: int, warm: Sequence[Path]) -> StudyConfig:
    """A study of a pair of columns: accuracy in percent, cost."""
    accuracy, cost = pair
    return StudyConfig.model_validate(
        {
            "name": "warm" if warm else "cold",
            "space": "nasbench201",
            "evaluator": {
                "table": str(table),
                "key": KEY,
                "costs": {"latency_ms": cost},
                "epochs": {200: {"accuracy": f"{accuracy} / 100"}},
            },
            "objectives": ["maximize accuracy", "minimize latency_ms"],
            "search": {"sampler": sampler, "trials": trials, "seed": seed, "warm_start": [str(each) for each in warm]},
            "run": {"concurrent": 1},
        }
    )


def found_by(config: StudyConfig, folder: Path) -> list[int]:
    """The rows of the table in the order in which a search asked for them."""
    opened = open_table_study(config)
    records = run_table_study(opened, folder, lambda progress: None).records
    return [opened.table.row(each.decisions) for each in records if each.state == "complete"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="NAS-Bench-201 as a parquet file")
    parser.add_argument("--earlier", default="c10_test_e200,lat_ms_titan_rtx_256", help="columns: accuracy, cost")
    parser.add_argument("--study", default="c100_val_e200,lat_ms_gold_6226", help="columns: accuracy, cost")
    parser.add_argument("--earlier-trials", type=int, default=100)
    parser.add_argument("--samplers", default="surrogate,tpe,random")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    earlier, pair = options.earlier.split(","), options.study.split(",")
    if len(earlier) != 2 or len(pair) != 2:
        parser.error("--earlier and --study must each be two columns, ACCURACY,COST")
    rows: list[dict[str, Any]] = []
    try:
        table = Table.read(options.table, KEY, *pair)
        score = Score(table)
        for sampler in options.samplers.split(","):
            each: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
            for seed in range(options.seeds):
                with tempfile.TemporaryDirectory() as scratch:
                    before = Path(scratch) / "earlier"
                    found_by(study(options.table, earlier, sampler, options.earlier_trials, seed, []), before)
                    for kind, warm in (("cold", []), ("warm", [before])):
                        config = study(options.table, pair, sampler, max(AT), seed + 100, warm)
                        asked = found_by(config, Path(scratch) / kind)
                        each[kind].append({f"hv@{n}": score.hypervolume(asked[:n]) for n in AT})
                print(f"{sampler} {seed}: {each['cold'][-1]} {each['warm'][-1]}", file=sys.stderr, flush=True)
            rows += [summarize(f"{sampler}, {kind}", numbers) for kind, numbers in each.items()]
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    columns = ["search", *(f"hv@{n}" for n in AT), *(f"quartiles@{n}" for n in AT)]
    title = f"warm_start: {', '.join(pair)} after {', '.join(earlier)}, {options.seeds} seeds"
    summary = {"table": options.table.name, "earlier_trials": options.earlier_trials, "seeds": options.seeds}
    report(title, rows, columns, environment(), options.out, summary=summary, as_json=options.json)
    return 0


def summarize(name: str, each: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Medians and quartiles over seeds."""
    row: dict[str, Any] = {"search": name, "each": list(each)}
    for n in AT:
        values = [one[f"hv@{n}"] for one in each]
        low, high = np.percentile(values, [25, 75])
        row |= {f"hv@{n}": statistics.median(values), f"quartiles@{n}": f"{low:.3f} to {high:.3f}"}
    return row


if __name__ == "__main__":
    sys.exit(main())
