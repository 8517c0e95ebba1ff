"""Steps of a random walk through a space, with the ratio that a Metropolis-Hastings chain needs to rest as it should.

The walk rests at draws in which each answer has the same chance, as a sampler without a model draws them (Metropolis et
al., 1953; Hastings, 1970). Whoever takes a step only where a condition holds rests at such draws under that condition.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from nas.search.spaces import Decision, Decisions, Space
from nas.space.sampling import draw_uniformly
from nas.space.vectors import coordinate, label_at

_MORE = 0.3  # chance of a further answer that changes in the same step
_NEAR = 0.5  # of steps in a range go to the next number, or a little further on where it is continuous
_STEP = 0.1  # standard deviation of a step in a continuous range of length 1


class Moves:
    """Draws and steps in one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._open = {d.name: d for d in space.decisions if d.continuous or len(d.values) > 1}

    def __len__(self) -> int:
        """How many decisions there are to make at most."""
        return len(self._open)

    def draw(self, rng: random.Random) -> Decisions:
        """Decisions in which each answer has the same chance; they need not be buildable."""
        return self._space.walk(draw_uniformly(rng))

    def step(self, here: Mapping[str, Any], rng: random.Random) -> tuple[Decisions, float] | None:
        """Another point, and how probable taking the step may be at most; None for staying.

        A few answers change, mostly one; what they open is drawn anew. What opens and closes is as probable in the draw
        as in the step, so that only the number of answers to choose among is left in the ratio.
        """
        open_here = self._among(here)
        count = 1
        while rng.random() < _MORE:
            count += 1
        if count > len(open_here):
            return None
        changed: dict[str, Any] = {}
        for name in rng.sample(open_here, count):
            label = _other(self._open[name], here[name], rng)
            if label is None:
                return None
            changed[name] = label
        fresh = draw_uniformly(rng)

        def draw(decision: Decision) -> Any:
            name = decision.name
            return changed[name] if name in changed else here[name] if name in here else fresh(decision)  # type: ignore[arg-type]

        there = self._space.walk(draw)
        if not changed.keys() <= there.keys():  # one closed the other: there is no way back
            return None
        return there, math.comb(len(open_here), count) / math.comb(len(self._among(there)), count)

    def _among(self, decisions: Mapping[str, Any]) -> list[str]:
        return [name for name in decisions if name in self._open]


def _other(decision: Decision, label: Any, rng: random.Random) -> Any:
    """Another answer, as probable as the way back; None where the step leads out of the range."""
    if decision.continuous:
        if rng.random() >= _NEAR:
            return draw_uniformly(rng)(decision)  # type: ignore[arg-type]
        place = coordinate(decision, label) + rng.gauss(0, _STEP)  # type: ignore[arg-type]
        return label_at(decision, place) if 0 <= place <= 1 else None  # type: ignore[arg-type]
    values = list(decision.values)
    at = next(i for i, value in enumerate(values) if value == label and type(value) is type(label))
    if decision.kind == "range" and rng.random() < _NEAR:
        at += rng.choice((-1, 1))
        return values[at] if 0 <= at < len(values) else None
    return values[(at + rng.randrange(1, len(values))) % len(values)]
