"""Random points of a space."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from nas.arch import Plan
from nas.errors import InvalidArchitecture, NasError, SpecError
from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.refusals import Refusals

MAX_TRIES = 2_000


class EmptySpace(NasError):
    """No network of a space was found that can be built and satisfies its structural constraints."""


class Decodable(Protocol):
    """What sampling needs of a space."""

    @property
    def name(self) -> str: ...

    def decode(self, decisions: Mapping[str, Label]) -> Plan: ...

    def told(self, decisions: Mapping[str, Label], error: InvalidArchitecture) -> SpecError: ...


def draw_uniformly(rng: random.Random) -> Draw:
    """A draw that takes every label of a decision with the same probability."""

    def draw(decision: Decision) -> Label:
        if not decision.continuous:
            return rng.choice(decision.values)
        low, high = (float(value) for value in decision.values)
        if decision.log:
            return min(max(math.exp(rng.uniform(math.log(low), math.log(high))), low), high)
        return rng.uniform(low, high)

    return draw


def sample(space: Decodable, propose: Callable[[], Decisions]) -> Decisions:
    """Proposes until something decodes. Raises `EmptySpace` with the commonest reasons when nothing does."""
    refusals = Refusals()
    for _ in range(MAX_TRIES):
        decisions = propose()
        try:
            space.decode(decisions)
        except InvalidArchitecture as error:
            refusals.add(decisions, error)
            continue
        return decisions
    said = "; ".join(f"{reason} ({count} times)" for reason, count in refusals.commonest(3, space.told).items())
    raise EmptySpace(f"{space.name}: none of {MAX_TRIES:,} networks drawn at random can be built: {said}")
