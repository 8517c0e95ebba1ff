"""Networks of a space that span its sizes, to calibrate on: a uniform draw of a large space is nearly always deep."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture, NasError
from nas.space import Space
from nas.space.decisions import Decision, Draw, Label
from nas.space.sampling import draw_uniformly
from nas.study.spaces import catalogue

STRATA = 20  # of equal width in log MACs
DRAWS = 3  # times as many networks are drawn as are wanted, so that rare sizes are among them


@dataclass(frozen=True)
class Drawn:
    """A network that can be built and meets the space's own constraints."""

    decisions: dict[str, Any]
    plan: Plan
    macs: int

    @property
    def arch_id(self) -> str:
        return self.plan.arch_id


def draw_pool(space: Space, size: int, rng: random.Random, seconds: float = 30.0) -> list[Drawn]:
    """At most `size` different networks whose MACs are spread evenly over the space's, on a logarithmic scale.

    They are drawn by turns as `Space.sample` does (all decision vectors with the same chance), as an independent
    sampler does (all labels of a decision with the same chance), and small to large on purpose. Stops drawing after
    `seconds`. Raises `NasError` when none can be built.
    """
    found: dict[str, Drawn] = {}
    ways, reason = cycle(_ways(space, rng)), ""
    deadline, tries = time.monotonic() + seconds, 0
    while len(found) < DRAWS * size and tries < 10 * DRAWS * size:
        tries += 1
        try:
            decisions = next(ways)()
            plan = space.decode(decisions)
        except InvalidArchitecture as error:
            reason = str(error)
        else:
            cost = catalogue().plan(plan)
            if all(constraint.evaluate(cost.values()) for constraint in space.cost_constraints):
                found.setdefault(plan.arch_id, Drawn(decisions, plan, cost.macs))
            else:
                reason = "the space's constraints on costs are not met"
        if time.monotonic() > deadline and (found or tries > size):
            break
    if not found:
        raise NasError(f"some network of {space.name} must be buildable, but none of {tries} drawn was: {reason}")
    return _spread(list(found.values()), size, rng)


def _ways(space: Space, rng: random.Random) -> tuple[Any, ...]:
    uniform = draw_uniformly(rng)
    return (
        lambda: space.sample(rng),
        lambda: space.walk(uniform),
        lambda: space.walk(_of_size(rng.random(), rng)),
    )


def _of_size(size: float, rng: random.Random) -> Draw:
    """A draw that takes numbers near a quantile `size` (0 to 1) of their labels, and words as they come."""
    uniform = draw_uniformly(rng)

    def draw(decision: Decision) -> Label:
        labels = decision.values
        numbers = all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels)
        if decision.continuous or not numbers:
            return uniform(decision)
        place = size * (len(labels) - 1) + rng.triangular(-1, 1)
        return sorted(labels)[min(max(round(place), 0), len(labels) - 1)]

    return draw


def _spread(found: list[Drawn], size: int, rng: random.Random) -> list[Drawn]:
    """At most `size` of them, taken by turns from strata of equal width in log MACs, in random order."""
    rng.shuffle(found)
    logs = [math.log(max(1, drawn.macs)) for drawn in found]
    low, high = min(logs), max(logs)
    strata: list[list[Drawn]] = [[] for _ in range(STRATA)]
    for drawn, log in zip(found, logs, strict=True):
        strata[min(STRATA - 1, int(STRATA * (log - low) / ((high - low) or 1.0)))].append(drawn)
    chosen = list(_by_turns(strata))[:size]
    rng.shuffle(chosen)
    return chosen


def _by_turns(strata: list[list[Drawn]]) -> Iterator[Drawn]:
    for turn in range(max(map(len, strata))):
        for stratum in strata:
            if turn < len(stratum):
                yield stratum[turn]
