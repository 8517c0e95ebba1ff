"""How far MACs tell latency: every network of the zoo that can be measured within ten seconds, on this machine.

Measured as `nas measure` does, networks with fewer MACs first; when five in a row took longer than `--seconds`, those
with still more MACs are left out. Two fits of the logarithm of the latency, by least squares over all networks: on
MACs, and on MACs and activations. Printed: rank correlation, and the share of networks within 10% of each fit. Writes a
figure of latency against MACs beside the results. A run that was cut goes on where it stopped.

    python -m benchmarks.zoo_latency --out benchmarks/results/zoo_latency.json
    python -m benchmarks.zoo_latency --networks lenet5 resnet8 resnet20 --out /tmp/some.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import RESULTS, environment, report
from benchmarks.zoo_figure import Mark, figure
from nas.arch import Part, Plan, TokenShape, main_of
from nas.errors import NasError
from nas.measure import Meter, load_device
from nas.space import decided_plan
from nas.store.files import append_line, read_lines
from nas.study.spaces import catalogue, open_space
from nas.study.zoo import zoo_files

NEAR = 0.1
IN_A_ROW = 5
COLUMNS = {
    "network": "network",
    "kind": "kind",
    "params": "params",
    "macs": "MACs",
    "activations": "activations",
    "ms": "ms",
    "low": "low",
    "high": "high",
    "off, macs": "off %, MACs",
    "off, both": "off %, and activations",
    "seconds": "s",
    "flags": "flags",
}


def main() -> None:
    options = _options()
    where = environment()
    began = time.perf_counter()
    rows = measured(options)
    fitting = [row for row in rows if row["seconds"] is not None and row["seconds"] <= options.seconds]
    summary: dict[str, Any] = {"networks": len(rows), "within the time": len(fitting)}
    summary["of these not trusted"] = sum(not row["trusted"] for row in fitting)
    if len(fitting) >= 3:
        summary |= fits(fitting)
        marks = [Mark(row["network"], row["kind"], row["macs"], row["ms"], row["low"], row["high"]) for row in fitting]
        picture = options.out.with_suffix(".svg")
        picture.write_text(figure(marks, _line(fitting)), encoding="utf-8")
    summary["minutes, this run"] = round((time.perf_counter() - began) / 60, 2)
    title = f"Latency of the zoo on {load_device(options.device).name}, batch 1"
    report(title, rows, COLUMNS, where, options.out, summary=summary, as_json=options.json)
    _done_file(options).unlink(missing_ok=True)


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row a network, with fewer MACs first; what an earlier run that was cut has measured is taken from there."""
    table = catalogue()
    plans = []
    for path in zoo_files():
        if not options.networks or path.stem in options.networks:
            plan = decided_plan(open_space(str(path)))
            plans.append((table.plan(plan), plan))
    plans.sort(key=lambda pair: pair[0].macs)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done = _done(options)
    rows: list[dict[str, Any]] = []
    slow = 0
    with Meter(options.device) as meter:
        for cost, plan in plans:
            row = {
                "network": plan.name,
                "arch_id": plan.arch_id,
                "kind": kind(plan),
                "resolution": plan.input.height,
                "params": cost.params,
                "macs": cost.macs,
                "activations": cost.activations,
            }
            took = done.get(plan.arch_id)
            if took is None and slow < IN_A_ROW:
                took = _measure(meter, plan)
                append_line(_done_file(options), {"arch_id": plan.arch_id, "found": took})
                print(f"{plan.name}: {took}", file=sys.stderr)
            row |= took or {"ms": None, "low": None, "high": None, "seconds": None, "flags": "not measured"}
            slow = slow + 1 if row["seconds"] is None or row["seconds"] > options.seconds else 0
            rows.append(row)
    return rows


def _measure(meter: Meter, plan: Plan) -> dict[str, Any]:
    try:
        latency = meter.measure(plan.architecture)
    except NasError as error:
        return {"ms": None, "low": None, "high": None, "seconds": None, "flags": str(error).split("\n")[0]}
    return {
        "ms": latency.p50,
        "low": latency.low,
        "high": latency.high,
        "p90": latency.p90,
        "pairs": latency.pairs,
        "trusted": latency.trusted,
        "seconds": round(latency.seconds, 2),
        "flags": ", ".join(latency.flags),
        "evidence": latency.evidence,
    }


def kind(plan: Plan) -> str:
    """By where the MACs are: `attention` when nine in ten are in blocks over tokens or with a mixer."""
    table = catalogue()
    inside = total = 0
    for step in plan.steps:
        macs = table.step(step).macs
        mixes = isinstance(step.block.fields.get("mixer"), Part) or isinstance(main_of(step.in_shape), TokenShape)
        inside, total = inside + macs * mixes, total + macs
    share = inside / max(1, total)
    return "attention" if share > 0.9 else "hybrid" if share > 0.05 else "convolution"


def fits(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rank correlations and shares near the fits; writes into each row by how much each fit is off."""
    ms = np.array([row["ms"] for row in rows])
    found: dict[str, Any] = {"Spearman of MACs and latency": round(_spearman([row["macs"] for row in rows], ms), 3)}
    for name, keys in (("macs", ("macs",)), ("both", ("macs", "activations"))):
        said = " and ".join({"macs": "MACs", "activations": "activations"}[key] for key in keys)
        weights = _fit(rows, keys)
        off = np.exp(_logs(rows, keys) @ weights) / ms - 1
        for row, each in zip(rows, off, strict=True):
            row[f"off, {name}"] = round(100 * float(each), 1)
        exponents = {key: round(float(weight), 3) for key, weight in zip(keys, weights[1:], strict=True)}
        found[f"within {NEAR:.0%} of the fit on {said}"] = f"{np.mean(abs(off) <= NEAR):.1%} of {len(rows)}"
        found[f"median off, fit on {said}"] = f"{np.median(abs(off)):.1%}"
        found[f"exponents, fit on {said}"] = str(exponents)
        if name == "both":
            found[f"Spearman of the fit on {said} and latency"] = round(_spearman(off * ms + ms, ms), 3)
    return found


def _line(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Factor and exponent of the fit on MACs."""
    constant, exponent = _fit(rows, ("macs",))
    return float(np.exp(constant)), float(exponent)


def _fit(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Any:
    logs = np.log([row["ms"] for row in rows])
    return np.linalg.lstsq(_logs(rows, keys), logs, rcond=None)[0]


def _logs(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Any:
    return np.array([[1.0, *(np.log(row[key]) for key in keys)] for row in rows])


def _spearman(a: Any, b: Any) -> float:
    return float(pd.Series(a).rank().corr(pd.Series(b).rank()))


def _done_file(options: argparse.Namespace) -> Path:
    path: Path = options.out.with_suffix(".cut.jsonl")
    return path


def _done(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What was measured by a run that was cut, by `arch_id`; a last line that was cut too is left out."""
    return {row["arch_id"]: row["found"] for row in read_lines(_done_file(options))}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", metavar="NAME", help="some of the zoo instead of all")
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring, at most, for a network to count")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or a device file")
    parser.add_argument("--out", type=Path, default=RESULTS / "zoo_latency.json")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    main()
