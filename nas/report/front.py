"""Which networks are worth having: the front, and the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.report.aims import Aims, Objective, read_aims
from nas.store.record import OUTSIDE, Record


def contenders(records: Sequence[Record]) -> list[Record]:
    """What the search found and trained to the end: no baselines, and no candidate that a finalist stands for.

    Nor what is no network of the space any more.

    A finalist is the network of its `source`, trained and measured again, so its numbers replace the first ones.
    """
    replaced = {r.source for r in records if r.role == "finalist" and r.state == "complete"}
    outside = {r.trial for r in records if r.role == "candidate" and r.gate == OUTSIDE}
    return [
        r
        for r in records
        if r.state == "complete"
        and r.role != "baseline"
        and not (r.role == "candidate" and r.trial in replaced)
        and not (r.role == "finalist" and r.source in outside)
    ]


def front(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[Record]:
    """The contenders within the budget that no other one beats: none is as good in every objective and better in one.

    Sorted by the first objective, best first, then by the others; of equal ones all are kept. A record without a
    finite value for every objective is left out.
    """
    aims = read_aims(study)
    feasible = [r for r in contenders(records) if r.feasible]
    known = [(r, costs) for r in feasible if (costs := as_costs(r, aims.objectives)) is not None]
    if not known:
        return []
    keep = nondominated(np.array([costs for _, costs in known]))
    members = [pair for pair, kept in zip(known, keep, strict=True) if kept]
    return [r for r, _ in sorted(members, key=lambda pair: (pair[1], pair[0].role, pair[0].trial))]


def best(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Record | None:
    """The feasible contender with the best first objective, ties decided by the others; None where there is none."""
    members = front(records, study)
    return members[0] if members else None


def as_costs(record: Record, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """One number an objective, less is better; None where a value is missing or not finite."""
    values = [objective.value(record) for objective in objectives]
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    return tuple(-v if o.maximize else v for v, o in zip(known, objectives, strict=True))


def nondominated(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows of (n, objectives) no other row dominates, less being better; equal rows are all kept."""
    import moocore

    kept: npt.NDArray[np.bool_] = moocore.is_nondominated(costs, keep_weakly=True)
    return kept
