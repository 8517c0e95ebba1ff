"""Decisions of one space carried over to another: the same questions get the same answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Protocol, TypeGuard

from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.sampling import draw_uniformly

TRIES = 16


class Answerable(Protocol):
    """What carrying decisions over needs of a space."""

    def walk(self, draw: Draw) -> Decisions: ...

    def contains(self, decisions: Mapping[str, Label]) -> bool: ...

    def sample(self, rng: random.Random) -> Decisions: ...


def answered_alike(space: Answerable, decisions: Mapping[str, Label]) -> Decisions:
    """The point of a space with the answers that decisions of another space give to questions of the same name.

    A number that is none of the answers becomes the nearest of them. Other questions get their first answer; where
    that cannot be built, answers at random but always the same. Raises `EmptySpace`.
    """
    rng = random.Random(0)
    fill = draw_uniformly(rng)
    for attempt in range(TRIES):

        def draw(decision: Decision, attempt: int = attempt) -> Label:
            answer = _answer(decision, decisions.get(decision.name))
            if answer is not None:
                return answer
            return fill(decision) if attempt else decision.values[0]

        found = space.walk(draw)
        if space.contains(found):
            return found
    return space.sample(rng)


def _answer(decision: Decision, wanted: Label | None) -> Label | None:
    """The answer that is meant, or for numbers the nearest; None where there is no such."""
    same = [each for each in decision.values if each == wanted and isinstance(each, bool) == isinstance(wanted, bool)]
    if same:
        return same[0]
    numbers = [each for each in decision.values if _number(each)]
    if not _number(wanted) or len(numbers) < len(decision.values):
        return None
    if decision.continuous:
        return min(max(wanted, numbers[0]), numbers[1])
    return min(numbers, key=lambda each: abs(each - wanted))


def _number(label: Label | None) -> TypeGuard[int | float]:
    return isinstance(label, int | float) and not isinstance(label, bool)
