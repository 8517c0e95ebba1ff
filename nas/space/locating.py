"""The inverse of decoding: the decisions of a space that give a known network, found by trying."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Protocol

from nas.arch import Plan
from nas.errors import NasError
from nas.space.comparing import Comparison, Difference, Leaf, train_distance, train_leaves
from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.moves import moved, others

STARTS = 16  # points at random to start from, four for each notion of what is near
TRIES = 30_000  # networks that are decoded at most
SHOWN = 4  # differences in an error
SCALINGS = 64  # ways to scale that are all tried from each start; of more, so many at random, then their neighbours

Distance = Callable[[Plan], float]


class Searchable(Protocol):
    """What locating needs of a space."""

    @property
    def name(self) -> str: ...

    @property
    def decisions(self) -> tuple[Decision, ...]: ...

    def walk(self, draw: Draw) -> Decisions: ...

    def decode(self, decisions: Mapping[str, Label]) -> Plan: ...

    def contains(self, decisions: Mapping[str, Label]) -> bool: ...

    def sample(self, rng: random.Random) -> Decisions: ...


@dataclass(frozen=True)
class Miss:
    """A value of a network that the nearest one of a space does not have; `allowed` are those that it could."""

    place: str
    wanted: Leaf
    allowed: tuple[Leaf, ...]

    def __str__(self) -> str:
        return f"at {self.place} it has {_said(self.wanted)}, the space {' or '.join(map(_said, self.allowed))}"


class NotInside(NasError):
    """No decisions were found that give a network; `misses` is what the nearest one of the space lacks."""

    def __init__(self, network: Plan, space: Searchable, tried: int, misses: tuple[Miss, ...]) -> None:
        self.misses = misses
        more = f"; and {len(misses) - SHOWN} more" if len(misses) > SHOWN else ""
        super().__init__(
            f"{network.name} must be a network of {space.name}, but none of the {tried:,} that were tried is the same; "
            f"the nearest differs: {'; '.join(map(str, misses[:SHOWN]))}{more}; widen the space there"
        )


def locate(space: Searchable, network: Plan) -> Decisions:
    """The decisions that decode to a network with the same `arch_id`; what it says of training is met where it can be.

    One decision after the other takes the answer that leaves the fewest values different, from several random points;
    so what only several answers at once would bring nearer may be missed. Answers about scaling change all of a network
    at once, so each of their combinations is tried by itself. Raises `NotInside`, `EmptySpace`.
    """
    search = _Search(space, network)
    rng = random.Random(0)
    nearest, least = space.sample(rng), float("inf")
    for attempt, start in search.starts(nearest, rng):
        found = search.descend(start, search.distance(start, attempt), train=False)
        if space.decode(found).arch_id == network.arch_id:
            return search.trained(found)
        apart = search.comparison.distance(space.decode(found))
        if apart < least:
            nearest, least = found, apart
        if search.tried >= TRIES or not space.decisions:
            break
    raise NotInside(network, space, search.tried, search.misses(nearest))


@dataclass(frozen=True)
class Approach:
    """The network of a space that was found nearest to a known one.

    `apart` is about the share of the known network's values that it does not have, 0 where `exact`; `tried` how many
    networks were looked at.
    """

    decisions: Decisions
    exact: bool
    apart: float
    tried: int


def approach(space: Searchable, network: Plan, start: Decisions, tries: int = TRIES) -> Approach:
    """The nearest network that changing one answer after the other leads to from a start; itself where it gets there.

    It looks at so many networks at most, or a few more.
    """
    search = _Search(space, network, tries)
    found = start
    if space.decode(start).arch_id != network.arch_id:
        found = search.descend(start, search.comparison.distance, train=False)
    found = search.trained(found)
    plan = space.decode(found)
    exact = plan.arch_id == network.arch_id
    apart = 0.0 if exact else search.comparison.distance(plan) / search.comparison.size
    return Approach(found, exact, apart, search.tried)


class _Search:
    def __init__(self, space: Searchable, network: Plan, tries: int = TRIES) -> None:
        self.space = space
        self._most = tries
        self.network = network
        self.comparison = Comparison(network)
        self._loose = Comparison(network, stand_ins=True)
        self.tried = 0
        self._scalings = [decision for decision in space.decisions if decision.scale]
        self._in_all_ways = prod(len(decision.values) for decision in self._scalings) <= SCALINGS

    def starts(self, first: Decisions, rng: random.Random) -> Iterator[tuple[int, Decisions]]:
        """The points to start from with the number of the attempt: some at random, each scaled in every way."""
        for attempt in range(STARTS):
            start = self.space.sample(rng) if attempt else first
            yield from ((attempt, point) for point in self._scaled(start, rng))

    def _scaled(self, start: Decisions, rng: random.Random) -> list[Decisions]:
        """A point under every scaling of the space that can be built, or under many, the nearest first."""
        kinds = self._scalings
        if not kinds:
            return [start]
        ways: Iterable[tuple[Label, ...]] = product(*(each.values for each in kinds))
        if not self._in_all_ways:
            ways = (tuple(rng.choice(each.values) for each in kinds) for _ in range(SCALINGS))
        points = [start]
        for way in ways:
            answers = start | {each.name: label for each, label in zip(kinds, way, strict=True)}
            point = self.space.walk(lambda each, answers=answers: answers.get(each.name, each.values[0]))  # type: ignore[misc]
            if point not in points and self.space.contains(point):
                points.append(point)
        return sorted(points, key=lambda point: self._distance(point, self.comparison.distance))

    def distance(self, start: Decisions, attempt: int) -> Distance:
        """What counts as near in an attempt: none leads everywhere, so they take turns."""
        comparison = self._loose if attempt % 4 >= 2 else self.comparison
        by_segment = attempt % 2 == 0 and comparison.same_segments(self.space.decode(start))
        return comparison.distance_by_segment if by_segment else comparison.distance

    def descend(self, here: Decisions, distance: Distance, *, train: bool) -> Decisions:
        """The point where no other single answer is nearer."""
        least = self._distance(here, distance)
        improved = True
        while improved and least > 0 and self.tried < self._most:
            improved = False
            for decision in self.space.decisions:
                if decision.train is not train or (decision.scale and self._in_all_ways):
                    continue
                for there in self._around(here, decision):
                    apart = self._distance(there, distance)
                    if apart < least:
                        here, least, improved = there, apart, True
        return here

    def trained(self, found: Decisions) -> Decisions:
        """The same network with its answers about training as near to its own as they can be, else the first."""
        kinds = {decision.name: decision.train for decision in self.space.decisions}
        plain = self.space.walk(lambda each: each.values[0] if kinds[each.name] else found[each.name])
        here = plain if self.space.contains(plain) else found
        return self.descend(here, lambda plan: train_distance(self.network.train, plan), train=True)

    def misses(self, nearest: Decisions) -> tuple[Miss, ...]:
        """What differs at a point, with what any single other answer would give there."""
        points = [nearest]
        points += [there for decision in self.space.decisions for there in self._around(nearest, decision)]
        seen = [self.comparison.differences(self.space.decode(point)) for point in points]
        shown = [each for each in seen[0] if not each.inserted] or seen[0]
        found = [{each.place: each.found for each in one} for one in seen]
        return tuple(_miss(each, (one[each.place] for one in found if each.place in one)) for each in shown)

    def _around(self, here: Decisions, decision: Decision) -> Iterator[Decisions]:
        """The points with another answer to one decision; of a continuous one, with the numbers of the network."""
        if decision.name not in here:
            return
        labels = others(decision, here[decision.name])
        if decision.continuous:
            known = train_leaves(self.network.train).values()
            labels += [value for value in known if value is not None and decision.allows(value)]
        for label in labels:
            there = moved(self.space, here, decision, label)
            if there is not None:
                yield there

    def _distance(self, point: Decisions, distance: Distance) -> float:
        self.tried += 1
        return distance(self.space.decode(point))


def _miss(difference: Difference, found: Iterable[Leaf]) -> Miss:
    return Miss(difference.place, difference.wanted, tuple(sorted(dict.fromkeys(found), key=_order)))


def _order(value: Leaf) -> tuple[bool, float, str]:
    """Numbers before words."""
    if isinstance(value, int | float):
        return False, float(value), ""
    return True, 0.0, str(value)


def _said(value: Leaf) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
