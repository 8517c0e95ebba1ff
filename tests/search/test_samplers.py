"""Optuna's samplers by name, and how decisions become their parameters."""

from __future__ import annotations

import optuna
import pytest
from tiny import Choice, TinySpace

from nas.search import SAMPLERS, SamplerError, choose_sampler, make_sampler
from nas.search.replaying import ReplayingSampler
from nas.search.samplers import count_independent
from nas.search.spaces import Parameters, Walks


def draws(name: str, past: int) -> list[float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=make_sampler(name, seed=1, past=past))
    return [study.ask().suggest_float("x", 0, 1) for _ in range(4)]


@pytest.mark.parametrize("name", ["random", "tpe", "nsga2", "nsga3"])
def test_a_resumed_search_does_not_draw_again_what_it_drew(name: str) -> None:
    assert draws(name, 0) == draws(name, 0)
    assert not set(draws(name, 0)) & set(draws(name, 7))


def test_qmc_goes_on_in_its_sequence() -> None:
    assert make_sampler("qmc", seed=3, past=0)._seed == make_sampler("qmc", seed=3, past=9)._seed


@pytest.mark.parametrize("name", ["ageing", "local"])
def test_what_learns_from_the_storage_alone_keeps_its_seed(name: str) -> None:
    assert make_sampler(name, seed=3, past=0)._seed == make_sampler(name, seed=3, past=9)._seed


def test_every_name_makes_its_sampler() -> None:
    for name, (_, kind) in SAMPLERS.items():
        assert isinstance(make_sampler(name), kind)


def test_auto_goes_by_the_number_of_trials() -> None:
    assert [choose_sampler("auto", trials) for trials in (1, 2000, 2001)] == ["surrogate", "surrogate", "tpe"]
    assert choose_sampler("qmc", 10) == "qmc"


@pytest.mark.parametrize("extra", [(), (Choice("mixed", (1, 1.0, True)), Choice("tenths", (0.1, 0.2, 0.3), "range"))])
def test_a_space_is_walked_as_parameters(extra: tuple[Choice, ...]) -> None:
    space, parameters = TinySpace(extra), Parameters()
    walks, study = Walks(space, parameters), optuna.create_study(sampler=make_sampler("random", seed=0))
    built = []
    for _ in range(30):
        trial = study.ask()
        space.walk(lambda choice, trial=trial: parameters.suggest(trial, choice))
        assert walks.walk(lambda name, _, trial=trial: trial.params[name]) == trial.params
        built.append(walks.allows(trial.params))
        assert built[-1] == (trial.params["width"] > 8 or trial.params.get("kind.attention.heads") != 4)
    assert any(built)


def test_any_other_sampler() -> None:
    made = make_sampler(
        "optuna.samplers:PartialFixedSampler", {"fixed_params": {}, "base_sampler": make_sampler("tpe")}
    )
    assert isinstance(made, optuna.samplers.PartialFixedSampler)
    assert make_sampler(made) is made


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tpa", {}, "did you mean 'tpe'"),
        ("tpe", {"n_startup": 3}, "did you mean 'n_startup_trials'"),
        (
            "tpe",
            {"n_startup_trials": "many"},
            "'n_startup_trials' of sampler 'tpe' must be a whole number, but got 'many'",
        ),
        ("surrogate", {"n_startup_trials": 2.5}, "must be a whole number, but got 2.5"),
        ("ageing", {"population_size": True}, "must be a whole number, but got True"),
        ("nsga2", {"crossover_prob": [0.5]}, r"must be a number, but got \[0.5\]"),
        ("tpe", {"seed": "x"}, "must be a whole number or nothing"),
        ("tpe", {"group": None}, "must be true or false, but got nothing"),
        ("optuna.samplers:No", {}, "must be importable"),
        ("no_such_module:x", {}, "must be importable"),
        ("json:dumps", {"obj": 1}, "must be an Optuna sampler"),
        ("nsga2", {"population_size": 1}, "must be made with options it takes"),
        (optuna.samplers.RandomSampler(), {"seed": 1}, "it is an object already"),
    ],
)
def test_wrong_sampler(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SamplerError, match=message):
        make_sampler(name, options)


def test_the_option_that_is_out_of_range_is_pointed_at() -> None:
    with pytest.raises(SamplerError, match="n_startup_trials must be at least 1, but got 0") as error:
        make_sampler("surrogate", {"seed": 1, "n_startup_trials": 0})
    assert error.value.at == ("options", "n_startup_trials")


def test_a_whole_number_is_a_number_and_nothing_may_be_given() -> None:
    make_sampler("nsga2", {"crossover_prob": 1, "mutation_prob": None})


def test_conditional_parameters_are_counted_as_independent() -> None:
    space, parameters = TinySpace(), Parameters()
    study = optuna.create_study(sampler=make_sampler("nsga2", {"population_size": 4}, seed=0))
    counts = []
    for number in range(12):
        trial = study.ask()
        found = space.walk(lambda choice, trial=trial: parameters.suggest(trial, choice))
        counts.append(count_independent(trial, study.sampler, found))
        study.tell(trial, float(number))
    # Either kernel or heads is drawn, so at most three of four parameters are common to all.
    assert all(count == 1 for count in counts[-4:])
    assert count_independent(study.ask(), make_sampler("tpe"), ["depth"]) == 0


@pytest.mark.parametrize("name", ["surrogate", "ageing", "local"])
def test_what_is_bound_to_its_space_proposes_every_parameter(name: str) -> None:
    space, parameters = TinySpace(), Parameters()
    sampler = make_sampler(name, seed=0)
    assert isinstance(sampler, ReplayingSampler)
    sampler.bind(Walks(space, parameters))
    study = optuna.create_study(sampler=sampler)
    for number in range(24):
        trial = study.ask()
        found = space.walk(lambda choice, trial=trial: parameters.suggest(trial, choice))
        assert count_independent(trial, sampler, found) == 0
        study.tell(trial, float(number % 7))


@pytest.mark.parametrize("name", ["surrogate", "ageing", "local"])
def test_what_was_not_expected_to_be_reached_is_counted(name: str) -> None:
    """Unbound, a parameter that no trial had so far can only be drawn at random."""
    study = optuna.create_study(sampler=make_sampler(name, seed=0))
    for number in range(30):
        trial = study.ask()
        trial.suggest_int("x", 0, 99)
        if number == 29:
            trial.suggest_int("new", 0, 9)
            trial.suggest_int("newer", 0, 9)
        assert count_independent(trial, study.sampler, trial.params) == (2 if number == 29 else 0)
        study.tell(trial, float(number % 5))


def test_draws_before_a_model_begins_do_not_count_but_nothing_in_common_does() -> None:
    study = optuna.create_study(sampler=make_sampler("nsga2", {"population_size": 4}, seed=0))
    counts = []
    for number in range(8):
        trial = study.ask()
        trial.suggest_int(f"only{number % 2}", 0, 99)
        counts.append(count_independent(trial, study.sampler, trial.params))
        study.tell(trial, float(number))
    # Once the trials differ in all their parameters, there is nothing that the model could know.
    assert counts == [0, 0, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "choice",
    [
        Choice("mixed", (1, 1.0, True, "1")),
        Choice("words", ("relu", "hswish")),
        Choice("even", (2, 4, 6), "range"),
        Choice("tenths", (0.1, 0.2, 0.30000000000000004), "range"),
        Choice("power", (1, 2, 3, 4), "range", log=True),
        Choice("only", (5,), "range"),
    ],
)
def test_labels_come_back_as_they_are(choice: Choice) -> None:
    parameters = Parameters()
    study = optuna.create_study(sampler=make_sampler("random", seed=0))
    seen = set()
    for label in choice.values:
        study.enqueue_trial(parameters.encode({choice.name: label}, {choice.name: choice}))
        found = parameters.suggest(study.ask(), choice)
        assert (found, type(found)) == (label, type(label))
    for _ in range(30):
        found = parameters.suggest(study.ask(), choice)
        seen.add((found, type(found)))
    assert seen <= {(value, type(value)) for value in choice.values}
    assert len(seen) == len(choice.values)


def test_continuous_range() -> None:
    parameters, choice = Parameters(), Choice("train.lr", (1e-4, 1e-1), "range", continuous=True, log=True)
    study = optuna.create_study(sampler=make_sampler("random", seed=0))
    found = [parameters.suggest(study.ask(), choice) for _ in range(50)]
    assert all(1e-4 <= value <= 1e-1 for value in found)
    assert sum(value < 10**-2.5 for value in found) > 12


@pytest.mark.parametrize("name", ["local", "surrogate"])
def test_ours_count_as_chance_where_nothing_is_left_to_propose(name: str) -> None:
    sampler = make_sampler(name, {"n_startup_trials": 2}, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    counts = []
    for _ in range(6):
        trial = study.ask()
        value = trial.suggest_categorical("op", ["a", "b", "c", "d"])
        counts.append(count_independent(trial, sampler, ["op"]))
        study.tell(trial, [ord(value), -ord(value)])
    assert counts == [0, 0, 0, 0, 1, 1]
