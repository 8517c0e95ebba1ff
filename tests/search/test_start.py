"""A search that starts at known networks: first, through the same gates, once whatever happens between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import Choice, TinySpace, accuracy, latency, price

from nas.search import Engine, Rungs, SpaceProposals
from nas.store import Record, Results

SMALL = {"depth": 1, "width": 16, "kind": "attention", "kind.attention.heads": 2}
OTHER = {"depth": 2, "width": 24, "kind": "conv", "kind.conv.kernel": 5}
LARGE = {"depth": 4, "width": 128, "kind": "conv", "kind.conv.kernel": 7}
START = {"zoo/small": SMALL, "zoo/large": LARGE, "zoo/other": OTHER}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def make(results: Results, start: dict[str, Any], **options: Any) -> Engine:
    space = options.pop("space", None) or TinySpace()
    defaults = {
        "price": price,
        "measure": latency,
        "objectives": ["maximize accuracy", "minimize latency_ms"],
        "budgets": ["macs <= 300000"],
        "rungs": Rungs((1, 2)),
        "trials": 5,
        "look_ahead": 0,
    }
    proposals = SpaceProposals(space, options.pop("sampler", "random"), seed=3, start=start)
    return Engine(results, proposals, **{**defaults, **options})


def search(results: Results, start: dict[str, Any], most: int | None = None, **options: Any) -> list[Record]:
    """Train until there are no more, or leave all as it is after `most` candidates were taken."""
    with results.driving(), make(results, start, **options) as engine:
        taken = 0
        while taken != most and (candidate := engine.take(wait=True)) is not None:
            taken += 1
            if taken == most:
                break
            for epoch in range(len(engine.results.curve(candidate.key)) + 1, candidate.epochs + 1):
                if not engine.report(candidate.trial, {"epoch": epoch, "accuracy": accuracy(candidate.job(), epoch)}):
                    break
    return results.records()


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "qmc", "surrogate"])
def test_they_come_first_through_the_gates_and_count(results: Results, sampler: str) -> None:
    records = search(results, START, sampler=sampler)
    assert [record.decisions for record in records[:3]] == [SMALL, LARGE, OTHER]
    assert [record.name for record in records[:3]] == list(START)
    assert records[1].gate == "cost"
    assert not any(record.name for record in records[3:])
    assert sum(record.gate is None for record in records) == 5
    assert all(record.latency for record in records if record.gate is None)


def test_rejections_in_a_row_do_not_put_them_behind_what_the_engine_proposes(results: Results) -> None:
    kernels = [{**LARGE, "kind.conv.kernel": kernel, "depth": depth} for kernel in (5, 7) for depth in (2, 3, 4)]
    attention = {"depth": 4, "width": 128, "kind": "attention"}
    heads = [{**attention, "kind.attention.heads": heads} for heads in (1, 2, 4)]
    start = {f"large {index}": decisions for index, decisions in enumerate([*kernels, *heads, LARGE | {"width": 96}])}
    records = search(results, {**start, "last": OTHER})
    assert [record.name for record in records[:11]] == [*start, "last"]
    assert records[10].gate is None


@pytest.mark.parametrize("most", [1, 2, 3])
def test_going_on_does_not_repeat_them(results: Results, most: int) -> None:
    search(results, START, most)
    records = search(results, START)
    assert sorted(record.name for record in records if record.name) == sorted(START)
    assert sum(record.gate is None for record in records) == 5
    assert len({record.arch_id for record in records}) == len(records)
    assert search(results, START) == records


def test_one_that_was_queued_and_never_asked_for_is_not_queued_again(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, results.driving(), make(results, {"zoo/other": OTHER}) as engine:
        patch.setattr("optuna.study.Study.ask", dies)
        with pytest.raises(KeyboardInterrupt):
            engine.take(wait=True)
    records = search(results, {"zoo/other": OTHER})
    assert [record.decisions for record in records].count(OTHER) == 1
    assert records[0].name == "zoo/other"


def test_one_that_was_ready_but_dropped_is_tried_when_there_is_room_again(results: Results) -> None:
    with results.driving(), make(results, START) as engine:
        taken = [engine.take(wait=True) for _ in range(2)]
        assert [candidate and candidate.name for candidate in taken] == ["zoo/small", "zoo/other"]
    search(results, START, trials=1)
    records = search(results, START, trials=2)
    others = [record for record in records if record.name == "zoo/other"]
    assert [record.gate for record in others] == ["dropped", None]


def test_more_of_them_come_next_in_a_search_that_goes_on(results: Results) -> None:
    before = len(search(results, {"zoo/small": SMALL}, trials=2))
    records = search(results, START, trials=4)
    assert [record.name for record in records[before : before + 2]] == ["zoo/large", "zoo/other"]
    assert [record.decisions for record in records].count(SMALL) == 1


def test_decisions_too_long_for_one_attribute(results: Results) -> None:
    extra = tuple(Choice(f"train.{index}.{'long' * 15}", (0, 1), train=True) for index in range(40))
    start = {"zoo/other": OTHER | {choice.name: 1 for choice in extra}}
    search(results, start, 1, space=TinySpace(extra))
    records = search(results, start, space=TinySpace(extra), trials=1)
    assert [record.decisions for record in records] == [start["zoo/other"]]


def test_what_proposed_a_network_is_recorded_also_across_a_stop(results: Results) -> None:
    search(results, START, 2, sampler="tpe")
    search(results, START, sampler="tpe")
    records = search(results, START, sampler="tpe", trials=14)
    assert [record.origin for record in records[:3]] == [{"by": "start"}] * 3
    by = [record.origin["by"] for record in records[3:]]
    assert by[:7] == ["spread"] * 7  # ten networks before the sampler learns, three of them given
    drawn = [record.origin for record in records[10:]]
    assert {origin["by"] for origin in drawn} <= {"tpe", "near", "anywhere"}
    assert any(origin["by"] == "tpe" for origin in drawn)
    assert all(origin["drawn"] > 0 for origin in drawn if origin["by"] == "tpe")
    assert all(record.origin for record in records if record.gate is not None)


def test_networks_that_the_engine_looked_for_itself_say_so(results: Results) -> None:
    records = search(results, {}, trials=40, sampler="tpe", budgets=["macs <= 60000"])
    by = {record.origin["by"] for record in records}
    assert {"spread", "tpe", "near"} <= by
    assert by <= {"spread", "tpe", "near", "anywhere"}
