"""How much each decision matters for being among the best, by Optuna's conditional PED-ANOVA."""

from __future__ import annotations

import json
import math
import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.store.storage import quiet

FEWEST = 20  # networks, of which the best quarter then counts
BEST = 5  # the fewest among the best for which the method is stable, as Optuna says
SHARE = 0.1  # of the networks that are the best, where those are at least `BEST`
MOST = 600  # networks that are looked at; of more an even selection from best to worst
SHUFFLES = 20


@dataclass(frozen=True)
class Importance:
    """`share` of each decision in all that matters (they sum to one), the largest first.

    `chance` is what it has at most, in 19 of 20 cases, where the values are dealt out at random. `best` of `networks`
    are those that the others are compared with.
    """

    share: Mapping[str, float]
    chance: Mapping[str, float]
    networks: int
    best: int


def decision_importance(
    decisions: Sequence[Mapping[str, Any]], gains: Sequence[float], *, seed: int = 0
) -> Importance | None:
    """The importance of decisions for a large gain, one mapping and one finite gain a network.

    Conditional PED-ANOVA (Watanabe et al., 2023, for spaces where not every decision is reached), which asks how
    differently the best networks decide from all others. Decisions that are alike wherever they were reached have
    none. None for fewer than `FEWEST` networks, and where nothing differs.
    """
    order = sorted(range(len(gains)), key=lambda i: (-gains[i], i))
    if len(order) < FEWEST:
        return None
    if len(order) > MOST:
        order = [order[round(i * (len(order) - 1) / (MOST - 1))] for i in range(MOST)]
    kept, values = [decisions[i] for i in order], [gains[i] for i in order]
    known = _distributions(kept)
    if not known or values[0] == values[-1]:
        return None
    best = max(BEST, math.ceil(SHARE * len(kept)))
    study = _study(kept, known)
    share = _shares(study, list(known), values, best / len(kept))
    if share is None:
        return None
    rng, by_chance = random.Random(seed), {name: list[float]() for name in known}
    for _ in range(SHUFFLES):
        rng.shuffle(values)
        for name, each in (_shares(study, list(known), values, best / len(kept)) or {}).items():
            by_chance[name].append(each)
    chance = {name: sorted(each)[-2] if len(each) > 1 else 0.0 for name, each in by_chance.items()}
    return Importance(dict(sorted(share.items(), key=lambda item: (-item[1], item[0]))), chance, len(kept), best)


def _distributions(decisions: Sequence[Mapping[str, Any]]) -> dict[str, tuple[BaseDistribution, dict[str, Any]]]:
    """For each decision that differs its distribution over the labels seen, and what stands for each label.

    Numbers keep their order, as ranks; everything else is a category.
    """
    found: dict[str, tuple[BaseDistribution, dict[str, Any]]] = {}
    for name in dict.fromkeys(name for each in decisions for name in each):
        labels = {json.dumps(each[name], default=str): each[name] for each in decisions if name in each}
        if len(labels) < 2:
            continue
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in labels.values())
        texts = sorted(labels, key=lambda text: labels[text]) if numeric else sorted(labels)
        if numeric:
            found[name] = IntDistribution(0, len(texts) - 1), {text: i for i, text in enumerate(texts)}
        else:
            found[name] = CategoricalDistribution(texts), {text: text for text in texts}
    return found


def _study(
    decisions: Sequence[Mapping[str, Any]], known: Mapping[str, tuple[BaseDistribution, Mapping[str, Any]]]
) -> optuna.Study:
    """A study in memory whose trials are these networks, in this order."""
    with quiet():
        study = optuna.create_study()
        for each in decisions:
            names = [name for name in each if name in known]
            params = {name: known[name][1][json.dumps(each[name], default=str)] for name in names}
            distributions = {name: known[name][0] for name in names}
            study.add_trial(
                create_trial(state=TrialState.COMPLETE, value=0.0, params=params, distributions=distributions)
            )
    return study


def _shares(study: optuna.Study, names: list[str], gains: Sequence[float], quantile: float) -> dict[str, float] | None:
    """Each decision's share for these gains; None where all are nothing."""

    def loss(trial: FrozenTrial) -> float:
        return -gains[trial.number]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low is better, which `loss` heeds, and that some regimes are small
        found = PedAnovaImportanceEvaluator(target_quantile=quantile).evaluate(study, names, target=loss)
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total > 0 else None
