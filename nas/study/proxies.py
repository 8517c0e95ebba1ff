"""Zero-cost proxies within a study: computed for its networks, kept with them, and never something to aim at."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from typing import Any

from platformdirs import user_cache_path

from nas.arch import Plan
from nas.errors import NasError
from nas.proxy import PROXIES, Scores, check_proxies
from nas.report.aims import read_aims
from nas.report.proxies import rankings
from nas.search import Budget, Candidate, Goals, Objective
from nas.store import Results
from nas.study.config import StudyConfig
from nas.study.results import read_resolved, stored_plan
from nas.study.spaces import catalogue

OnNetwork = Callable[[int, int], None]


@cache
def scores_here() -> Scores:
    """The scores that this user's studies share, remembered in the user's cache folder between runs."""
    return Scores(user_cache_path("nas") / "proxies")


def check_settings(config: StudyConfig, goals: Goals, known: Collection[str]) -> None:
    """Raises `SpecError` for a proxy that does not exist, and for a goal that names one: `known` are real values."""
    for index, name in enumerate(config.search.proxies):
        config.told_at(["search", "proxies", index], partial(check_proxies, [name]))
    wanted: dict[str, Sequence[Objective | Budget]] = {"objectives": goals.objectives, "budgets": goals.budgets}
    for key, each in wanted.items():
        for index, goal in enumerate(each):
            config.told_at([key, index], partial(_refuse, goal, known))


def _refuse(goal: Objective | Budget, known: Collection[str]) -> None:
    for name in sorted(goal.names & PROXIES.keys() - set(known)):
        raise NasError(
            f"objectives and budgets must name values that are counted, measured or trained for, but '{goal.text}' "
            f"names the zero-cost proxy '{name}', which only guesses; put it under search.proxies, and the report says "
            "how well it ranks"
        )


def keep_scores(results: Results, names: Sequence[str]) -> Callable[[Candidate], None] | None:
    """What an engine does with each network that it admits: computes its scores into its folder. None without names."""
    if not names:
        return None

    def keep(candidate: Candidate) -> None:
        _keep(results, candidate.key, candidate.plan, names)

    return keep


def score_features(names: Sequence[str]) -> dict[str, Callable[[Plan], float]]:
    """Proxies as features of networks for a sampler that learns from them: NaN where there is no score."""
    return {name: partial(_score, name) for name in names}


def _score(name: str, plan: Plan) -> float:
    value = scores_here().of(plan, [name])[name].value
    return math.nan if value is None else value


def network_scores(plan: Plan, names: Sequence[str]) -> dict[str, Any]:
    """A network's scores beside its costs: `name, arch_id, resolution, classes, params, macs, proxies`."""
    cost = catalogue().plan(plan)
    return {
        "name": plan.name,
        "arch_id": plan.arch_id,
        "resolution": plan.input.height,
        "classes": plan.classes,
        "params": cost.params,
        "macs": cost.macs,
        "proxies": {name: score.to_json() for name, score in scores_here().of(plan, names).items()},
    }


def study_scores(results: Results, names: Sequence[str], on_network: OnNetwork) -> dict[str, Any]:
    """Scores of all networks of a study that were trained to the end, kept with them, and how well they rank.

    `on_network` is told how many of how many are done. Raises `StoreError` where the folder cannot be written.
    """
    trained = [record for record in results.records() if record.state == "complete" and record.folder]
    for done, record in enumerate(trained):
        on_network(done, len(trained))
        _keep(results, record.folder, stored_plan(results, record), names)
    on_network(len(trained), len(trained))
    study = read_resolved(results.folder)
    fresh = Results(results.folder, storage=results.storage_url, name=results.name)
    found = rankings(fresh.records("candidate"), read_aims(study))
    return {"study": study["name"], "networks": len(trained), "ranking": [each.to_json() for each in found]}


def _keep(results: Results, key: str, plan: Plan, names: Sequence[str]) -> None:
    scores = scores_here().of(plan, names)
    results.keep_proxies(key, {name: score.to_json() for name, score in scores.items()})
