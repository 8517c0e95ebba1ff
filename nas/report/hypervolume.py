"""How much of the objective space the front covers, and how that grew while the search went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.report.aims import Aims, Objective, read_aims
from nas.report.front import as_costs, front, nondominated
from nas.store.record import CLOCK, Record


@dataclass(frozen=True)
class Progress:
    """The state of the search after `finished` candidates were trained to the end.

    `best` is the best first objective within the budget so far (None: nothing yet), `seconds` is counted from the
    start of the first trial, on the simulated clock where the study had one.
    """

    finished: int
    hypervolume: float
    best: float | None
    trial: int
    seconds: float | None


def reference_point(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> dict[str, float]:
    """The point from which the hypervolume is measured, by the name of each objective.

    Taken in turn: the budget on that objective; zero for something to maximize that is never negative; the worst value
    of any network trained to the end, a tenth of the range beyond it.
    """
    aims = read_aims(study)
    return {objective.name: _reference(objective, records, aims) for objective in aims.objectives}


def _reference(objective: Objective, records: Sequence[Record], aims: Aims) -> float:
    bound = aims.bound(objective.name, upper=not objective.maximize)
    if bound is not None:
        return bound
    values = [v for r in records if r.state == "complete" and (v := objective.value(r)) is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if objective.maximize:
        return 0.0 if low >= 0 else low - 0.1 * (high - low)
    return high + 0.1 * ((high - low) or abs(high) or 1.0)


def hypervolume(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> float:
    """The volume between the front and `reference_point`, in the objectives' units multiplied; 0 without a front."""
    aims = read_aims(study)
    costs = [as_costs(r, aims.objectives) for r in front(records, aims)]
    return _volume(np.array(costs), _reference_costs(records, aims)) if costs else 0.0


def contribution(record: Record, records: Sequence[Record], study: Mapping[str, Any] | Aims) -> float:
    """The share of the hypervolume that would be lost without a network, retrained or not; 0 off the front."""
    aims = read_aims(study)
    reference = _reference_costs(records, aims)

    def volume(found: Sequence[Record]) -> float:
        costs = [as_costs(r, aims.objectives) for r in front(found, aims)]
        return _volume(np.array(costs), reference) if costs else 0.0

    first = record.source if record.role == "finalist" else record.trial if record.role == "candidate" else None
    twins = [r for r in records if first is not None and first == (r.source if r.role == "finalist" else r.trial)]
    others = [r for r in records if r is not record and (r.role == "baseline" or r not in twins)]
    whole = volume(records)
    return (whole - volume(others)) / whole if whole else 0.0


def over_time(
    records: Sequence[Record], study: Mapping[str, Any] | Aims, point: Mapping[str, float] | None = None
) -> list[Progress]:
    """How the candidates' front grew, one entry a candidate trained to the end, in the order they finished.

    All entries use one reference point, so they never fall: `point`, or that of the whole study. Finalists are not part
    of it.
    """
    aims = read_aims(study)
    reference = _as_reference(point or reference_point(records, aims), aims)
    done = [r for r in records if r.state == "complete" and r.role == "candidate"]
    done.sort(key=lambda r: (r.finished if r.finished is not None else float("inf"), r.trial))
    starts = [r.started for r in records if r.started is not None]
    members = np.empty((0, len(aims.objectives)))
    volume, leader, steps = 0.0, None, []
    for count, record in enumerate(done, 1):
        costs = as_costs(record, aims.objectives) if record.feasible else None
        if costs is not None:
            value = aims.first.value(record)
            leader = value if leader is None or (value is not None and aims.first.better(value, leader)) else leader
            if not _covered(members, costs):
                members = np.vstack([members, costs])
                members = members[nondominated(members)]
                volume = _volume(members, reference)
        seconds = record.finished - min(starts) if record.finished is not None and starts else None
        seconds = record.values.get(CLOCK, seconds)
        steps.append(Progress(count, volume, leader, record.trial, seconds))
    return steps


def _covered(members: npt.NDArray[np.float64], costs: tuple[float, ...]) -> bool:
    return bool((members <= np.array(costs)).all(axis=1).any())


def _reference_costs(records: Sequence[Record], aims: Aims) -> npt.NDArray[np.float64]:
    return _as_reference(reference_point(records, aims), aims)


def _as_reference(point: Mapping[str, float], aims: Aims) -> npt.NDArray[np.float64]:
    return np.array([-point[o.name] if o.maximize else point[o.name] for o in aims.objectives])


def _volume(costs: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> float:
    import moocore

    inside = costs[(costs < reference).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0
