"""Calibrates a latency predictor of a space on a device, tells its error on networks held out, and keeps it."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.errors import BudgetUnreachable, NasError, StoreError
from nas.store.files import check_writable, writing
from nas.study.calibration_log import Measured, lines_beside
from nas.study.calibration_run import LEAST_POOL, CalibrationRun, OnStanding, Standing, Wanted, learnt_from
from nas.study.calibrations import Calibration, Measures, read_calibration, witness_of
from nas.study.pool import Drawn, draw_pool
from nas.study.spaces import catalogue

TESTED = 3  # networks, the fastest by prediction, that are measured before a budget is called out of reach
NEAR = 500  # neighbours of the fastest network that are looked at


@dataclass(frozen=True)
class Calibrated:
    """What came out: the calibration, its file, the fastest network that was measured, and how it went."""

    calibration: Calibration
    file: Path
    fastest: Measured
    standing: Standing

    def to_json(self) -> dict[str, Any]:
        """What `nas calibrate --json` prints."""
        held_out, about = self.calibration.held_out, self.calibration.about
        return {
            **about,
            "file": str(self.file),
            "held_out": held_out.to_json() if held_out else None,
            "cross_validated": self.calibration.predictor.error.to_json(),
            "fastest": {"arch_id": self.fastest.plan.arch_id, "ms": self.fastest.ms},
            "failed": self.standing.failed,
        }


def calibrate(
    wanted: Wanted, meter: Measures, file: Path, on_standing: OnStanding, blocks: Measures | None = None
) -> Calibrated:
    """Measure networks of a space, learn to predict them, and write the calibration to `file`.

    Every measurement goes at once into a file of JSON lines beside it; the same call goes on from there (`wanted.anew`:
    begins again). What was measured in another environment is left out. After the error on the networks held out is
    told, they are learnt from too. `blocks` measures blocks alone (`nas.measure.alone`). Raises `StoreError` where
    nothing can be written, `DeviceError` when the device is not as fast as it was, and what measuring raises when it
    keeps failing.
    """
    _check_place(file)
    if wanted.anew:
        with writing(file.parent):
            lines_beside(file).unlink(missing_ok=True)
    run = CalibrationRun(wanted, meter, blocks, file, on_standing)
    run.begin()
    run.learn()
    error = run.test(run.fit())
    known = [each for each in run.measured if each.tells]
    final = learnt_from(known, run.key)
    standing = run.standing(final.error, finished=True)
    about = {
        "space": wanted.space.name,
        "device": wanted.device.name,
        "learnt": standing.learnt,
        "tested": standing.tested,
        "not_trusted": standing.not_trusted,
        "left_out": standing.left_out,
        "blocks": len(run.blocks.ms) if run.blocks else 0,
        "minutes": round((run.blocks_s + sum(each.seconds for each in run.measured)) / 60, 2),
        "range_ms": [min(final.ms), max(final.ms)],
    }
    calibration = Calibration(final, error, witness_of(known), about, run.blocks)
    calibration.write(file)
    on_standing(standing)
    return Calibrated(calibration, file, min(known, key=lambda each: each.ms), standing)


def _check_place(file: Path) -> None:
    """That the calibration can be written in the end, and that nothing else is overwritten."""
    if file.exists():
        try:
            read_calibration(file)
        except NasError as error:
            raise StoreError(
                f"a calibration must not replace another file, but {error}; choose another name"
            ) from error
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    check_writable(file.parent)


def estimate(wanted: Wanted, meter: Measures, file: Path, blocks: Measures | None = None) -> dict[str, Any]:
    """What would be measured and about how long it would take, from a few networks measured; writes nothing."""
    return CalibrationRun(wanted, meter, blocks, file, lambda _: None).estimate() | {"file": str(file)}


def check_budget(done: Calibrated, wanted: Wanted, meter: Measures, budget_ms: float) -> None:
    """Raises `BudgetUnreachable` with the fastest network that was found when it is slower than the budget.

    The networks that are predicted fastest, among fresh draws and near the fastest, are measured before that is said.
    """
    if done.fastest.ms <= budget_ms:
        return
    table, rng = catalogue(), random.Random(wanted.seed + 1)
    near = []
    for decisions in itertools.islice(wanted.space.neighbours(dict(done.fastest.decisions)), NEAR):
        plan = wanted.space.decode(decisions)
        near.append(Drawn(dict(decisions), plan, table.plan(plan).macs))
    offered = {each.arch_id: each for each in (*draw_pool(wanted.space, LEAST_POOL, rng), *near)}
    candidates = list(offered.values())
    predicted = done.calibration.predictor.predict([done.calibration.count(each.plan) for each in candidates]).p50
    best_ms, best = done.fastest.ms, Drawn(dict(done.fastest.decisions), done.fastest.plan, 0)
    for index in np.argsort(predicted)[:TESTED]:
        found = meter.measure(candidates[index].plan.architecture, budget_ms)
        if found.p50 < best_ms:
            best_ms, best = found.p50, candidates[index]
        if best_ms <= budget_ms:
            return
    said = ", ".join(f"{name}={label}" for name, label in best.decisions.items())
    raise BudgetUnreachable(
        f"some network of {wanted.space.name} must take at most {budget_ms:g} ms on {wanted.device.name}, but the "
        f"fastest found is {best.arch_id} with {best_ms:.4g} ms ({said}); raise the budget, or let the space have "
        f"smaller networks. The calibration is kept in {done.file}"
    )
