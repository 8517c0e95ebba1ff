"""A warm start: which networks of earlier studies are tried first, and what a sampler may learn from all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from nas.errors import DataError, InvalidArchitecture, NasError
from nas.report.front import nondominated
from nas.search import Goals, Lesson
from nas.search.history import as_key
from nas.space import Decisions, Space
from nas.store import Results
from nas.store.files import write_json
from nas.study.config import StudyConfig
from nas.study.earlier import EarlierStudy, Found, find_earlier

MOST, SHARE = 8, 4  # networks tried first: so many at most, and at most one in so many trials

Costs = Callable[[Decisions], Mapping[str, float]]
Gains = Callable[[Found], tuple[float, ...] | None]


@dataclass(frozen=True)
class WarmStart:
    """The earlier studies of a study, the networks of them to try first, and what they teach."""

    studies: tuple[EarlierStudy, ...] = ()
    first: Mapping[str, Decisions] = field(default_factory=dict)
    lessons: tuple[Lesson, ...] = ()

    def to_json(self) -> list[dict[str, Any]]:
        """One mapping an earlier study, for people and machines."""
        known = [{each.name for each in study.found} for study in self.studies]
        return [
            {
                "study": study.name,
                "finished": study.finished,
                "exact": study.exact,
                "near": study.near,
                "left_out": dict(study.left_out),
                "with_values": sum(len(lesson.values) for lesson in self.lessons if lesson.study == study.name),
                "tried_first": [name for name in self.first if name in names],
            }
            for study, names in zip(self.studies, known, strict=True)
        ]

    @property
    def words(self) -> str:
        """One line for a person; empty where there is no warm start."""
        if not self.studies:
            return ""
        said = (
            f"{len(study.found)} of {study.finished} networks of {study.name} ({study.exact} exactly)"
            for study in self.studies
        )
        return f"warm start: {', '.join(said)}, {len(self.first)} tried first"

    def note(self, results: Results) -> None:
        """Write down what this run began with, for the report; nothing where there is no warm start."""
        if self.studies:
            write_json(results.warm_file, self.to_json())


def warm_start(
    config: StudyConfig,
    space: Space,
    resolution: int,
    goals: Goals,
    costs: Costs,
    taken: Sequence[Mapping[str, Any]],
    base: Path,
    own: Path | None = None,
) -> WarmStart:
    """What the earlier studies that a study names give it.

    `costs` tells what decisions cost before training; `taken` are decisions that the search starts at anyway; `own` is
    the folder that it goes on in.

    Raises `SpecError` with the place of an earlier study that is none.
    """
    names = list(dict.fromkeys(config.search.warm_start))
    studies = tuple(
        config.told_at(
            ["search", "warm_start", index], partial(find_earlier, name, space, resolution, base=base, own=own)
        )
        for index, name in ((config.search.warm_start.index(name), name) for name in names)
    )
    if not studies:
        return WarmStart()
    priced = _Priced(goals, costs)
    room = min(MOST, config.search.trials // SHARE, max(0, config.search.trials - len(taken)))
    first: dict[str, Decisions] = {}
    seen = {as_key(decisions) for decisions in taken}
    for found in _by_turns([row for study in studies for row in priced.fronts(study)]):
        if len(first) < room and as_key(found.decisions) not in seen:
            seen.add(as_key(found.decisions))
            first[found.name] = found.decisions
    lessons = tuple(chain.from_iterable(priced.lessons(study) for study in studies))
    return WarmStart(studies, first, lessons)


class _Priced:
    """Networks of earlier studies with what they cost here, and with what was found of them there."""

    def __init__(self, goals: Goals, costs: Costs) -> None:
        self._goals = goals
        self._costs = costs

    def costs(self, found: Found) -> Mapping[str, float] | None:
        """None where they cannot be told."""
        try:
            return self._costs(found.decisions)
        except (InvalidArchitecture, DataError):  # no operator counts it, or a table lacks it
            return None

    def affordable(self, found: Found) -> bool:
        """Whether it meets the budgets that costs decide."""
        costs = self.costs(found)
        return costs is not None and all(e <= 0 for e in self._goals.excesses(costs, found.decisions).values())

    def values(self, found: Found) -> tuple[float, ...] | None:
        """The objectives as they were found there, with the costs as they are here; None where one was not."""
        try:
            return tuple(self._goals.values({**found.record.values, **(self.costs(found) or {})}))
        except NasError:
            return None

    def lessons(self, study: EarlierStudy) -> Iterator[Lesson]:
        """What candidates came to, and by itself what those trained by the finalists' recipe did.

        Of several that are the same network here the nearest counts.
        """
        for title, searched in ((study.name, True), (f"{study.name}, retrained", False)):
            told: dict[Any, tuple[Found, tuple[float, ...]]] = {}
            for found in sorted(study.found, key=lambda each: each.apart):
                values = self.values(found) if (found.record.role == "candidate") == searched else None
                if values is not None:
                    told.setdefault(as_key(found.decisions), (found, values))
            if told:
                rows = [(found.decisions, values) for found, values in told.values()]
                yield Lesson(study.name, title, tuple(d for d, _ in rows), tuple(v for _, v in rows))

    def fronts(self, study: EarlierStudy) -> list[list[Found]]:
        """The fronts of its candidates, and of what was trained by the finalists' recipe, as `front` has them."""
        affordable = [each for each in study.found if self.affordable(each)]
        candidates = [each for each in affordable if each.record.role == "candidate"]
        return [
            self.front(study, candidates),
            self.front(study, [each for each in affordable if each.record.role != "candidate"]),
        ]

    def front(self, study: EarlierStudy, among: Sequence[Found]) -> list[Found]:
        """The front of some of its networks, in an order that is spread along it from the start.

        By this study's objectives where it knows them, else by its own.
        """
        for gains in (self._gains, _own_gains(study)):
            known = [(each, found) for each in among if (found := gains(each)) is not None]
            if known:
                points = np.array([found for _, found in known])
                members = np.flatnonzero(nondominated(-points))
                return [known[members[place]][0] for place in _spread(points[members])]
        return []

    def _gains(self, found: Found) -> tuple[float, ...] | None:
        values = self.values(found)
        if values is None:
            return None
        signs = (1 if direction == "maximize" else -1 for direction in self._goals.directions)
        return tuple(sign * value for sign, value in zip(signs, values, strict=True))


def _own_gains(study: EarlierStudy) -> Gains:
    """What a network was worth by the objectives of its own study."""

    def gains(found: Found) -> tuple[float, ...] | None:
        try:
            return Goals.parse(study.study.get("objectives") or ()).gains(found.record.values)
        except NasError:
            return None

    return gains


def _spread(gains: np.ndarray) -> list[int]:
    """The rows, the best in the first objective first, then always the one farthest from those before it."""
    low, high = gains.min(axis=0), gains.max(axis=0)
    points = (gains - low) / np.where(high > low, high - low, 1.0)
    order = [int(points[:, 0].argmax())]
    apart = np.linalg.norm(points - points[order[0]], axis=1)
    while len(order) < len(points):
        apart[order] = -1.0
        order.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(points - points[order[-1]], axis=1))
    return order


def _by_turns(rows: Sequence[Sequence[Found]]) -> Iterator[Found]:
    """The first of each, then the second of each, and so on."""
    return (each for turn in zip_longest(*rows) for each in turn if each is not None)
