"""Does a search use that digits stand for more and less of something? Made-up widths, with digits in order or by lot.

    python -m benchmarks.search_order

Networks of five stages with one of eight widths each, as many as in the size space of NATS-Bench (X. Dong et al.,
2021), but with made-up values: the wider a stage, the less error it leaves, and the less a channel more is worth; one
more than twice as wide as the stage before leaves some; time is spent on starting each layer and on its
multiplications. Both have some chance. The same networks are searched by digits that are in the order of widths, and by
digits that stand for widths drawn by lot, another lot for each seed. Scores are those of `search_quality`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna

from benchmarks.common import environment, report
from benchmarks.recorded import Score, Table
from benchmarks.search_quality import measured, search, shown, summarize
from nas.errors import nearest
from nas.search import SAMPLERS

STAGES, WIDTHS = 5, 8
RESOLUTIONS = (32, 32, 32, 16, 8)  # px
ENOUGH = (18, 18, 20, 24, 24)  # channels within which what a stage leaves falls by a factor of e
MOST_LEFT = (2.7, 4.5, 7.2, 9.0, 7.2)  # points of error
LEAST_ERROR, BOTTLENECK = 29.0, 0.6  # points
BEGIN, PER_LAYER, PER_MAC = 1.2, 6e-4, 6e-8  # ms; a layer, by the square root of its MACs; a MAC
CHANCE_OF_ERROR, CHANCE_OF_LATENCY = 0.25, 0.02  # points; as a share


def widths() -> np.ndarray:
    """Of all networks, as indices (networks, stages)."""
    return np.array(list(itertools.product(range(WIDTHS), repeat=STAGES)))


def values(indices: np.ndarray, seed: int = 0) -> np.ndarray:
    """Error in percent and latency in ms, (networks, 2)."""
    rng = np.random.default_rng(seed)
    channels = 8.0 * (indices + 1)
    left = (np.array(MOST_LEFT) * np.exp(-channels / np.array(ENOUGH))).sum(axis=1)
    steps = np.log2(channels[:, 1:] / channels[:, :-1])
    error = LEAST_ERROR + left + BOTTLENECK * (np.maximum(0.0, steps - 1) ** 2).sum(axis=1)
    before = np.column_stack([np.full(len(channels), 3.0), channels[:, :-1]])
    pixels = np.array(RESOLUTIONS) ** 2
    macs = 9 * pixels * (before * channels + 10 * channels**2)  # a layer that widens, and ten that do not
    latency = BEGIN + (PER_LAYER * np.sqrt(macs) + PER_MAC * macs).sum(axis=1)
    error += CHANCE_OF_ERROR * rng.standard_normal(len(error))
    return np.column_stack([error, latency * np.exp(CHANCE_OF_LATENCY * rng.standard_normal(len(error)))])


def table(indices: np.ndarray, worth: np.ndarray, digits: Sequence[int]) -> Table:
    """The networks by a digit a stage: that of each width."""
    texts = ("".join(f"{digits[width]}" for width in network) for network in indices)
    choices = tuple(f"{digit}" for digit in sorted(digits))
    return Table({text: row for row, text in enumerate(texts)}, worth, (choices,) * indices.shape[1])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", default="surrogate,tpe,random", help=f"of {', '.join(SAMPLERS)} (%(default)s)")
    parser.add_argument("--queries", type=int, default=200, help="different networks of a search (%(default)s)")
    parser.add_argument("--seeds", type=int, default=10, help="searches of each sampler (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    names = list(dict.fromkeys(options.samplers.split(",")))
    if unknown := [name for name in names if name not in SAMPLERS]:
        parser.error(f"--samplers has no '{unknown[0]}'; {nearest(unknown[0], SAMPLERS)}")
    networks = widths()
    if not 1 <= options.queries <= len(networks) or options.seeds < 1:
        must = f"--queries must be between 1 and {len(networks)} and --seeds at least 1"
        parser.error(f"{must}, but got {options.queries} and {options.seeds}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    worth = values(networks)
    rows, keys = [], measured(options.queries)
    for name, by_lot in itertools.product(names, (False, True)):
        each = []
        for seed in range(options.seeds):
            lot = np.random.default_rng(seed).permutation(WIDTHS).tolist()
            searched = table(networks, worth, lot if by_lot else range(WIDTHS))
            each.append(search(searched, Score(searched), name, options.queries, seed))
            told = ", ".join(f"{key} {value:.4g}" for key, value in each[-1].items())
            print(f"{name}, digits {_digits(by_lot)}: {told}", file=sys.stderr, flush=True)
        rows.append({"digits": _digits(by_lot)} | summarize(name, each, keys))
    kept = [key for key in keys if rows[0][key] is not None]
    report(
        f"search_order: {len(networks):,} made-up networks, {options.queries} of them asked for",
        rows,
        ["sampler", "digits", *kept],
        environment(),
        options.out,
        summary={"queries": options.queries, "seeds": options.seeds},
        as_json=options.json,
        shown=[shown(row, options.queries) for row in rows],
    )
    return 0


def _digits(by_lot: bool) -> str:
    return "by lot" if by_lot else "in order"


if __name__ == "__main__":
    sys.exit(main())
