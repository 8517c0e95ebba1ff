"""How well is the latency of networks predicted that this machine measures itself, and how long does it take?

Spaces `mobile` at 112 pixels and `hybrid` at 64, where networks take about 2 to 100 ms on one core, eager and through
ONNX Runtime: 150 networks to learn from (as `nas calibrate` chooses them), then 100 others, drawn at random from a pool
that spans the space's sizes evenly in log MACs, to test on. Beside it, learning from the same networks: ridge on MACs
and activations, gradient boosting on counts, MACs and activations, and (`--lookup`) the sum of blocks that were
measured alone. Ours is told as well on those tests alone whose measurement converged, without the blocks measured alone
that it starts from, and as learnt from the first 20 and 50 networks. Everything measured is kept in `--work`, so that a
run that was cut goes on there.

    python -m benchmarks.predictor_live --work /tmp/live                                  # an hour or two
    python -m benchmarks.predictor_live --work /tmp/live --spaces mobile --runtimes eager --networks 40 --hold-out 20
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import RESULTS, environment, report
from benchmarks.predictor_blocks import LookupTable
from nas.errors import NasError
from nas.measure import Device, Meter, check_device
from nas.measure.alone import BUILDER, QUICK
from nas.measure.predictor import HeldOutError, held_out_error
from nas.study.calibrate import Calibrated, calibrate
from nas.study.calibration_log import CalibrationLog, Measured, lines_beside
from nas.study.calibration_run import Standing, Wanted, learnt_from
from nas.study.spaces import catalogue, open_space

RESOLUTIONS = {"mobile": 112, "hybrid": 64}
RUNTIMES = ("eager", "onnxruntime")
OURS = "nas.measure.predictor"
BARE = "the same without blocks measured alone"
CONVERGED = "the same, tested on measurements that converged"
FEW = (20, 50)  # of the networks learnt from, the first measured: what a short calibration would have given
COLUMNS = {
    "case": "space, runtime",
    "who": "predicted by",
    "learnt from": "learnt from",
    "spearman": "Spearman",
    "within 5": "5%",
    "within 10": "10%",
    "coverage": "in 90%",
    "ms": "ms",
    "minutes": "minutes",
    "not trusted": "not trusted",
}

Array = NDArray[np.float64]


def main() -> None:
    options = _options()
    where, rows = environment(), []
    summary: dict[str, Any] = {}
    for name in options.spaces:
        for runtime in options.runtimes:
            found = one(name, runtime, options)
            rows += found
            ours = found[0]
            summary[f"{name}, {runtime}"] = (
                f"Spearman {ours['spearman']:.3f}, {ours['within 10']:.0%} within 10%, {ours['coverage']:.0%} in their "
                f"90% interval, {ours['minutes']:.1f} minutes"
            )
    title = (
        f"Latency predicted from {options.networks} measured networks, on {options.hold_out} others: Spearman, "
        "shares within 5% and 10%, share in the 90% interval"
    )
    report(title, rows, COLUMNS, where, options.out, summary=summary, as_json=options.json)


def one(name: str, runtime: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each predictor of one space on one runtime, ours first."""
    space = open_space(name, resolution=RESOLUTIONS[name])
    device = Device(name=f"cpu_{runtime}", runtime=runtime)
    check_device(device)
    wanted = Wanted(space, device, networks=options.networks, hold_out=options.hold_out, seed=options.seed)
    file = options.work / f"{name}_{runtime}.json"
    with Meter(device, wanted.procedure) as meter, Meter(device, QUICK, builder=BUILDER) as blocks:
        done = calibrate(wanted, meter, file, _said(f"{name}, {runtime}"), blocks)
    log = CalibrationLog(lines_beside(file), space, done.calibration.count)
    measured = [each for each in log.read(done.calibration.predictor.key) if each.tells]
    known, held = [each for each in measured if not each.test], [each for each in measured if each.test]
    if options.lookup:
        table = LookupTable(options.work / f"{name}_{runtime}_blocks.jsonl", device)
        table.fill(each.plan for each in held)
        others = {**OTHERS, "blocks measured alone, added": lambda _, tests: _sums(table, tests)}
    else:
        others = OTHERS
    common = {"case": f"{name} at {RESOLUTIONS[name]}, {runtime}", "learnt from": len(known)}
    rows = [{**common, "who": OURS, **_numbers(_ours(known, held)), **_about(done, held)}]
    if sure := [each for each in held if _converged(each)]:
        rows.append({**common, "who": CONVERGED, **_numbers(_ours(known, sure))})
    rows.append({**common, "who": BARE, **_numbers(_ours(_bare(known), _bare(held)))})
    for few in (each for each in FEW if each < len(known)):
        some, fewer = known[:few], {**common, "learnt from": few}
        rows.append({**fewer, "who": OURS, **_numbers(_ours(some, held))})
        rows.append({**fewer, "who": BARE, **_numbers(_ours(_bare(some), _bare(held)))})
    for who, predict in others.items():
        rows.append({**common, "who": who, **_numbers(_error(predict(known, held), held))})
    rows[-1]["learnt from"] = 0 if options.lookup else len(known)
    return rows


def _bare(measured: Sequence[Measured]) -> list[Measured]:
    """The same, nothing known before measuring."""
    return [replace(each, counts=replace(each.counts, prior_ms=None)) for each in measured]


def _converged(measured: Measured) -> bool:
    """Whether its interval became as narrow as the protocol asks; elsewhere the error is partly that of measuring."""
    return "not_converged" not in measured.latency["flags"]


def _ours(known: Sequence[Measured], held: Sequence[Measured]) -> HeldOutError:
    predictor = learnt_from(known)
    p50, low, high = predictor.predict([each.counts for each in held])
    ms = _ms(held)
    return held_out_error(p50, ms, (low <= ms) & (ms <= high))


def _error(predicted: Array, held: Sequence[Measured]) -> HeldOutError:
    there = np.isfinite(predicted)
    return held_out_error(predicted[there], _ms(held)[there], np.full(int(there.sum()), np.nan))


def _numbers(error: HeldOutError) -> dict[str, Any]:
    coverage = None if np.isnan(error.coverage90) else error.coverage90
    return {
        "n": error.n,
        "spearman": error.spearman,
        "within 5": error.within5,
        "within 10": error.within10,
        "coverage": coverage,
    }


def _about(done: Calibrated, held: Sequence[Measured]) -> dict[str, Any]:
    ms = _ms(held)
    return {
        "ms": f"{ms.min():.3g} to {ms.max():.3g}",
        "minutes": done.calibration.about["minutes"],
        "not trusted": done.calibration.about["not_trusted"],
        "left out": done.calibration.about["left_out"],
        "device": done.calibration.predictor.key.device,
    }


def _ms(measured: Sequence[Measured]) -> Array:
    return np.array([each.ms for each in measured])


def _costs(measured: Sequence[Measured]) -> Array:
    """MACs and activations, (n, 2)."""
    found = [catalogue().plan(each.plan) for each in measured]
    return np.array([[cost.macs, cost.activations] for cost in found], float)


def ridge(known: Sequence[Measured], held: Sequence[Measured]) -> Array:
    """Log time by ridge on log MACs and log activations, its strength by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    columns, others = np.log(_costs(known)), np.log(_costs(held))
    mean, scale = columns.mean(0), columns.std(0)
    model = RidgeCV(np.logspace(-4, 2, 13)).fit((columns - mean) / scale, np.log(_ms(known)))
    return np.exp(model.predict((others - mean) / scale))


def boosting(known: Sequence[Measured], held: Sequence[Measured]) -> Array:
    """Log time by gradient boosting of trees on counts of blocks and fields, MACs and activations."""
    from sklearn.ensemble import GradientBoostingRegressor

    names = sorted({name for each in known for level in each.counts.levels[:3] for name in level})

    def columns(measured: Sequence[Measured]) -> Array:
        rows = [{k: v for level in each.counts.levels[:3] for k, v in level.items()} for each in measured]
        return np.column_stack([np.array([[row.get(name, 0.0) for name in names] for row in rows]), _costs(measured)])

    model = GradientBoostingRegressor(
        n_estimators=300, learning_rate=0.05, max_depth=3, subsample=0.8, max_features=0.3, random_state=0
    )
    return np.exp(model.fit(columns(known), np.log(_ms(known))).predict(columns(held)))


def _sums(table: LookupTable, held: Sequence[Measured]) -> Array:
    return np.array([table.total(each.plan) for each in held])


OTHERS: dict[str, Callable[[Sequence[Measured], Sequence[Measured]], Array]] = {
    "ridge on MACs and activations": ridge,
    "gradient boosting": boosting,
}


def _said(title: str) -> Callable[[Standing], None]:
    """Every tenth network a line on standard error."""

    def tell(standing: Standing) -> None:
        count = standing.learnt + standing.tested
        if count % 10 == 0 or standing.finished:
            left = "" if standing.eta_s is None else f", about {standing.eta_s / 60:.0f} min left"
            print(
                f"{title}: {standing.learnt}/{standing.networks} and {standing.tested}/{standing.hold_out}{left}",
                file=sys.stderr,
            )

    return tell


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for measurements and calibrations")
    parser.add_argument("--spaces", nargs="+", choices=RESOLUTIONS, default=list(RESOLUTIONS))
    parser.add_argument("--runtimes", nargs="+", default=list(RUNTIMES))
    parser.add_argument("--networks", type=int, default=150, help="to learn from")
    parser.add_argument("--hold-out", type=int, default=100, help="to test on")
    parser.add_argument("--lookup", action="store_true", help="also measure the blocks of those tested on alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "predictor_live.json", help="results file")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
