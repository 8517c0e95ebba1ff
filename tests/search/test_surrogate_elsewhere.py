"""What the surrogate learns from elsewhere: rungs of its own study, and earlier studies, as far as they tell."""

from __future__ import annotations

import random

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.search.history import FEWEST, Hint, History
from nas.search.surrogate.ensemble import Ensemble
from nas.search.surrogate.features import Encoder, Group
from nas.search.surrogate.learner import Learner
from nas.search.surrogate.model import GaussianProcess
from nas.search.surrogate.models import Models
from nas.search.surrogate.related import Related
from nas.search.surrogate.sampler import SurrogateSampler
from nas.search.surrogate.views import Rows, views_of
from nas.store.attributes import PROMOTED, RUNGS

DOWN = (StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)
DIGITS = {f"op{place}": CategoricalDistribution(tuple("abc")) for place in range(5)}
WORTH = {"a": 0.0, "b": 1.0, "c": 3.0}


def cells(count: int, seed: int = 0) -> list[dict[str, str]]:
    rng = random.Random(seed)
    found: dict[tuple[str, ...], dict[str, str]] = {}
    while len(found) < count:
        cell = {name: rng.choice("abc") for name in DIGITS}
        found[tuple(cell.values())] = cell
    return list(found.values())


def error(cell: dict[str, str]) -> float:
    return 30.0 - sum((1 + 0.3 * place) * WORTH[op] for place, op in enumerate(cell.values()))


def cost(cell: dict[str, str]) -> float:
    return 1.0 + sum(WORTH[op] for op in cell.values())


def trial(cell: dict[str, str], number: int, *, done: bool, low: float | None = None) -> FrozenTrial:
    found = create_trial(
        state=TrialState.COMPLETE if done else TrialState.RUNNING,
        params=cell,
        distributions=DIGITS,
        values=[error(cell), cost(cell)] if done else None,
        user_attrs={} if low is None else {RUNGS: {"2": [low, cost(cell)]}},
    )
    found.number = number
    return found


def history(trials: list[FrozenTrial], earlier: tuple[Hint, ...] = ()) -> History:
    return History.of(trials, DOWN, {}, -1, {}, earlier)


def test_a_paused_trial_gives_a_hint_and_is_not_running() -> None:
    first, second = cells(2)
    found = history([trial(first, 0, done=False, low=50.0), trial(second, 1, done=False)])
    assert [hint.values for hint in found.hints] == [(50.0, cost(first))]
    assert found.running == (second,)
    assert len(found.asked) == 2


@pytest.mark.parametrize(("rung", "running"), [("2", False), ("4", True)])
def test_a_trial_that_was_promoted_from_its_last_rung_is_running(rung: str, running: bool) -> None:
    (cell,) = cells(1)
    known = trial(cell, 0, done=False, low=50.0)
    known.user_attrs = {RUNGS: {"2": [50.0, cost(cell)], "4": [40.0, cost(cell)]}, PROMOTED: rung}
    found = history([known])
    assert found.running == ((cell,) if running else ())
    assert [hint.values[0] for hint in found.hints] == [50.0, 40.0]


def test_a_failed_trial_gives_no_hint() -> None:
    (cell,) = cells(1)
    failed = trial(cell, 0, done=False, low=50.0)
    failed.state = TrialState.FAIL
    assert not history([failed]).hints


def test_few_with_values_look_for_the_front_of_the_best_known_rung() -> None:
    paused = [trial(cell, number, done=number == 0, low=60 + error(cell)) for number, cell in enumerate(cells(FEWEST))]
    aimed = history(paused).aimed_at
    assert [each.values for each in aimed] == [(60 + error(cell), cost(cell)) for cell in cells(FEWEST)]
    assert history(paused).elsewhere(0) == ([], {})


def test_what_training_does_not_change_is_known_at_the_rung() -> None:
    trials = [trial(cell, n, done=n < FEWEST, low=60 + error(cell)) for n, cell in enumerate(cells(3 * FEWEST))]
    found = history(trials)
    assert found.aimed_at == found.measured
    given, others = found.elsewhere(1)
    assert len(given) == 3 * FEWEST
    assert not others
    given, others = found.elsewhere(0)
    assert not given
    assert [len(hints) for hints in others.values()] == [3 * FEWEST]


@pytest.mark.parametrize(("tells", "least", "most"), [(True, 0.5, 1.5), (False, -0.4, 0.4)])
def test_trust_follows_what_another_task_tells(tells: bool, least: float, most: float) -> None:
    views = views_of(DIGITS)
    known, new = cells(60), cells(90, 1)[60:]
    noise = np.random.default_rng(0).permutation(len(known))
    theirs = np.array([10 + 0.5 * error(known[n if tells else noise[n]]) for n in range(len(known))])
    here = known[:20]
    values = np.array([error(cell) for cell in here])
    standard = (values - values.mean()) / values.std()
    related, learner = Related(lambda: Learner(views)), Learner(views)
    rows = Rows(here)
    rest = related.learn({"other": (Rows(known), theirs)}, rows, standard, 0)
    assert least < related.trust["other"] < most
    learner.learn(rows, rest, 0)
    rows = Rows(new)
    expected = learner.predict(rows)[0] + related.predict(rows)[0]
    assert np.corrcoef(expected, [error(cell) for cell in new])[0, 1] > (0.95 if tells else 0.6)


def test_an_earlier_study_begins_a_search_better() -> None:
    def best(sampler: SurrogateSampler) -> float:
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
        found = []
        for _ in range(12):
            asked = study.ask()
            cell = {name: asked.suggest_categorical(name, "abc") for name in DIGITS}
            study.tell(asked, [error(cell), cost(cell)])
            found.append(error(cell) + cost(cell))
        return float(np.mean(sorted(found)[:5]))

    known = cells(60)
    taught = [SurrogateSampler(seed=seed) for seed in range(3)]
    for each in taught:
        each.learn_from("before", known, [[5 + 0.8 * error(cell), 3 * cost(cell)] for cell in known])
    assert np.mean([best(each) for each in taught]) < np.mean([best(SurrogateSampler(seed=s)) for s in range(3)])


def test_while_nothing_is_feasible_the_less_hopeless_is_asked_for() -> None:
    known = cells(40)
    trials = [trial(cell, number, done=True) for number, cell in enumerate(known)]
    for each, cell in zip(trials, known, strict=True):
        each.system_attrs = {"constraints:c": 1000 + error(cell)}
    new = cells(140, 1)[40:]
    models = Models(views_of(DIGITS), 2, Rows(new))
    models.learn(history(trials), 0)
    scores = models.score(Rows(new), Rows([]))
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 20
    assert np.corrcoef(scores, [error(cell) for cell in new])[0, 1] < -0.8


def test_an_ensemble_learns_and_repeats() -> None:
    encoder = Encoder(DIGITS)
    rows = encoder.encode(cells(60))
    values = np.array([error(cell) for cell in cells(60)])
    values = (values - values.mean()) / values.std()
    first, second = (Ensemble(encoder.groups, encoder.width) for _ in range(2))
    for each in (first, second):
        each.fit(rows, values, 200)
    assert np.corrcoef(first.predict(rows), values)[0, 1] > 0.98
    assert (first.predict(rows) == second.predict(rows)).all()
    apart = np.abs(first.left_out(rows) - values).mean()
    assert np.abs(first.predict(rows) - values).mean() < apart < 0.5
    assert first.predict(rows[:0]).shape == (0,)
    assert Ensemble((Group(0, 1, 2, ordered=True, counts=2),), 4).predict(np.zeros((3, 4))).shape == (3,)


def test_of_paused_trials_that_is_promising_which_should_end_on_the_front() -> None:
    sampler = SurrogateSampler(seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    dominated, best = (dict(zip(DIGITS, ops, strict=True)) for ops in ("cbbba", "abbbc"))
    ended = [cell for cell in cells(40) if cell not in (dominated, best)]
    for number, cell in enumerate(ended):
        study.add_trial(trial(cell, number, done=True, low=60 + error(cell)))
    numbers = []
    for cell in (dominated, best):
        study.enqueue_trial(cell)
        asked = study.ask(DIGITS)
        asked.set_user_attr(RUNGS, {"2": [60 + error(cell), cost(cell)]})
        numbers.append(asked.number)
    assert sampler.promising(study, numbers) == numbers[1]
    fresh = optuna.create_study(directions=["minimize", "minimize"], sampler=SurrogateSampler(seed=0))
    fresh.enqueue_trial(best)
    assert SurrogateSampler(seed=0).promising(fresh, [fresh.ask(DIGITS).number]) is None


def test_what_is_left_out_is_what_a_process_without_it_expects() -> None:
    encoder = Encoder(DIGITS)
    rows = encoder.encode(cells(20))
    values = np.array([error(cell) for cell in cells(20)])
    values = (values - values.mean()) / values.std()
    process = GaussianProcess(encoder.groups)
    process.condition(rows, values)
    off, deviations = process.left_out()
    for index in (0, 7, 19):
        rest = np.arange(20) != index
        process.condition(rows[rest], values[rest])
        mean, deviation = process.predict(rows[[index]])
        assert mean[0] - values[index] == pytest.approx(off[index])
        assert deviation[0] == pytest.approx(deviations[index], rel=1e-4)


def test_believing_one_after_the_other_is_believing_all_at_once() -> None:
    encoder = Encoder(DIGITS)
    every = encoder.encode(cells(60))
    rows, running, looked_at = every[:20], every[20:24], every[24:]
    values = np.array([error(cell) for cell in cells(20)])
    values = (values - values.mean()) / values.std()
    process, fresh = GaussianProcess(encoder.groups), GaussianProcess(encoder.groups)
    process.condition(rows, values)
    alone = process.predict(looked_at)[1]
    for believed in (running[:0], running[:1], running, running, running[2:]):
        expected = process.believe(believed)
        found = process.predict(looked_at)
        fresh.condition(rows, values)
        assert expected == pytest.approx(fresh.believe(believed))
        assert np.stack(found) == pytest.approx(np.stack(fresh.predict(looked_at.copy())))
        assert (found[1] < alone - 1e-6).any() == bool(len(believed))
    process.condition(rows[:10], values[:10])
    fresh.condition(rows[:10], values[:10])
    assert np.stack(process.predict(looked_at)) == pytest.approx(np.stack(fresh.predict(looked_at.copy())))
