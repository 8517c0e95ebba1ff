"""How much each decision matters for being among the best, by Optuna's conditional PED-ANOVA."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.store.storage import quiet

SHARE = 0.1  # of the networks that are the best
FEWEST = 50  # networks, so that the best are at least five, below which the method is unstable, as Optuna says
MOST = 600  # networks that are looked at; of more an even selection from best to worst


def importance_for_the_best(decisions: Sequence[Mapping[str, Any]], gains: Sequence[float]) -> dict[str, float] | None:
    """Each decision's share in what sets the best tenth apart from all; they sum to one.

    One mapping and one finite gain, the more the better, a network. PED-ANOVA (Watanabe et al., 2023) in its form for
    spaces where not every decision is always reached (arXiv 2601.20800, 2026). Decisions that are alike wherever they
    were reached have no share. None for fewer than `FEWEST` networks, and where nothing differs.
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
    study = _study(kept, known)

    def loss(trial: FrozenTrial) -> float:
        return -values[trial.number]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low is better, which `loss` heeds, and that some regimes are small
        found = PedAnovaImportanceEvaluator(target_quantile=SHARE).evaluate(study, list(known), target=loss)
    total = math.fsum(found.values())
    return {name: value / total for name, value in found.items()} if total > 0 else None


def _distributions(decisions: Sequence[Mapping[str, Any]]) -> dict[str, tuple[BaseDistribution, dict[str, Any]]]:
    """For each decision that differs its distribution over the labels seen, and what stands for each label.

    Numbers keep their order, as ranks; everything else is a category.
    """
    found: dict[str, tuple[BaseDistribution, dict[str, Any]]] = {}
    for name in dict.fromkeys(name for each in decisions for name in each):
        labels = {json.dumps(each[name], default=str): each[name] for each in decisions if name in each}
        if len(labels) < 2:
            continue
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in labels.values()):
            texts = sorted(labels, key=lambda text: labels[text])
            found[name] = IntDistribution(0, len(texts) - 1), {text: i for i, text in enumerate(texts)}
        else:
            found[name] = CategoricalDistribution(sorted(labels)), {text: text for text in labels}
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
