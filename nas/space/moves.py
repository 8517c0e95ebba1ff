"""Moves in a space: the neighbours of a point, and the child of two."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.sampling import draw_uniformly
from nas.space.vectors import coordinate, label_at

TRIES = 16
STEP = 0.1  # of a continuous range

INDEXED = re.compile(r"(\w+)\.(\d+)\.(.+)")


class Movable(Protocol):
    """What moving needs of a space."""

    @property
    def decisions(self) -> tuple[Decision, ...]: ...

    def walk(self, draw: Draw) -> Decisions: ...

    def contains(self, decisions: Mapping[str, Label]) -> bool: ...


def neighbours(space: Movable, decisions: Mapping[str, Label]) -> Iterator[Decisions]:
    """All points that one other answer gives, in the order of the decisions and their labels.

    What that answer newly opens is filled in: as in the block before, else with the first label, else (where that
    cannot be built) at random but always the same.
    """
    for decision in space.decisions:
        if decision.name in decisions:
            for label in others(decision, decisions[decision.name]):
                found = moved(space, decisions, decision, label)
                if found is not None:
                    yield found


def others(decision: Decision, label: Label) -> list[Label]:
    """The other answers to try: all, or of a continuous range a step on both sides."""
    if not decision.continuous:
        return [other for other in decision.values if other != label]
    here = coordinate(decision, label)
    near = (label_at(decision, here - STEP), label_at(decision, here + STEP))
    return [other for other in near if other != label]


def moved(space: Movable, decisions: Mapping[str, Label], changed: Decision, label: Label) -> Decisions | None:
    """The point with one answer changed; None where none was found that can be built."""
    rng = random.Random(f"{changed.name}={label}")
    for attempt in range(TRIES):
        child: Decisions = {}
        filled = False
        fill = draw_uniformly(rng)

        def draw(decision: Decision, attempt: int = attempt, child: Decisions = child, fill: Draw = fill) -> Label:
            nonlocal filled
            if decision.name == changed.name:
                answer = label
            elif decision.name in decisions:
                answer = decisions[decision.name]
            else:
                filled = True
                answer = fill(decision) if attempt else _like_before(decision, child)
            child[decision.name] = answer
            return answer

        found = space.walk(draw)
        if space.contains(found):
            return found
        if not filled:
            return None
    return None


def _like_before(decision: Decision, child: Mapping[str, Label]) -> Label:
    """The answer of the block before, where there is one."""
    match = INDEXED.fullmatch(decision.name)
    if match and int(match[2]) > 0:
        before = child.get(f"{match[1]}.{int(match[2]) - 1}.{match[3]}")
        if before is not None and decision.allows(before):
            return before
    return decision.values[0]


def crossover(space: Movable, a: Mapping[str, Label], b: Mapping[str, Label], rng: random.Random) -> Decisions:
    """A point whose answers come from two others, each from either with the same chance; `a` again where none is found.

    Where only one of them answers, its answer is taken; what neither answers is drawn at random.
    """
    fresh = draw_uniformly(rng)

    def draw(decision: Decision) -> Label:
        name = decision.name
        if name in a and name in b:
            return a[name] if rng.random() < 0.5 else b[name]
        return a[name] if name in a else b[name] if name in b else fresh(decision)

    for _ in range(TRIES):
        child = space.walk(draw)
        if space.contains(child):
            return child
    return dict(a)
