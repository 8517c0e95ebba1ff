"""What the surrogate makes of features that are known before training: dear ones, of few networks, where they tell."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial

from nas.search import SamplerError, make_sampler
from nas.search.history import History
from nas.search.surrogate.described import Described
from nas.search.surrogate.models import Models
from nas.search.surrogate.sampler import SurrogateSampler
from nas.search.surrogate.views import Rows, views_of

DIGITS = {f"op{place}": CategoricalDistribution(tuple("abcd")) for place in range(6)}


def luck(params: Mapping[str, Any]) -> float:
    """A number that nothing but itself tells."""
    return random.Random(repr(sorted(params.items()))).random()


def cells(count: int) -> list[dict[str, str]]:
    rng = random.Random(0)
    return [{name: rng.choice("abcd") for name in DIGITS} for _ in range(count)]


def least(sampler: SurrogateSampler, trials: int) -> float:
    study = optuna.create_study(sampler=sampler)
    for _ in range(trials):
        asked = study.ask(DIGITS)
        study.tell(asked, 1 + luck(asked.params))
    return study.best_value


def test_a_feature_that_tells_is_learnt_from_and_asked_for_once_a_network() -> None:
    asked: Counter[str] = Counter()

    def known(params: Mapping[str, Any]) -> float:
        asked["".join(params[name] for name in DIGITS)] += 1
        return -100 * luck(params) ** 3

    with_it = least(SurrogateSampler(seed=0, features={"known": known}), 30)
    assert with_it < 1.01 < least(SurrogateSampler(seed=0), 30)
    assert set(asked.values()) == {1}
    assert 30 < len(asked) <= 30 + 24 * 20
    sampler = SurrogateSampler(seed=0)
    sampler.know({"known": known})
    assert least(sampler, 30) == with_it


def test_features_that_are_missing_or_tell_nothing_do_no_harm() -> None:
    features = {"none": lambda params: math.nan, "large": lambda params: math.inf, "same": lambda params: 1.0}

    def worth(params: Mapping[str, Any]) -> float:
        return 2.0 - sum("abcd".index(value) for value in params.values()) / 18

    found = []
    for sampler in (SurrogateSampler(seed=0, features=features), SurrogateSampler(seed=0)):
        study = optuna.create_study(sampler=sampler)
        for _ in range(30):
            asked = study.ask(DIGITS)
            study.tell(asked, worth(asked.params))
        found.append(study.best_value)
    assert max(found) == 1.0


def test_each_objective_is_told_with_features_where_they_help() -> None:
    """The first is luck, and the feature tells it; the second is a count, and the feature only disturbs."""

    def trial(cell: dict[str, str], number: int) -> FrozenTrial:
        count = 1.0 + list(cell.values()).count("a")
        made = create_trial(params=cell, distributions=DIGITS, values=[1 + luck(cell), count])
        made.number = number
        return made

    known, new = cells(160)[:60], cells(160)[60:]
    history = History.of(
        [trial(cell, number) for number, cell in enumerate(known)], [StudyDirection.MINIMIZE] * 2, {}, None, {}
    )
    described = Described(DIGITS, {"luck": luck})
    models = Models(views_of(DIGITS), 2, Rows(new), described)
    models.learn(history, 0)
    rows, none = Rows(new), Rows([])
    plain = models.score(rows, none)
    informed = models.score(rows, none, (described.rows(new), described.rows([])))
    assert models.informed == (True, False)
    lucky = np.array([luck(cell) for cell in new]) < 0.05
    assert informed[lucky].mean() > 5 * informed[~lucky].mean()
    assert plain[lucky].mean() < 2 * plain[~lucky].mean()


def test_the_sampler_says_whether_its_last_proposal_was_told_from_features() -> None:
    found = {}
    features = {"known": lambda params: -luck(params), "same": lambda params: 1.0}
    for name in (*features, "without"):
        sampler = SurrogateSampler(seed=0, features={name: features[name]} if name in features else {})
        study = optuna.create_study(sampler=sampler)
        said = []
        for _ in range(20):
            asked = study.ask(DIGITS)
            said.append(sampler.informed)
            study.tell(asked, 1 + luck(asked.params))
        assert set(said[:10]) == {()}  # drawn at random
        found[name] = said[10:]
    assert all(len(each) == 1 for each in found["known"] + found["same"])
    assert found["known"][-1] == (True,)
    assert set(found["without"]) == {()}


def test_a_feature_is_its_place_among_those_learnt_from() -> None:
    rows = [{"op0": "a", "at": at} for at in range(4)]
    described = Described({"op0": DIGITS["op0"]}, {"f": lambda params: (0.0, 1.0, math.nan, 1e30)[params["at"]]})
    described.learn([rows[0], rows[1]])
    encoder = described.views[0].encoder
    group = encoder.groups[1]
    column = described.rows(rows).seen_by(encoder)[:, group.start : group.stop].tolist()
    assert column == [[0.25, 1.0], [0.75, 1.0], [0.0, 0.0], [1.0, 1.0]]


def test_features_that_are_none_are_told() -> None:
    for wrong in (["a"], luck, {"a": 1}):
        with pytest.raises(TypeError, match=r"of the parameters.*, but got"):
            SurrogateSampler(features=wrong)
    sampler = SurrogateSampler(seed=0, n_startup_trials=2, features={"empty": lambda params: None})
    with pytest.raises(TypeError, match="feature 'empty' must give a number, NaN where there is none, but gave None"):
        least(sampler, 3)
    with pytest.raises(SamplerError, match="option 'features' of sampler 'surrogate' must be given in Python") as told:
        make_sampler("surrogate", {"features": {"a": 1}})
    assert told.value.at == ("options", "features")
    assert make_sampler("surrogate", {"features": {"luck": luck}})
    with pytest.raises(SamplerError, match=r"allowed: n_startup_trials, seed$"):
        make_sampler("surrogate", {"featurs": 1})
