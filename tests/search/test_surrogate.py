"""The surrogate sampler in bare Optuna: better than chance, conditions, constraints, running trials, resuming."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from nas.search.sources import Observed, everything, values_of
from nas.search.surrogate.acquisition import expected_improvement, non_dominated
from nas.search.surrogate.features import Encoder
from nas.search.surrogate.models import Models
from nas.search.surrogate.outcomes import Bound, Scale
from nas.search.surrogate.sampler import SurrogateSampler

Values = list[float]


def cell(trial: optuna.Trial) -> Values:
    """Four places, four operators: error falls with strong operators in late places, cost adds up."""
    operators = [trial.suggest_int(f"op{place}", 0, 3) for place in range(4)]
    error = 40.0 - sum((1 + 0.4 * place) * (0.0, 1.0, 4.0, 5.0)[op] for place, op in enumerate(operators))
    return [error + 3.0 * (operators.count(3) > 2), 1.0 + sum((0.0, 0.3, 1.0, 2.5)[op] for op in operators)]


def run(
    objective: Callable[[optuna.Trial], Values],
    sampler: optuna.samplers.BaseSampler,
    trials: int,
    directions: tuple[str, ...] = ("minimize", "minimize"),
) -> optuna.Study:
    study = optuna.create_study(directions=directions, sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return study


def area(study: optuna.Study) -> float:
    """The hypervolume of what was found."""
    import moocore

    return float(moocore.hypervolume(np.array([trial.values for trial in study.trials]), ref=[40.0, 12.0]))


def all_params(study: optuna.Study) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def test_it_finds_more_of_the_front_than_chance() -> None:
    ours = [area(run(cell, SurrogateSampler(seed=seed), 40)) for seed in range(2)]
    chance = [area(run(cell, optuna.samplers.RandomSampler(seed=seed), 120)) for seed in range(2)]
    assert min(ours) > max(chance)


def test_one_objective_to_maximize() -> None:
    study = run(lambda trial: [100 - cell(trial)[0]], SurrogateSampler(seed=1), 35, ("maximize",))
    best = max(
        100 - cell(optuna.trial.FixedTrial({f"op{place}": op for place, op in enumerate(ops)}))[0]
        for ops in itertools.product(range(4), repeat=4)
    )
    assert study.best_value == pytest.approx(best)


def mixed(trial: optuna.Trial) -> Values:
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
    return [error + abs(np.log10(rate) + 2.0), cost, 10.0 - error + cost]


def test_conditions_and_numbers_of_three_objectives() -> None:
    study = run(mixed, SurrogateSampler(seed=0, n_startup_trials=8), 24, ("minimize", "minimize", "maximize"))
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
    assert len(set(all_params(study))) == 24


def test_conditions_and_numbers_of_one_objective() -> None:
    ours = run(lambda trial: mixed(trial)[:1], SurrogateSampler(seed=0), 40, ("minimize",))
    chance = run(lambda trial: mixed(trial)[:1], optuna.samplers.RandomSampler(seed=0), 200, ("minimize",))
    assert ours.best_value < chance.best_value
    assert ours.best_params["depth"] == 3
    assert abs(np.log10(ours.best_params["rate"]) + 2) < 0.3


def test_what_was_reached_is_found_out() -> None:
    study = run(mixed, optuna.samplers.RandomSampler(seed=0), 60, ("minimize",) * 3)
    rng = random.Random(0)
    source = Observed(study.get_trials(deepcopy=False))
    for trial in study.trials[-20:]:
        wanted = trial.params
        assert source.walk(lambda name, _, wanted=wanted: wanted[name]) == wanted
    fresh = source.walk(lambda name, distribution: rng.choice(values_of(distribution) or [0.01]))
    assert ("l2.kind" in fresh) == (fresh["depth"] == 3)


def test_constraints_are_learnt() -> None:
    def objective(trial: optuna.Trial) -> Values:
        error, cost = cell(trial)
        trial.set_constraint("cost", cost - 3.0)
        if cost > 6.0:
            raise optuna.TrialPruned
        return [error, cost]

    study = run(objective, SurrogateSampler(seed=0), 40)
    met = [trial.constraints["cost"] <= 0 for trial in study.trials]
    assert sum(met[12:]) / len(met[12:]) > 2 * 0.28  # a share of 0.28 of all networks meets it
    assert len(set(all_params(study))) == 40


def test_constraints_by_a_function_and_nothing_feasible() -> None:
    def objective(trial: optuna.Trial) -> Values:
        values = cell(trial)
        trial.set_user_attr("cost", values[1])
        return values

    def excess(trial: optuna.trial.FrozenTrial) -> tuple[float]:
        return (trial.user_attrs["cost"] + 1.0,)

    study = run(objective, SurrogateSampler(seed=0, n_startup_trials=5, constraints_func=excess), 20)
    costs = [trial.values[1] for trial in study.trials]
    assert np.median(costs[12:]) < np.median(costs[:5])  # it goes where the least is exceeded
    assert study.trials[0].constraints == {"0": costs[0] + 1.0}


def test_a_batch_differs_and_is_not_asked_again() -> None:
    study = run(cell, SurrogateSampler(seed=0), 12)
    batch = [study.ask({f"op{place}": IntDistribution(0, 3) for place in range(4)}) for _ in range(8)]
    asked = [tuple(trial.params.items()) for trial in batch]
    assert len(set(asked)) == 8
    assert len(set(all_params(study))) == 20
    values = np.array([cell(optuna.trial.FixedTrial(dict(params))) for params in asked])
    assert len(np.unique(values, axis=0)) > 4


def test_a_seed_repeats_and_a_resumed_study_does_not() -> None:
    one, two = (run(cell, SurrogateSampler(seed=3), 20) for _ in range(2))
    assert all_params(one) == all_params(two)
    assert all_params(one) != all_params(run(cell, SurrogateSampler(seed=4), 20))
    # Hyperparameters begin anew, so what follows may differ, but nothing comes twice.
    two.sampler = pickle.loads(pickle.dumps(two.sampler))
    two.optimize(cell, n_trials=10)
    assert len(set(all_params(two))) == 30


def test_a_space_that_is_used_up_goes_on() -> None:
    def objective(trial: optuna.Trial) -> Values:
        return [float(trial.suggest_int("x", 1, 6)), 1.0]  # the second objective is constant

    study = run(objective, SurrogateSampler(seed=0, n_startup_trials=3), 9)
    assert {trial.params["x"] for trial in study.trials[:6]} == set(range(1, 7))


def test_values_that_are_no_numbers_are_left_out() -> None:
    def objective(trial: optuna.Trial) -> Values:
        error, cost = cell(trial)
        return [float("inf") if trial.number % 3 == 0 else error, cost]

    assert len(set(all_params(run(objective, SurrogateSampler(seed=0, n_startup_trials=4), 16)))) == 16


def test_asking_takes_one_thread_of_torch_and_leaves_as_many_as_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = torch.get_num_threads(), []
    learn = Models.learn
    monkeypatch.setattr(Models, "learn", lambda *args: seen.append(torch.get_num_threads()) or learn(*args))
    torch.set_num_threads(2)
    try:
        study = optuna.create_study(sampler=SurrogateSampler(seed=0, n_startup_trials=2))
        study.optimize(lambda trial: trial.suggest_int("x", 0, 9) + 1.0, 4)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 1]


def test_startup_must_have_a_trial() -> None:
    with pytest.raises(ValueError, match="n_startup_trials must be at least 1, but got 0"):
        SurrogateSampler(n_startup_trials=0)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_expected_improvement_is_the_mean_gain_in_hypervolume(objectives: int) -> None:
    import moocore

    rng = np.random.default_rng(objectives)
    front, reference = np.exp(rng.normal(0, 0.5, (12, objectives))), np.full(objectives, 2.5)
    mean, deviation = rng.normal(-0.2, 0.3, (5, objectives)), np.full((5, objectives), 0.4)
    found = expected_improvement(mean, deviation, front, reference)
    front = front[non_dominated(front)]
    before = moocore.hypervolume(front, ref=reference)
    for row in range(5):
        drawn = np.exp(rng.normal(mean[row], deviation[row], (4000, objectives)))
        gains = [moocore.hypervolume(np.vstack([front, point]), ref=reference) - before for point in drawn]
        assert found[row] == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / 4000**0.5 + 1e-9)


def test_places_that_ask_the_same_are_one_group() -> None:
    operators, kernels = CategoricalDistribution(("a", "b", "c")), CategoricalDistribution((3, 5))
    encoder = Encoder(
        {
            "s1.0.op": operators,
            "s1.kernel": kernels,
            "s2.1.op": operators,
            "rate": FloatDistribution(1e-4, 1e-2, log=True),
            "only": CategoricalDistribution(("x",)),
        }
    )
    assert [(group.positions, group.width) for group in encoder.groups] == [(2, 3), (1, 2), (1, 2)]
    row = encoder.encode([{"s1.0.op": "b", "rate": 1e-3, "only": "x", "unknown": 1}])[0]
    places, counts = row[: encoder.places].tolist(), row[encoder.places :].tolist()
    assert places == pytest.approx([0, 1, 0, 0, 0, 0, 0, 0, 0.5, 1])
    assert counts == pytest.approx([0, 1, 0, 0, 0, 0.5, 1])
    assert len(row) == encoder.width
    assert [group.counts for group in encoder.groups] == [10, 13, 15]
    both = encoder.encode([{"s1.0.op": "b", "s2.1.op": "b"}])[0]
    assert both[10:13].tolist() == [0, 2, 0]


def test_scales_keep_order_and_come_back() -> None:
    for values in (np.array([1.0, 2.0, 3.0, 50.0]), np.array([-5.0, 0.0, 3.0]), np.array([2.0, 2.0])):
        scale = Scale.of(values)
        standard = scale.standard(values)
        assert (np.diff(standard) >= 0).all()
        logs, _ = scale.of_logarithm(standard, standard)
        assert np.exp(logs[:2]) == pytest.approx(scale.positive(values[:2]))
    bound = Bound.of(np.array([-1.0, 2.0, np.inf]))
    assert np.isfinite(bound.standard(np.array([np.inf]))).all()
    low, high = bound.chance(bound.standard(np.array([-1.0, 2.0])), np.array([0.1, 0.1]))
    assert low > 0.5 > high
    low, high = bound.exceeded(bound.standard(np.array([-1.0, 2.0])), np.array([0.1, 0.1]))
    assert low == 0 < high


def test_small_spaces_are_listed() -> None:
    class Two:
        signature = None

        def __init__(self) -> None:
            self.distributions = {"a": IntDistribution(0, 2), "b": CategoricalDistribution(("x", "y"))}

        def walk(self, draw: Callable[..., Any]) -> dict[str, Any]:
            found = {"a": draw("a", self.distributions["a"])}
            if found["a"] == 1:
                found["b"] = draw("b", self.distributions["b"])
            return found

        def allows(self, params: dict[str, Any]) -> bool:
            return True

    assert everything(Two(), 10) == [{"a": 0}, {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2}]
    assert everything(Two(), 3) is None
