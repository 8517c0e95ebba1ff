"""Spaces seen as a person asks about them: opened with the real blocks, described, sampled, and as JSON Schema."""

from __future__ import annotations

import logging
import random
from collections import Counter
from functools import cache, partial
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from nas.arch import Plan, check_end
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.files import find_file, shipped
from nas.space import Refusals, Space, load_space
from nas.store.share import wilson
from nas.study.config import StudyConfig
from nas.study.scaler import NetworkScaler
from nas.study.train_fields import train_fields
from nas.train import Recipe

log = logging.getLogger(__name__)

EXAMPLES = 10
REASONS = 3  # why vectors cannot be built, the commonest


@cache
def catalogue() -> CostTable:
    """The blocks of this installation with their costs, remembered in the user's cache folder between runs."""
    folder = user_cache_path("nas")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("costs are not remembered between runs: %s", error)
        return CostTable()
    return CostTable(folder / "costs.sqlite")


@cache
def scaler() -> NetworkScaler:
    """What scales the networks of a space that says so."""
    return NetworkScaler(catalogue())


def open_space(source: str | Path | dict[str, Any], *, recipe: Recipe | None = None, **given: Any) -> Space:
    """A space from a file, a shipped name or a tree; `given`: `classes`, `channels` and `resolution`, where known.

    What it says of training must be fields of the recipe; `recipe` is that of the study, where there is one.
    Raises `SpecError` for the first mistake.
    """
    target = find_file(source, "search_spaces") if isinstance(source, str) else source
    return load_space(
        target,
        catalogue(),
        roots=[shipped("search_spaces")],
        train_fields=train_fields(recipe),
        scaler=scaler(),
        **given,
    )


def space_of(config: StudyConfig, **given: Any) -> Space:
    """The space of a study; a mistake in a tree that the study itself holds is told with its place in the file."""
    look_up = partial(open_space, config.space, recipe=config.training, **given)
    return look_up() if isinstance(config.space, str) else config.told_at(["space"], look_up)


def price(plan: Plan) -> dict[str, float]:
    """What a plan costs, by the names that budgets use."""
    return dict(catalogue().plan(plan).values())


def check_whole(space: Space, plan: Plan) -> None:
    """A network to be trained or measured ends in logits. Raises `SpecError` at the head where it does not."""
    try:
        check_end(plan.steps[-1].out_shape, plan.classes)
    except InvalidArchitecture as error:
        raise (space.tree.get("head") or space.tree).fail(error.reason) from None


def draw(space: Space, count: int, rng: random.Random) -> list[dict[str, Any]]:
    """Sampled networks that can be built, each with its decisions, parameters and MACs (`Cost.to_json`).

    Raises `SpecError` where one does not end in logits, for it could neither be trained nor measured.
    """
    table = catalogue()
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        decisions = space.sample(rng)
        try:
            plan = space.decode(decisions)
        except InvalidArchitecture:
            continue
        check_whole(space, plan)
        cost = table.plan(plan)
        rows.append({"arch_id": plan.arch_id, "decisions": dict(decisions), **cost.to_json()})
    return rows


def feasible_fraction(space: Space, samples: int, rng: random.Random) -> tuple[dict[str, Any], Refusals, Counter[str]]:
    """The share of decision vectors that build and meet the space's own cost constraints, from a sample of them.

    With Wilson's 95% interval (1927); beside it why vectors could not be built, and how many that could be built did
    not meet each of the cost constraints.
    """
    table, good = catalogue(), 0
    refusals = Refusals()
    unmet: Counter[str] = Counter()
    for _ in range(samples):
        decisions = space.draw(rng)
        try:
            plan = space.decode(decisions)
        except InvalidArchitecture as error:
            refusals.add(decisions, error)
            continue
        values = table.plan(plan).values()
        broken = [constraint.text for constraint in space.cost_constraints if not constraint.evaluate(values)]
        unmet.update(broken)
        good += not broken
    low, high = wilson(good, samples)
    return {"value": good / samples, "low": low, "high": high, "samples": samples}, refusals, unmet


def describe(space: Space, *, samples: int, seed: int) -> dict[str, Any]:
    """Everything `nas space` shows: name, exact size, decisions, feasible share, what is in its way, examples.

    Raises `SpecError` where its networks do not end in logits, `EmptySpace` where there are none.
    """
    size = space.size()
    fraction, refusals, unmet = feasible_fraction(space, samples, random.Random(seed))
    return {
        "name": space.name,
        "size": str(size.value),
        "exact": size.exact,
        "decisions": [
            {"name": d.name, "kind": d.kind, "values": list(d.values), "when": d.when} for d in space.decisions
        ],
        "feasible_fraction": fraction,
        "unmet": dict(unmet.most_common()),
        "unbuildable": refusals.commonest(REASONS, space.told),
        "examples": draw(space, EXAMPLES, random.Random(seed)),
    }
