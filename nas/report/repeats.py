"""Several studies beside each other: what each came to, over its repeats with other seeds, and what differs in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nas.errors import NasError
from nas.report.aims import Aims, read_aims
from nas.report.fallback import fallback
from nas.report.front import best, front
from nas.report.hypervolume import Progress, over_time, reference_point
from nas.report.rows import is_trained
from nas.report.settings import differing_settings
from nas.report.words import join, label, quantity, significant
from nas.store.record import CLOCK, Record


@dataclass(frozen=True)
class Ran:
    """One finished study: where it is, as it was resolved, and its records."""

    folder: str
    study: Mapping[str, Any]
    records: Sequence[Record]

    @cached_property
    def aims(self) -> Aims:
        return read_aims(self.study)

    @property
    def candidates(self) -> list[Record]:
        return [record for record in self.records if record.role == "candidate"]


@dataclass(frozen=True)
class Interval:
    """The mean over repeats with its 95% interval by Student's t, cut at zero where no number is negative.

    No bounds for one repeat; `count` repeats had a number.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @classmethod
    def of(cls, numbers: Sequence[float | None]) -> Interval | None:
        """None where no repeat has a number."""
        from scipy import stats

        known = [number for number in numbers if number is not None and math.isfinite(number)]
        if not known:
            return None
        mean = float(np.mean(known))
        if len(known) == 1:
            return cls(mean, None, None, 1)
        half = float(stats.t.ppf(0.975, len(known) - 1)) * float(np.std(known, ddof=1)) / math.sqrt(len(known))
        low = max(0.0, mean - half) if min(known) >= 0 else mean - half
        return cls(mean, low, mean + half, len(known))

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.count}


@dataclass(frozen=True)
class Group:
    """Repeats of one study under a label, with how each went (`steps`, all from one reference point)."""

    label: str
    runs: Sequence[Ran]
    steps: Sequence[Sequence[Progress]]
    target: float

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The numbers of each repeat."""
        return [_numbers(run, steps, self.target) for run, steps in zip(self.runs, self.steps, strict=True)]

    def over(self, name: str) -> Interval | None:
        """A number over the repeats."""
        return Interval.of([row[name] for row in self.rows])


@dataclass(frozen=True)
class Compared:
    """Groups with the reference point that they share, and the settings in which they differ, by key and label."""

    aims: Aims
    reference: Mapping[str, float]
    target: float
    groups: Sequence[Group]
    differences: Mapping[str, Mapping[str, Any]]

    @cached_property
    def said(self) -> list[str]:
        """The outcome in sentences."""
        return list(_sentences(self))

    def to_json(self) -> dict[str, Any]:
        return {
            "objectives": [objective.text for objective in self.aims.objectives],
            "reference_point": dict(self.reference),
            "target_hypervolume": self.target,
            "said": self.said,
            "groups": [
                {
                    "label": group.label,
                    **{name: found.to_json() if (found := group.over(name)) else None for name in NUMBERS},
                    "studies": group.rows,
                }
                for group in self.groups
            ],
            "differences": [{"key": key, "values": dict(values)} for key, values in self.differences.items()],
        }


_MEASURED_ON = ("data", "device", "evaluator")  # settings that decide what a number is of

# The numbers of a study, and how a table names them.
NUMBERS = {
    "hypervolume": "hypervolume",
    "best": "best within budget",
    "trials_to_target": "trials to the target",
    "seconds_to_target": "time to the target",
    "trained": "trained",
    "proposed": "proposed",
    "front_size": "front",
    "fallback": "decisions by chance",
    "seconds": "time",
    "training_seconds": "training time",
}


def compare(groups: Mapping[str, Sequence[Ran]]) -> Compared:
    """Compare studies, repeats of one under one label.

    Hypervolumes are of the candidates' fronts, from one point: the budget on an objective where all studies have the
    same budgets; else zero for what is maximized and never negative; else a tenth beyond the worst network of all.
    The target is the lowest of the groups' mean hypervolumes above 0: how many trials each needs for it says who is
    quicker.
    Raises `NasError` for studies with other objectives, or without a network trained to the end.
    """
    runs = [run for group in groups.values() for run in group]
    first = runs[0]
    for run in runs:
        if (mine := _objectives(run)) != (theirs := _objectives(first)):
            raise NasError(
                f"studies must have the same objectives to be compared, but {run.folder} has {join(mine)}, and "
                f"{first.folder} {join(theirs)}"
            )
        if not any(record.state == "complete" for record in run.candidates):
            raise NasError(f"{run.folder} has no candidate that was trained to the end, so there is nothing to compare")
    alike = all(run.aims.budgets == first.aims.budgets for run in runs)
    aims = Aims(first.aims.name, first.aims.objectives, first.aims.budgets if alike else ())
    reference = reference_point([record for run in runs for record in run.candidates], aims)
    steps = {name: [over_time(run.candidates, run.aims, reference) for run in group] for name, group in groups.items()}
    means = [float(np.mean([each[-1].hypervolume for each in found])) for found in steps.values()]
    target = min((mean for mean in means if mean > 0), default=0.0)
    found = [Group(name, group, steps[name], target) for name, group in groups.items()]
    return Compared(
        aims, reference, target, found, differing_settings({name: group[0].study for name, group in groups.items()})
    )


def _objectives(run: Ran) -> list[str]:
    return [objective.text for objective in run.aims.objectives]


def _numbers(run: Ran, steps: Sequence[Progress], target: float) -> dict[str, Any]:
    leader = best(run.records, run.aims)
    clock = max((record.values[CLOCK] for record in run.candidates if CLOCK in record.values), default=None)
    starts = [record.started for record in run.candidates if record.started is not None]
    ends = [record.finished for record in run.candidates if record.finished is not None]
    wall = max(ends) - min(starts) if starts and ends else None
    reached = next((step for step in steps if step.hypervolume >= target > 0), None)
    return {
        "folder": run.folder,
        "seed": (run.study.get("search") or {}).get("seed"),
        "hypervolume": steps[-1].hypervolume,
        "best": run.aims.first.value(leader) if leader else None,
        "trials_to_target": reached.finished if reached else None,
        "seconds_to_target": reached.seconds if reached else None,
        "trained": sum(is_trained(record) for record in run.candidates),
        "proposed": len(run.candidates),
        "fallback": drawn.share if (drawn := fallback(run.candidates)) is not None else None,
        "front_size": len(front(run.records, run.aims)),
        "seconds": wall if clock is None else clock,
        "simulated": clock is not None,
        "training_seconds": sum(record.seconds for record in run.candidates),
    }


def _sentences(found: Compared) -> Iterator[str]:
    over = [(group.label, number) for group in found.groups if (number := group.over("hypervolume")) is not None]
    (first, a), *others = sorted(over, key=lambda pair: -pair[1].mean)
    if a.mean == 0:
        yield "No study has a hypervolume above 0: none trained a network to the end within its budgets."
    elif others:
        second, b = others[0]
        more = "as much as"
        if a.mean > b.mean:
            more = f"{significant(100 * (a.mean / b.mean - 1), 2)}% more than" if b.mean else "against 0 of"
        yield f"{first} has the largest hypervolume, {significant(a.mean, 4)}, {more} {second}."
        if a.low is None or b.high is None:
            yield "At least one of the two has no repeats, so nothing is known of how much is luck: run other seeds."
        elif a.low > b.high:
            yield "Their 95% intervals do not overlap."
        else:
            yield "Their 95% intervals overlap: this may be luck."
        words = join(f"{group.label} {_need(group)}" for group in found.groups)
        yield f"Finished trainings until a hypervolume of {significant(found.target, 4)}: {words}."
    point = join(f"{label(name)} {quantity(name, value)}" for name, value in found.reference.items())
    yield f"Hypervolume is measured from {point}, over the candidates of each study."
    for group in found.groups:
        if apart := differing_settings({run.folder: run.study for run in group.runs}):
            yield f"The folders of {group.label} are no repeats of one study: they differ in {join(apart)}."
    if elsewhere := [key for key in found.differences if key.partition(".")[0] in _MEASURED_ON]:
        yield f"The studies differ in {join(elsewhere)}, so their numbers may not be of the same thing."
    if simulated := [group.label for group in found.groups if any(row["simulated"] for row in group.rows)]:
        which = "" if len(simulated) == len(found.groups) else f" of {join(simulated)}"
        yield f"Time{which} is that of the simulated clock."


def _need(group: Group) -> str:
    """How many trainings the target took on average, and by how many repeats it was reached where not by all."""
    need = group.over("trials_to_target")
    if need is None:
        return "did not reach it"
    return f"{need.mean:.0f}" + (
        f" ({need.count} of {len(group.runs)} repeats)" if need.count < len(group.runs) else ""
    )
