"""Known networks through the same engine: by name, without early stopping, their budgets noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import TinySpace, Trains, latency, price

from nas.errors import NasError
from nas.schedule import run
from nas.search import Engine, FixedProposals, Network, Rungs
from nas.store import Results

SPACE = TinySpace()
SMALL = {"depth": 1, "width": 16, "kind": "conv", "kind.conv.kernel": 3}
LARGE = {"depth": 4, "width": 128, "kind": "conv", "kind.conv.kernel": 7}
NAMES = {"resnet 20/x": SMALL, "large": LARGE, "again": SMALL}


def networks(names: list[str]) -> list[Network]:
    return [Network(name, SPACE.decode(NAMES[name]), NAMES[name], source=5) for name in names]


def make(results: Results, names: list[str], role: Any = "baseline", **options: Any) -> Engine:
    return Engine(
        results,
        FixedProposals(networks(names), role),
        price=price,
        measure=latency,
        objectives=["maximize accuracy"],
        budgets=["latency_ms <= 0.2"],
        rungs=Rungs((3,)),
        trials=len(names),
        look_ahead=0,
        **options,
    )


def test_every_network_is_trained_once_under_its_name(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    work = Trains()
    with results.driving():
        assert run(make(results, ["resnet 20/x", "large"]), work, runner="local").complete == 2
        assert run(make(results, ["resnet 20/x", "large"]), work, runner="local").complete == 2
        assert run(make(results, list(NAMES)), work, runner="local").complete == 3
        assert run(make(results, ["large"], "finalist"), work, runner="local").complete == 1
        assert run(make(results, ["again"], "finalist"), work, runner="local").complete == 2
    assert len(work.opened) == 5
    small, large, again = results.records("baseline")
    assert (small.name, small.source, small.feasible, len(small.curve)) == ("resnet 20/x", 5, True, 3)
    assert (large.feasible, large.state, large.decisions) == (False, "complete", LARGE)
    assert large.constraints["latency_ms <= 0.2"] > 0
    assert small.arch_id == again.arch_id
    assert len({r.folder for r in results.records()}) == 5
    assert "/" not in small.folder


def test_an_interrupted_list_goes_on(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    with results.driving(), make(results, ["resnet 20/x", "large"]) as engine:
        first = engine.take(wait=True)
        assert first is not None
        engine.report(first.trial, {"epoch": 1, "accuracy": 0.1})
    with results.driving():
        run(make(results, ["large", "resnet 20/x"]), Trains(), runner="local")
    records = results.records("baseline")
    assert [(r.name, r.state) for r in records] == [("resnet 20/x", "complete"), ("large", "complete")]
    with results.driving(), make(results, list(NAMES)) as engine:
        assert engine.take(wait=True).name == "again"
    with results.driving():
        progress = run(make(results, ["large"]), Trains(), runner="local")
    assert progress.finished
    assert [r.state for r in results.records("baseline")] == ["complete", "complete", "failed"]
    with results.driving():
        run(make(results, list(NAMES)), Trains(), runner="local")
    assert [(r.name, r.state) for r in results.records("baseline")][3] == ("again", "complete")


def test_a_network_that_cannot_be_measured_does_not_stop_the_others(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")

    def measure(plan: Any, budget_ms: float | None) -> dict[str, Any]:
        if plan.arch_id == SPACE.decode(LARGE).arch_id:
            raise NasError("out of memory")
        return latency(plan)

    engine = Engine(
        results,
        FixedProposals(networks(["large", "again"]), "baseline"),
        price=price,
        measure=measure,
        objectives=["maximize accuracy"],
        trials=2,
        always_measure=True,
        look_ahead=0,
    )
    with results.driving():
        progress = run(engine, Trains(), runner="local")
    assert progress.finished
    assert [(r.state, r.reason) for r in results.records()] == [("failed", "out of memory"), ("complete", None)]


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="must be different"):
        FixedProposals([*networks(["large"]), *networks(["large"])], "baseline")
