"""Trials carried over to another space: what is in training goes on, what a constraint turned away is free again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import WIDTH, TinySpace, accuracy, latency, price

from nas.errors import InvalidArchitecture
from nas.search import Engine, Goals, Rungs, SpaceProposals
from nas.search.adoption import Carrier
from nas.space.expression import parse
from nas.store import Record, Results
from nas.store.record import OUTSIDE

OBJECTIVES = ["maximize accuracy", "minimize latency_ms"]


class Narrow(TinySpace):
    """The same without networks wider than 32."""

    def __post_init__(self) -> None:
        super().__post_init__()
        width = replace(WIDTH, values=WIDTH.values[:4])
        self.decisions = tuple(width if each is WIDTH else each for each in self.decisions)

    def walk(self, draw: Any) -> dict[str, Any]:
        width = self.decisions[1]
        return super().walk(lambda each: draw(width if each is WIDTH else each))

    def decode(self, decisions: Mapping[str, Any]) -> Any:
        if decisions["width"] > 32:
            raise InvalidArchitecture("width must be at most 32")
        return super().decode(decisions)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "study")


def engine(results: Results, space: Any, trials: int, sampler: str = "tpe") -> Engine:
    proposals = SpaceProposals(space, sampler, seed=3, spread=False)
    options = {"price": price, "measure": latency, "objectives": OBJECTIVES, "rungs": Rungs((1, 2))}
    return Engine(results, proposals, trials=trials, look_ahead=0, **options)


def search(results: Results, space: Any, trials: int, leave: int = 0) -> dict[int, Record]:
    """Train until there are no more; the last `leave` stay after their first epoch as a dead driver leaves them."""
    with results.driving(), engine(results, space, trials) as run:
        taken = 0
        while taken < trials and (candidate := run.take(wait=True)) is not None:
            taken += 1
            done = len(run.results.curve(candidate.key))
            for epoch in range(done + 1, 2 if taken > trials - leave else 3):
                line = {"epoch": epoch, "accuracy": accuracy(candidate.job(), epoch)}
                if not run.report(candidate.trial, line):
                    break
    return {record.trial: record for record in results.records()}


def adopt(results: Results, space: TinySpace) -> Carrier:
    """Carry everything over as `nas search --adopt` does."""

    def place(record: Record) -> Mapping[str, Any] | None:
        try:
            space.decode(record.decisions)
        except (InvalidArchitecture, KeyError):
            return None
        return record.decisions

    goals = Goals.parse(OBJECTIVES, (), space.cost_constraints)
    carrier = Carrier(space, goals, place, "gone")
    with results.driving():
        trials = results.study("candidate", goals.directions).get_trials(deepcopy=False)
        results.begin_again(carrier.carry(trials), goals.directions, {"some": "space"})
    return carrier


def test_what_is_in_training_goes_on_under_its_number_where_it_is_inside(results: Results) -> None:
    before = search(results, TinySpace(), 12, leave=6)
    running = {n: record for n, record in before.items() if record.state == "running"}
    inside = {n for n, record in running.items() if record.decisions["width"] <= 32}
    assert inside
    assert len(inside) < len(running)
    carrier = adopt(results, Narrow())
    after = {record.trial: record for record in results.records()}
    assert {n for n, record in after.items() if record.state == "running"} == inside
    assert {n for n, record in after.items() if record.gate == OUTSIDE} >= running.keys() - inside
    assert carrier.outside == sum(record.gate == OUTSIDE for record in after.values())
    end = search(results, Narrow(), 12)
    assert all(end[n].state in ("complete", "pruned") for n in inside)
    assert all(end[n].arch_id == before[n].arch_id for n in inside)
    entered = [record for record in end.values() if record.gate is None]
    assert len(entered) == len({record.arch_id for record in entered}) == 12
    assert all(record.decisions["width"] <= 32 for record in entered)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "gp", "surrogate", "qmc"])
def test_samplers_go_on_with_what_is_inside(results: Results, sampler: str) -> None:
    search(results, TinySpace(), 12)
    adopt(results, Narrow())
    with results.driving(), engine(results, Narrow(), 16, sampler) as run:
        while (candidate := run.take(wait=True)) is not None:
            run.report(candidate.trial, {"epoch": 2, "accuracy": accuracy(candidate.job(), 2)})
    entered = [record for record in results.records() if record.gate is None]
    assert len({record.arch_id for record in entered}) == len(entered) == 16


def test_a_constraint_of_the_old_space_that_is_gone_turns_nothing_away(results: Results) -> None:
    tight = TinySpace(cost_constraints=(parse("macs <= 100000"),))
    before = search(results, tight, 8)
    refused = {n: record for n, record in before.items() if record.gate == "cost"}
    assert refused
    adopt(results, TinySpace())
    after = {record.trial: record for record in results.records()}
    assert all(after[n].gate == "dropped" for n in refused)
    kept = [record for n, record in after.items() if before[n].state == "complete"]
    assert kept
    assert all(record.feasible and not record.constraints for record in kept)
    adopt(results, TinySpace(cost_constraints=(parse("macs <= 20000"),)))
    for record in results.records():
        if record.state == "complete":
            assert record.feasible == (record.values["macs"] <= 20000)
