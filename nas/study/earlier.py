"""Networks of earlier studies, found again in the space of another: the same where it has them, else the nearest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import NasError
from nas.report.words import reference
from nas.space import Decisions, Space, answered_alike, approach
from nas.store import Record, Results
from nas.study.networks import adapted
from nas.study.results import open_results, read_resolved, stored_plan
from nas.study.starting import FROM, sides

NEAR = 0.5  # share of a network's values that the nearest one may lack and still stand for it
TRIES = 5_000  # networks that are looked at for one earlier study; afterwards what answers alike give is taken
AT_A_TIME = 500  # for one network of it

# Why a network is left out.
NOT_KEPT = "its architecture is not kept"
NOT_BUILT = "cannot be built for this data"
OTHER = "too different"


@dataclass(frozen=True)
class Found:
    """A finished network of an earlier study where it is in this study's space; `apart` is 0 for the same network."""

    name: str
    record: Record
    decisions: Decisions
    apart: float = 0.0

    @property
    def exact(self) -> bool:
        return self.apart == 0.0


@dataclass(frozen=True)
class EarlierStudy:
    """What became of the finished networks of an earlier study; `left_out` counts those that are not there by reason.

    `study` is the earlier one as it was resolved.
    """

    name: str
    study: Mapping[str, Any]
    found: tuple[Found, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def exact(self) -> int:
        return sum(each.exact for each in self.found)

    @property
    def near(self) -> int:
        return len(self.found) - self.exact

    @property
    def finished(self) -> int:
        return len(self.found) + sum(self.left_out.values())


def find_earlier(
    name: str, space: Space, resolution: int, *, base: Path = Path("results"), own: Path | None = None
) -> EarlierStudy:
    """The networks that an earlier study trained to the end, its baselines and finalists too, in a space.

    `name` is a results folder or its name within `base`; `resolution` is that of the data. In the same space the
    decisions are the network. Else a network is built for the classes and channels of the space, the questions of the
    same name get the same answers, and from there one answer after the other is changed to what leaves the fewest
    values different; where more than half of them differ in the end, it is left out. Of the folder `own`, which this
    study goes on in, candidates are known anyway. Raises `NasError` where there is no such study.
    """
    results = open_results(name, base)
    study = read_resolved(results.folder)
    alike = _but_for_data(study.get("space")) == _but_for_data(space.tree.plain())
    finder = _Finder(results, space, resolution, alike)
    found, left_out = [], Counter[str]()
    known = own is not None and own.resolve() == results.folder.resolve()
    for record in results.records():
        if record.state != "complete" or (known and record.role == "candidate"):
            continue
        try:
            found.append(finder.find(record, f"{results.folder.name}:{reference(record)}"))
        except _LeftOut as left:
            left_out[left.args[0]] += 1
    return EarlierStudy(name, study, tuple(found), dict(left_out.most_common()))


class _LeftOut(Exception):
    """A network is not in the space, for this reason."""


@dataclass
class _Finder:
    results: Results
    space: Space
    resolution: int
    alike: bool
    tried: int = 0

    def find(self, record: Record, name: str) -> Found:
        known = {each.name for each in self.space.decisions}
        decisions = {key: label for key, label in record.decisions.items() if key in known}
        if self.alike and decisions and self.space.contains(decisions):
            return Found(name, record, decisions)
        plan = self._plan(record)
        start = answered_alike(self.space, decisions)
        nearest = approach(self.space, plan, start, max(0, min(AT_A_TIME, TRIES - self.tried)))
        self.tried += nearest.tried
        if nearest.apart > NEAR:
            raise _LeftOut(OTHER)
        return Found(name, record, nearest.decisions, nearest.apart)

    def _plan(self, record: Record) -> Plan:
        """The network for this space's classes and channels, at the first resolution that it can have."""
        try:
            plan = stored_plan(self.results, record)
        except NasError:
            raise _LeftOut(NOT_KEPT) from None
        for side in sides(self.space, self.resolution, plan.input.height):
            try:
                return adapted(
                    plan,
                    classes=self.space.classes,
                    channels=self.space.input.channels,
                    resolution=side,
                    resolution_from=FROM,
                )
            except NasError:
                continue
        raise _LeftOut(NOT_BUILT)


def _but_for_data(tree: Any) -> Any:
    """A space's tree without what the data says, and what is only said of it."""
    if not isinstance(tree, Mapping):
        return tree
    own = {key: value for key, value in tree.items() if key not in ("nas", "name", "about", "classes", "input")}
    size = tree.get("input")
    sizes = {key: value for key, value in size.items() if key != "channels"} if isinstance(size, Mapping) else size
    return own | {"input": sizes}
