"""Ageing evolution and local search, in bare Optuna and bound to a space: moves, constraints, replay, no repeats."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from tiny import TinySpace, accuracy, latency, price

from nas.search import Engine, SpaceProposals, SurrogateSampler, make_sampler
from nas.search.evolution import AgeingSampler, LocalSearchSampler
from nas.search.evolution.ageing import population_of
from nas.search.evolution.ranking import crowding, ranked
from nas.search.history import History, Told, as_key
from nas.search.neighbours import moves, others
from nas.search.random_sampler import RandomSampler
from nas.search.replaying import ReplayingSampler
from nas.search.spaces import Parameters, Walks
from nas.store import Record, Results

Values = list[float]
NAMES = ["ageing", "local"]
NONE: frozenset[Any] = frozenset()


def cell(trial: Any) -> Values:
    """Five places, four operators: error falls with strong operators, cost adds up."""
    operators = [trial.suggest_categorical(f"op{place}", ("none", "skip", "conv", "big")) for place in range(5)]
    error = 60.0 - sum(
        (1 + 0.3 * at) * {"none": 0, "skip": 1, "conv": 4, "big": 5}[op] for at, op in enumerate(operators)
    )
    return [error, 1.0 + sum({"none": 0, "skip": 0.3, "conv": 1, "big": 2.5}[op] for op in operators)]


def mixed(trial: Any) -> Values:
    """A depth, and for each layer what only its kind has."""
    error, cost = 10.0, 0.5
    for layer in range(trial.suggest_int("depth", 1, 3)):
        if trial.suggest_categorical(f"l{layer}.kind", ("conv", "attention")) == "conv":
            kernel = trial.suggest_categorical(f"l{layer}.conv.kernel", (3, 5, 7))
            error, cost = error - 0.2 * kernel, cost + 0.1 * kernel
        else:
            heads = trial.suggest_int(f"l{layer}.attention.heads", 1, 8, log=True)
            error, cost = error - 0.5 * heads**0.5, cost + 0.1 * heads
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    return [error + abs(math.log10(rate) + 2.0), cost]


def sampler(name: str, **options: Any) -> ReplayingSampler:
    small = {"ageing": {"population_size": 8, "tournament_size": 3}, "local": {"n_startup_trials": 8}}
    made = make_sampler(name, small[name] | options)
    assert isinstance(made, ReplayingSampler)
    return made


def study_of(made: optuna.samplers.BaseSampler, directions: Sequence[str] = ("minimize", "minimize")) -> optuna.Study:
    return optuna.create_study(directions=list(directions), sampler=made)


def run(
    objective: Callable[[Any], Values], made: optuna.samplers.BaseSampler, trials: int, *directions: str
) -> list[Any]:
    study = study_of(made, directions or ("minimize", "minimize"))
    study.optimize(objective, n_trials=trials)
    return study.trials


def keys(trials: Sequence[FrozenTrial]) -> list[Any]:
    return [as_key(trial.params) for trial in trials]


@pytest.mark.parametrize("name", NAMES)
def test_they_find_more_of_the_front_than_chance(name: str) -> None:
    import moocore
    import numpy as np

    def area(made: optuna.samplers.BaseSampler) -> float:
        return float(moocore.hypervolume(np.array([trial.values for trial in run(cell, made, 80)]), ref=[60.0, 14.0]))

    ours = sum(area(sampler(name, seed=seed)) for seed in range(4))
    assert ours > sum(area(optuna.samplers.RandomSampler(seed=seed)) for seed in range(4))


@pytest.mark.parametrize("name", NAMES)
def test_one_objective_to_maximize(name: str) -> None:
    found = run(lambda trial: [100 - cell(trial)[0]], sampler(name, seed=1), 80, "maximize")
    assert (
        max(trial.value for trial in found)
        == 100 - cell(optuna.trial.FixedTrial({f"op{at}": "big" for at in range(5)}))[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_conditions_and_numbers(name: str) -> None:
    found = run(mixed, sampler(name, seed=0), 60)
    assert len(set(keys(found))) == 60
    # Behind the first draws nearly all are a move away from an earlier one.
    near = 0
    for index in range(20, 60):
        mine = found[index].params
        near += any(
            sum(mine[key] != trial.params[key] for key in mine.keys() & trial.params.keys()) == 1
            for trial in found[:index]
        )
    assert near >= 38


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_for_twice_and_a_used_up_space_goes_on(name: str) -> None:
    def objective(trial: Any) -> Values:
        return [float(trial.suggest_int("x", 1, 6)), float(trial.suggest_categorical("y", (1, 2)))]

    found = run(objective, sampler(name, seed=0), 15)
    assert len(set(keys(found)[:12])) >= 11  # the first is drawn before anything is known of the space
    assert len(found) == 15


@pytest.mark.parametrize("name", NAMES)
def test_running_trials_differ(name: str) -> None:
    study = study_of(sampler(name, seed=0))
    study.optimize(cell, n_trials=20)
    batch = [study.ask() for _ in range(12)]  # none has reached the storage with its parameters
    for trial in batch:
        cell(trial)
    assert len(set(keys(study.trials))) == 32


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("objective", [cell, mixed])
def test_a_study_that_was_stopped_goes_on_the_same(name: str, objective: Callable[[Any], Values]) -> None:
    whole = run(objective, sampler(name, seed=3), 40)
    study = study_of(sampler(name, seed=3))
    study.optimize(objective, n_trials=17)
    study.sampler = sampler(name, seed=3)  # another process, which knows the storage alone
    study.optimize(objective, n_trials=13)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(objective, n_trials=10)
    assert keys(study.trials) == keys(whole)
    assert keys(whole) != keys(run(objective, sampler(name, seed=4), 40))


@pytest.mark.parametrize("name", NAMES)
def test_another_process_sees_what_is_running(name: str) -> None:
    study = study_of(sampler(name, seed=0))
    study.optimize(cell, n_trials=20)
    running = study.ask()
    cell(running)
    study.sampler = sampler(name, seed=0)
    other = study.ask()
    cell(other)
    assert as_key(other.params) != as_key(running.params)


@pytest.mark.parametrize("name", NAMES)
def test_constraints_lead_to_what_meets_them(name: str) -> None:
    def objective(trial: optuna.Trial) -> Values:
        values = cell(trial)
        trial.set_constraint("cost", values[1] - 3.0)
        if values[1] > 6.0:
            raise optuna.TrialPruned
        return values

    found = run(objective, sampler(name, seed=0), 60)
    met = [trial.constraints["cost"] <= 0 for trial in found]
    assert sum(met[20:]) / 40 > 2 * 0.16  # a share of 0.16 of all meets it
    assert len(set(keys(found))) == 60


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_is_feasible_the_least_excess_is_gone_after(name: str) -> None:
    def objective(trial: optuna.Trial) -> Values:
        values = cell(trial)
        trial.set_user_attr("cost", values[1])
        return values

    def excess(trial: FrozenTrial) -> tuple[float]:
        return (trial.user_attrs["cost"] + 1.0,)

    found = run(objective, sampler(name, seed=0, constraints_func=excess), 50)
    costs = [trial.values[1] for trial in found]
    assert sum(costs[30:]) / 20 < 0.75 * sum(costs[:10]) / 10
    assert found[0].constraints == {"0": costs[0] + 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_all_gates_turn_away_until_something_is_reached(name: str) -> None:
    """What a gate turned away has no values, only an excess; that alone is enough to go by."""

    def objective(trial: optuna.Trial) -> Values:
        values = cell(trial)
        trial.set_constraint("cost", values[1] - 1.2)  # one in 1,024 meets it
        if values[1] > 1.2:
            raise optuna.TrialPruned
        return values

    found = run(objective, sampler(name, seed=0), 150)
    assert any(trial.state == TrialState.COMPLETE for trial in found)


def test_options_must_make_sense() -> None:
    for sizes, words in (
        ({"population_size": 8, "tournament_size": 9}, r"they are 8 and 9 \(20 and 5 where not given\)"),
        ({"population_size": 3}, r"population_size must be at least tournament_size, but they are 3 and 5 "),
        ({"tournament_size": 0}, "tournament_size must be at least 1, but got 0"),
    ):
        with pytest.raises(ValueError, match=words):
            AgeingSampler(**sizes)
    with pytest.raises(ValueError, match="n_startup_trials must be at least 1, but got 0"):
        LocalSearchSampler(n_startup_trials=0)
    for sampler in (LocalSearchSampler, SurrogateSampler):
        for wrong in ("5", 2.5, True, None):
            with pytest.raises(TypeError, match=f"n_startup_trials must be an integer, but got {wrong!r}"):
                sampler(n_startup_trials=wrong)
        sampler(n_startup_trials=np.int64(5))


@pytest.mark.parametrize("sampler", [AgeingSampler, LocalSearchSampler, SurrogateSampler])
def test_constraints_are_a_function(sampler: Callable[..., optuna.samplers.BaseSampler]) -> None:
    with pytest.raises(TypeError, match="constraints_func must be a function of a trial or None, but got 3"):
        sampler(constraints_func=3)


@pytest.mark.parametrize("sampler", [AgeingSampler, LocalSearchSampler, SurrogateSampler, RandomSampler])
def test_seeds_are_integers(sampler: Callable[..., optuna.samplers.BaseSampler]) -> None:
    for wrong in ("5", 2.5, True):
        with pytest.raises(TypeError, match=f"seed must be an integer or None, but got {wrong!r}"):
            sampler(seed=wrong)
    for seed in (None, 0, np.int64(5)):
        trials = run(lambda trial: trial.suggest_float("x", 0, 9), sampler(seed=seed), 3, "minimize")
        assert len({trial.params["x"] for trial in trials}) == 3


@pytest.mark.parametrize("sampler", [AgeingSampler, LocalSearchSampler, SurrogateSampler])
def test_threads_ask_for_different_networks(sampler: Callable[..., optuna.samplers.BaseSampler]) -> None:
    def objective(trial: optuna.Trial) -> float:
        return float(sum(trial.suggest_categorical(f"width{stage}", [8, 12, 16, 24, 40]) for stage in range(4)))

    study = optuna.create_study(sampler=sampler(seed=0))
    study.optimize(objective, n_trials=24, n_jobs=4)
    assert len({as_key(trial.params) for trial in study.trials}) == 24


def told(number: int, values: tuple[float, ...] | None, **constraints: float) -> Told:
    return Told(number, {"x": number}, values, constraints)


def test_feasible_layers_come_first_then_the_least_excess() -> None:
    trials = [
        told(0, (1.0, 4.0)),
        told(1, (2.0, 5.0)),
        told(2, (4.0, 1.0), c=-1.0),
        told(3, (0.0, 0.0), c=2.0),
        told(4, None, c=1.0),
        told(5, None),  # stopped at a rung
        told(6, (0.0, 0.0), c=1.0, d=math.inf),
    ]
    assert [[each.number for each in layer] for layer in ranked(trials)] == [[0, 2], [1], [4], [3], [6]]
    assert ranked([]) == []


def test_ends_are_emptiest_then_what_is_far_from_its_neighbours() -> None:
    layer = [told(0, (0.0, 10.0)), told(1, (1.0, 8.0)), told(2, (2.0, 7.0)), told(3, (10.0, 0.0))]
    found = crowding(layer)
    assert found[0] == found[3] == math.inf
    assert found[1] == pytest.approx(0.2 + 0.3)
    assert found[2] == pytest.approx(0.9 + 0.8)
    assert crowding([told(0, (1.0,))]) == {0: math.inf}


def test_the_population_is_the_youngest_feasible_ones_then_the_least_excess() -> None:
    trials = tuple(told(number, (float(number),), c=float(number) if number % 3 else 0.0) for number in range(9))
    history = History(trials, (), frozenset(), (), 1)
    assert [each.number for each in population_of(history, 2)] == [6, 3]
    assert [each.number for each in population_of(history, 5)] == [6, 3, 0, 1, 2]


class Made:
    """A source of three parameters, the last under a condition."""

    signature = None

    def __init__(self) -> None:
        self.distributions: dict[str, BaseDistribution] = {
            "kind": CategoricalDistribution(("a", "b")),
            "size": IntDistribution(2, 8, step=2),
            "inner": CategoricalDistribution((1, True, 2)),
        }

    def walk(self, draw: Callable[[str, BaseDistribution], Any]) -> dict[str, Any]:
        found = {name: draw(name, self.distributions[name]) for name in ("kind", "size")}
        if found["kind"] == "b":
            found["inner"] = draw("inner", self.distributions["inner"])
        return found

    def allows(self, params: Any) -> bool:
        return params["size"] != 8


def test_moves_change_one_answer_and_what_it_opens_or_closes() -> None:
    source, rng = Made(), random.Random(0)
    found = list(moves(source, {"kind": "a", "size": 4}, NONE, rng))
    flat = [each for each in found if each["kind"] == "a"]
    assert sorted(each["size"] for each in flat) == [2, 6]  # 8 is not allowed
    (opened,) = [each for each in found if each["kind"] == "b"]
    assert opened == {"kind": "b", "size": 4, "inner": opened["inner"]}
    again = list(moves(source, {"kind": "a", "size": 4}, NONE, random.Random(1)))
    assert {as_key(each) for each in again} == {as_key(each) for each in found}
    back = list(moves(source, {"kind": "b", "size": 4, "inner": 1}, NONE, rng))
    assert {"kind": "a", "size": 4} in back
    inner = [each["inner"] for each in back if each["kind"] == "b" and each["size"] == 4]
    assert sorted(map(repr, inner)) == ["2", "True"]  # equal in Python, but another choice
    asked = frozenset(as_key(each) for each in back[:2])
    assert list(moves(source, {"kind": "b", "size": 4, "inner": 1}, asked, random.Random(2))) != []
    assert not asked & {as_key(each) for each in moves(source, {"kind": "b", "size": 4, "inner": 1}, asked, rng)}


@pytest.mark.parametrize(
    ("distribution", "value", "expected"),
    [
        (IntDistribution(1, 4), 2, [1, 3, 4]),
        (IntDistribution(0, 1000), 500, [400, 600, 490, 510]),
        (IntDistribution(0, 40), 0, [4, 1]),
        (FloatDistribution(0.0, 1.0), 0.5, [0.4, 0.6, 0.49, 0.51]),
        (FloatDistribution(1e-4, 1.0, log=True), 1e-2, [10**-2.4, 10**-1.6, 10**-2.04, 10**-1.96]),
        (FloatDistribution(0.0, 1.0, step=0.5), 0.5, [0.0, 1.0]),
        (CategoricalDistribution(("x",)), "x", []),
    ],
)
def test_other_values_of_a_number_are_all_or_steps(
    distribution: BaseDistribution, value: Any, expected: list[Any]
) -> None:
    assert others(distribution, value) == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_bound_to_a_space_every_parameter_is_proposed(name: str) -> None:
    space, parameters = TinySpace(), Parameters()
    made = sampler(name, seed=0)
    made.bind(Walks(space, parameters))
    study = study_of(made)
    for _ in range(60):
        trial = study.ask()
        labels = space.walk(lambda choice, trial=trial: parameters.suggest(trial, choice))
        assert trial.relative_params == trial.params
        plan = space.decode(labels)  # what cannot be built is never proposed
        study.tell(trial, [-price(plan)["params"] % 971, price(plan)["macs"]])
    assert len(set(keys(study.trials))) == 60


@pytest.mark.parametrize("name", NAMES)
def test_in_the_engine_no_network_comes_twice_and_stopping_changes_nothing(name: str, tmp_path: Path) -> None:
    def searched(folder: str, *targets: int) -> list[Record]:
        results = Results(tmp_path / folder)
        for trials in targets:
            engine = Engine(
                results,
                SpaceProposals(TinySpace(), name, spread=False),
                price=price,
                measure=latency,
                objectives=["maximize accuracy", "minimize latency_ms"],
                budgets=["macs <= 3000000"],
                trials=trials,
                look_ahead=0,
            )
            with results.driving(), engine:
                while (job := engine.take(wait=True)) is not None:
                    engine.report(job.trial, {"epoch": 1, "accuracy": accuracy(job.job(), 1), "seconds": 0.5})
        return results.records("candidate")

    records = searched("study", 30, 80)
    complete = [record for record in records if record.state == "complete"]
    assert len(complete) == len({record.arch_id for record in complete}) == 80
    assert {record.origin["by"] for record in complete} == {name}
    assert all(record.origin["independent"] == 0 for record in records)
    assert [record.decisions for record in records] == [record.decisions for record in searched("whole", 80)]


def test_a_key_keeps_apart_what_python_holds_equal() -> None:
    assert len({as_key({"a": value}) for value in (1, True, 1.0, "1")}) == 4
    assert as_key({"a": np.float64(1.5), "b": 2}) == as_key({"b": 2, "a": 1.5})
