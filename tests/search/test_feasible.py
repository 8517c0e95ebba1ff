"""Draws within the budgets: from the right distribution, also where hardly any draw is; and how rare they are."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from test_engine import entered
from test_engine import search as run
from test_predicted import Knows
from tiny import Choice, TinySpace, latency, price

from nas.arch import Block, Fields, MapShape, Plan, Span, Step
from nas.errors import BudgetUnreachable
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates
from nas.search.goals import Goals
from nas.search.random_sampler import RandomSampler
from nas.search.samplers import SAMPLERS, startup
from nas.search.share import Share
from nas.search.spread import spread_out
from nas.store import Results

SHAPE = MapShape(8, 8, 8)


class Sums:
    """Ten decisions with the values 1 to 6; a network costs their sum in MACs, and 70 less that in parameters."""

    decisions = tuple(Choice(f"d{i}", (1, 2, 3, 4, 5, 6), "range" if i % 2 else "choice") for i in range(10))
    cost_constraints = ()

    def walk(self, draw: Callable[[Choice], Any]) -> dict[str, Any]:
        return {choice.name: draw(choice) for choice in self.decisions}

    def sample(self, rng: random.Random) -> dict[str, Any]:
        return self.walk(lambda choice: rng.choice(choice.values))

    def neighbours(self, decisions: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for choice in self.decisions:
            yield from ({**decisions, choice.name: v} for v in choice.values if v != decisions[choice.name])

    def decode(self, decisions: Mapping[str, Any]) -> Plan:
        step = Step(Block("sum", Fields(decisions)), SHAPE, SHAPE)
        return Plan("sums", SHAPE, 10, (step,), (Span("s1", 0, 1),))


def total(plan: Plan) -> dict[str, float]:
    fields = plan.steps[0].block.fields
    return {"macs": float(sum(fields.values())), "params": float(sum(7 - value for value in fields.values()))}


def ways(count: int) -> Counter[int]:
    """How many of the 6 ** count vectors have each sum."""
    found = Counter({0: 1})
    for _ in range(count):
        found = sum((Counter({s + v: n for s, n in found.items()}) for v in range(1, 7)), Counter())
    return found


def gates(costs: Any = total, *budgets: str, **options: Any) -> Gates:
    return Gates(Goals.parse(["minimize macs"], budgets), costs, **options)


def test_the_walk_rests_at_draws_that_happen_to_be_within() -> None:
    """Answers open and close others here, so this checks the ratio of the steps."""
    space = TinySpace()
    feasible = FeasibleSet(space, gates(price, "macs <= 60000"))
    exact: dict[Any, float] = {}
    labels = {choice.name: choice.values for choice in space.decisions}
    for depth, width, kind in itertools.product(labels["depth"], labels["width"], labels["kind"]):
        inner = "kind.attention.heads" if kind == "attention" else "kind.conv.kernel"
        for label in labels[inner]:
            decisions = {"depth": depth, "width": width, "kind": kind, inner: label}
            if feasible.allows(decisions):
                exact[tuple(decisions.items())] = 1 / math.prod((4, 8, 2, 3))
    whole = sum(exact.values())
    rng, walker = random.Random(0), feasible.walker()
    here = feasible.draw(rng)
    seen: Counter[Any] = Counter()
    for _ in range(8_000):
        here = walker.walk(here, 0.0, rng, 2)
        seen[tuple(here.decisions.items())] += 1
    assert seen.keys() <= exact.keys()
    distance = sum(abs(seen[key] / seen.total() - chance / whole) for key, chance in exact.items()) / 2
    assert distance < 0.07


@pytest.mark.parametrize(("most", "seed"), [(20, 0), (17, 1), (15, 2)])
def test_rare_networks_are_drawn_as_they_would_be_by_chance(most: int, seed: int) -> None:
    """With the sum at most 15, one draw in 20,000 will do; then all answers are small, but not all alike."""
    feasible = FeasibleSet(Sums(), gates(total, f"macs <= {most}"), seed)
    rng = random.Random(seed)
    drawn = [feasible.draw(rng) for _ in range(600)]
    assert all(priced.values["macs"] <= most for priced in drawn)
    all_ways, others = ways(10), ways(9)
    exact = sum(n for s, n in all_ways.items() if s <= most) / 6**10
    share = feasible.look()
    assert share.low / 1.5 <= exact <= share.high * 1.5
    assert share.low < share.value < share.high
    assert share.looked_at < 12_000
    within = {v: sum(n for s, n in others.items() if s + v <= most) for v in range(1, 7)}
    for choice in Sums.decisions:
        seen = Counter(priced.decisions[choice.name] for priced in drawn)
        distance = sum(abs(seen[v] / 600 - n / sum(within.values())) for v, n in within.items()) / 2
        assert distance < 0.12
    there_are = sum(n for s, n in all_ways.items() if s <= most)
    different = there_are * (1 - (1 - 1 / there_are) ** 600)  # to be expected of independent draws
    assert len({priced.plan.arch_id for priced in drawn}) > 0.8 * different


def test_the_interval_of_a_rare_share_holds_the_share() -> None:
    exact = sum(n for s, n in ways(10).items() if s <= 16) / 6**10
    shares = [FeasibleSet(Sums(), gates(total, "macs <= 16"), seed).look() for seed in range(8)]
    assert {share.method for share in shares} == {"splitting"}
    assert sum(share.low <= exact <= share.high for share in shares) >= 5
    assert exact / 1.4 < math.exp(sum(math.log(share.value) for share in shares) / 8) < exact * 1.4


def test_a_share_that_is_not_rare_is_counted() -> None:
    share = FeasibleSet(Sums(), gates(total, "macs <= 35")).look()
    exact = sum(n for s, n in ways(10).items() if s <= 35) / 6**10
    assert (share.method, share.looked_at) == ("counted", 100)
    assert share.low <= exact <= share.high
    assert share.budgets == ("macs <= 35",)


def test_a_single_network_is_found() -> None:
    feasible = FeasibleSet(Sums(), gates(total, "macs <= 10"))
    assert set(feasible.draw(random.Random(0)).decisions.values()) == {1}


def test_a_share_in_words() -> None:
    assert Share.split(1 / 81_234, 0.1, 9, ["macs <= 1e8"]).words.startswith(
        "1 in 81,000 draws is within budgets (macs"
    )
    assert Share.counted(35, 100, ["macs <= 1e8"]).words.startswith("35% of draws are within budgets (macs <= 1e8; 95%")
    assert Share.counted(0, 400, ["a == 1"]).words == "fewer than 1 in 110 draws are within budgets (a == 1)"


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "surrogate"])
def test_a_search_in_a_rare_set_is_done_at_once(tmp_path: Path, sampler: str) -> None:
    """One draw in 60 million; nothing that a cost turns away is recorded of draws at random."""
    trials = 12
    results = Results(tmp_path / "study")
    records = run(results, space=Sums(), price=total, measure=None, objectives=["minimize accuracy"], sampler=sampler,
                  budgets=["macs <= 12"], trials=trials)  # fmt: skip
    assert len(entered(records)) == trials
    assert all(record.values["macs"] <= 12 for record in entered(records))
    by = Counter(record.origin["by"] for record in records)
    assert by["spread"] == min(startup(sampler), by["spread"])
    if sampler == "random":
        assert not any(record.gate == "cost" for record in records)
        assert by.keys() <= {"random", "near"}


def test_the_start_is_spread_over_the_budget() -> None:
    feasible = FeasibleSet(TinySpace(), gates(price, "macs <= 400000"))
    macs = sorted(price(TinySpace().decode(d))["macs"] for d in spread_out(feasible, 10, random.Random(0)))
    assert len(macs) == 10
    assert macs[0] < 7000  # the smallest has 4,608
    assert macs[-1] > 300_000
    steps = [b / a for a, b in itertools.pairwise(macs)]
    assert max(steps) < 3.2
    middle = sorted(feasible.draw(random.Random(i)).values["macs"] for i in range(10))
    assert macs[0] < middle[0] / 2


def test_a_search_that_goes_on_asks_for_what_is_left_of_the_same_start(tmp_path: Path) -> None:
    budgets = ["macs <= 300000"]
    whole = run(Results(tmp_path / "whole"), sampler="tpe", trials=14, budgets=budgets)
    parts = Results(tmp_path / "parts")
    for trials in (3, 7, 14):
        run(parts, sampler="tpe", trials=trials, budgets=budgets)
    first = [record.decisions for record in whole if record.origin["by"] == "spread"]
    assert len(first) == 10
    assert [record.decisions for record in parts.records() if record.origin["by"] == "spread"] == first
    first_macs = sorted(record.values["macs"] for record in whole[:3])
    assert first_macs[-1] > 10 * first_macs[0]  # also a few of them are spread


def test_without_the_start_a_sampler_begins_by_itself(tmp_path: Path) -> None:
    from nas.search import Engine, Rungs, SpaceProposals

    results = Results(tmp_path / "study")
    proposals = SpaceProposals(TinySpace(), "tpe", spread=False)
    with results.driving(), Engine(results, proposals, price=price, objectives=["minimize macs"], rungs=Rungs((1,)),
                                   trials=2, look_ahead=0) as engine:  # fmt: skip
        while (candidate := engine.take(wait=True)) is not None:
            engine.report(candidate.trial, {"epoch": 1, "accuracy": 0.5})
        assert engine.progress().share is not None
    assert {record.origin["by"] for record in results.records()} == {"tpe"}


def test_who_learns_says_how_many_are_drawn_before() -> None:
    assert {name: startup(name) for name in SAMPLERS if name in ("random", "qmc", "tpe", "nsga2", "surrogate")} == {
        "random": 0, "qmc": 0, "tpe": 10, "nsga2": 20, "surrogate": 10,
    }  # fmt: skip
    assert startup("nsga2", {"population_size": 6}) == 6
    assert startup("optuna.samplers:TPESampler") == 0


def test_what_is_predicted_to_be_slow_is_not_drawn() -> None:
    bounded = Gates(Goals.parse(["minimize macs"], ["latency_ms <= 0.05"]), price, latency, predictor=Knows())
    feasible = FeasibleSet(TinySpace(), bounded)
    assert feasible.look().budgets == ("latency_ms <= 0.05",)
    drawn = [feasible.draw(random.Random(i)) for i in range(40)]
    assert all(not priced.slow and priced.values["macs"] < 0.06e6 for priced in drawn)
    start = [feasible.price(decisions) for decisions in spread_out(feasible, 6, random.Random(0))]
    spread = sorted(priced.predicted_ms for priced in start)
    assert spread[0] < 0.006  # of 0.0046, the least
    assert 0.04 < spread[-1] < 0.06


def test_a_forecast_alone_ends_no_search() -> None:
    bounded = Gates(Goals.parse(["minimize macs"], ["latency_ms <= 1e-9"]), price, latency, predictor=Knows())
    feasible = FeasibleSet(TinySpace(), bounded)
    assert feasible.draw(random.Random(0)).slow
    assert feasible.look().budgets == ()


def test_budgets_that_cannot_be_met_alone() -> None:
    with pytest.raises(
        BudgetUnreachable, match=r"`macs <= 9` was exceeded by at least 1: the smallest seen is macs 10 "
    ):
        FeasibleSet(Sums(), gates(total, "macs <= 9", "params <= 50")).look()
    with pytest.raises(
        BudgetUnreachable, match=r"was missed by at least 1: the largest seen is macs 60 .*; change the budget"
    ):
        FeasibleSet(Sums(), gates(total, "macs >= 61")).look()


def test_budgets_that_cannot_be_met_together_are_named_with_the_nearest() -> None:
    """The sum of both is 70: each of the first two can be met, but not both."""
    with pytest.raises(BudgetUnreachable) as found:
        FeasibleSet(Sums(), gates(total, "macs <= 20", "params <= 30", "macs >= 1")).look()
    said = str(found.value)
    assert "each can be met alone, but `macs <= 20` and `params <= 30` not together" in said
    assert "`macs <= 20` is met by macs" in said
    assert "`params <= 30` is met by params" in said
    assert "the nearest to all of them found has" in said
    assert "macs >= 1`" not in said


def test_random_in_bare_optuna_is_that_of_optuna() -> None:
    def values(sampler: optuna.samplers.BaseSampler) -> list[float]:
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 9), n_trials=5)
        return [trial.value for trial in study.trials]

    assert values(RandomSampler(seed=3)) == values(optuna.samplers.RandomSampler(seed=3))
