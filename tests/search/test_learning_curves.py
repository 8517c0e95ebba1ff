"""Learning curves: what is foretold of them, when that is relied on, and the engine that ends the hopeless."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TinySpace, latency, price

from nas.schedule import run
from nas.search import Engine, Progress, Rungs, SpaceProposals
from nas.search.learning_curves import HOPELESS, LEAST_CORRELATION, LEAST_CURVES, LearningCurves
from nas.store import Results

TOTAL = 12


def curve(
    best: float, cost: float, seed: int, until: int = TOTAL, noise: float = 0.005
) -> dict[int, tuple[float, ...]]:
    """Accuracy by a power law with a little noise, and a cost that training does not change."""
    rng = np.random.default_rng(seed)
    return {e: (best - 0.4 * e**-0.8 + noise * rng.normal(), -cost) for e in range(1, until + 1)}


def learned(count: int, noise: float = 0.005) -> LearningCurves:
    curves = LearningCurves(TOTAL)
    for seed, best in enumerate(np.random.default_rng(0).uniform(0.5, 0.9, count)):
        curves.finish(curve(float(best), 1.0, seed, noise=noise))
    return curves


def test_the_end_of_a_curve_is_foretold() -> None:
    front = [(0.70, -1.0)]
    curves = learned(30)
    for until in (1, 3, 6):
        bad, good = (curves.foretell(curve(best, 1.0, 99, until), front) for best in (0.6, 0.9))
        assert bad is not None
        assert good is not None
        assert bad.hopeless
        assert (bad.curves, good.curves) == (30, 30)
        assert good.chance > 0.98
        assert not good.hopeless
        assert bad.correlation > 0.95


def test_the_chance_is_that_of_what_comes_out() -> None:
    """Of networks that are said to have chances of 20 to 80 percent about as many reach the front."""
    curves, said, came = learned(60, noise=0.03), [], []
    for seed in range(400):
        best = 0.55 + 0.0005 * seed
        whole = curve(best, 1.0, 1000 + seed, noise=0.03)
        foretold = curves.foretell({e: v for e, v in whole.items() if e <= 6}, [(0.60, -1.0)])
        assert foretold is not None
        if 0.2 < foretold.chance < 0.8:
            said.append(foretold.chance)
            came.append(whole[TOTAL][0] >= 0.60)
    assert len(said) > 50
    assert np.mean(came) == pytest.approx(np.mean(said), abs=0.15)


def test_a_cheaper_network_than_all_has_a_chance_however_poor_it_is() -> None:
    foretold = learned(30).foretell(curve(0.3, 0.5, 99, 4), [(0.70, -1.0)])
    assert foretold is not None
    assert foretold.chance == 1.0


def test_noise_is_not_relied_on() -> None:
    curves = LearningCurves(TOTAL)
    rng = np.random.default_rng(0)
    for _ in range(40):
        curves.finish({epoch: (float(rng.normal()),) for epoch in range(1, TOTAL + 1)})
    foretold = curves.foretell({1: (-9.0,)}, [(0.0,)])
    assert foretold is not None
    assert foretold.correlation < LEAST_CORRELATION
    assert not foretold.reliable
    assert not foretold.hopeless


def test_nothing_is_foretold_of_too_little() -> None:
    few, enough = learned(LEAST_CURVES - 1), learned(LEAST_CURVES)
    begun = curve(0.6, 1.0, 99, 3)
    assert few.foretell(begun, [(0.7, -1.0)]) is None
    assert enough.foretell(begun, []) is None
    assert enough.foretell({**begun, 3: (math.inf, -1.0)}, [(0.7, -1.0)]) is None
    assert enough.foretell({2.5: (0.5, -1.0)}, [(0.7, -1.0)]) is None  # an epoch that nobody reported
    assert enough.foretell(begun, [(0.7, -1.0)]) is not None


def test_what_training_does_not_change_is_not_foretold() -> None:
    curves = LearningCurves(2)
    for macs in range(20):
        curves.finish({1: (-float(macs),), 2: (-float(macs),)})
    assert curves.foretell({1: (-50.0,)}, [(0.0,)]) is None


def test_only_whole_curves_are_learnt_from() -> None:
    curves = learned(LEAST_CURVES - 1)
    curves.finish(curve(0.8, 1.0, 5, 11))
    curves.finish({**curve(0.8, 1.0, 5), 4: (math.nan, -1.0)})
    assert curves.foretell(curve(0.6, 1.0, 99, 3), [(0.7, -1.0)]) is None


class Learns:
    """Work whose curves are power laws."""

    def open(self, job: Mapping[str, Any]) -> Any:
        return LearningSession(job)


class LearningSession:
    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job = job

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        best = 0.5 + int(self.job["arch_id"], 16) % 97 / 250
        for epoch, (accuracy, _) in curve(best, 0.0, self.job["trial"], self.job["epochs"]).items():
            yield {"epoch": epoch, "accuracy": accuracy, "seconds": 0.5}

    def close(self) -> None:
        pass


@pytest.mark.parametrize("extrapolate", [True, False])
def test_the_engine_ends_the_hopeless(tmp_path: Path, extrapolate: bool) -> None:
    def search(trials: int) -> Progress:
        engine = Engine(
            results,
            SpaceProposals(TinySpace(), "random"),
            price=price,
            measure=latency,
            objectives=["maximize accuracy"],
            rungs=Rungs((TOTAL,)),
            extrapolate=extrapolate,
            trials=trials,
            look_ahead=0,
        )
        with results.driving():
            return run(engine, Learns(), runner="local")

    results = Results(tmp_path / "study")
    search(15)
    progress = search(40)  # what an earlier driver learnt is learnt again
    ended = [r for r in results.records() if r.foretold]
    assert progress.hopeless == len(ended) == sum(r.state == "pruned" for r in results.records())
    assert bool(ended) == extrapolate
    assert progress.done == 40
    for record in ended:
        assert record.epochs < TOTAL
        assert record.foretold["chance"] < HOPELESS
        assert record.foretold["correlation"] >= LEAST_CORRELATION
        assert record.foretold["curves"] >= LEAST_CURVES
        assert f"no hope at epoch {record.epochs}: a chance of " in (record.reason or "")
    if extrapolate:
        assert progress.foretold is not None
        assert len(ended) > 10
        best = max(r.values["accuracy"] for r in results.records() if r.state == "complete")
        assert all(0.5 + int(r.arch_id, 16) % 97 / 250 < best + 0.03 for r in ended)
