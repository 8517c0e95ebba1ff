"""Depth, width, resolution, compound and fast scaling of a small network at two and four times its MACs, trained.

    python -m benchmarks.scaling --data cifar10.npz --work /tmp/scaling            # 40 minutes on two cores

Every network is trained with every seed by one recipe and measured; beside accuracy and latency: whether the best at
each size is more than the noise of seeds, and how far off the law (error against MACs, fitted to a ladder of compound
scaling from a quarter to twice the MACs) is at the rung that it never saw, four times. Everything goes to `--work`, an
ordinary results folder, so that a run that was cut goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, environment, report
from nas.cli.live import LiveProgress
from nas.errors import NasError
from nas.scale.laws import fit_power_law
from nas.scale.noise import winner
from nas.space import decided_plan
from nas.study.config import read_study_as
from nas.study.open import OpenStudy, open_study
from nas.study.scaling_config import CompareSettings, CompareStudy
from nas.study.scaling_networks import Entry, compare_entries
from nas.study.scaling_run import Planned, run_scaling

SIZES = (2.0, 4.0)
LADDER = (0.25, 0.5, 2.0)  # of compound scaling, besides the base; what the law is fitted to
HELD_OUT = 4.0
COLUMNS = {
    "name": "network", "depth": "depth", "width": "width", "side": "pixels", "params": "params", "macs": "MACs",
    "latency": "latency (ms)", "accuracy": "accuracy (%)", "seeds": "by seed (%)",
}  # fmt: skip


def main() -> None:
    options = _options()
    study = _study(options)
    entries = _entries(study)
    planned = Planned(study, decided_plan(study.space), entries, options.seeds, "compare")
    with LiveProgress(f"{len(entries)} networks, {options.seeds} seeds -> {options.work}") as live:
        document = run_scaling(planned, options.work, live.update)
    rows = [_shown(row) for row in document["rows"]]
    trained = f"{options.seeds} seeds, {options.epochs} epochs of {options.images:,} images"
    title = f"Ways to scale {planned.base.name}: {trained}"
    report(title, rows, COLUMNS, environment(), options.out, summary=_summary(document["rows"]), as_json=options.json)


def _study(options: argparse.Namespace) -> OpenStudy:
    changes = {
        "name": "scaling_benchmark",
        "space": options.space,
        "data": {"name": "npz", "path": str(options.data.resolve()), "limit": options.images},
        "recipe": {"epochs": options.epochs, "flip": True, "crop_padding": 4, "batch_size": 128},
        "compare.seeds": options.seeds,
    }
    return open_study(read_study_as(CompareStudy, "scaling", changes))


def _entries(study: OpenStudy) -> list[Entry]:
    """All methods at all sizes, then what the ladder of compound scaling needs besides."""
    base = decided_plan(study.space)
    sizes = compare_entries(base, CompareSettings(factors=list(SIZES), at=["macs"]), None)
    rungs = [size for size in LADDER if size not in SIZES]
    ladder = compare_entries(base, CompareSettings(methods=["formula"], factors=rungs, at=["macs"]), None)
    return [*sizes, *ladder[1:]]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds = f" [{row['latency_low']:.3f}, {row['latency_high']:.3f}]" if "latency_low" in row else ""
    interval = f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" if row["low"] is not None else ""
    return {
        **row,
        "latency": f"{row['latency_ms']:.3f}{bounds}" if "latency_ms" in row else "-",
        "accuracy": f"{100 * row['accuracy']:.1f}{interval}",
        "seeds": " ".join(f"{100 * value:.1f}" for value in row["accuracies"]),
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for size in SIZES:
        groups = {row["name"]: row["accuracies"] for row in rows if row["s"] == size}
        summary[f"at {size:g} times the MACs"] = winner(groups).sentence("methods")
    ladder = [row for row in rows if row["method"] in ("base", "compound") and row["s"] != HELD_OUT]
    sizes = [row["macs"] for row in ladder for _ in row["accuracies"]]
    errors = [1 - accuracy for row in ladder for accuracy in row["accuracies"]]
    held = next(row for row in rows if row["method"] == "compound" and row["s"] == HELD_OUT)
    law = fit_power_law(sizes, errors)
    middle, low, high = (float(each[0]) for each in law.predict([held["macs"]]))
    summary["law of compound scaling"] = (
        f"error = {law.floor:.3g} + {law.scale:.3g} * (MACs / {law.unit:.3g})^-{law.exponent:.3g}, exponent "
        f"{law.exponent_interval[0]:.2g} to {law.exponent_interval[1]:.2g}"
    )
    summary["at the rung it never saw"] = (
        f"error {1 - held['accuracy']:.1%} at {held['macs']:,} MACs, expected {middle:.1%} ({low:.1%} to {high:.1%}): "
        f"off by {middle / (1 - held['accuracy']) - 1:+.1%}"
    )
    return summary


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="npz with train_x, train_y and test_x, test_y")
    parser.add_argument("--work", type=Path, required=True, help="results folder")
    parser.add_argument("--space", default="small_mbconv", help="the network to scale")
    parser.add_argument("--images", type=int, default=8000, help="of the training images")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "scaling.json", help="results file")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
