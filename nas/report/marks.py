"""What the picture of the front shows: each trained network with its place and kind, the axes, the budget lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.front import front
from nas.store.record import Record

Kind = Literal["stopped", "replaced", "outside", "dominated", "front", "finalist", "baseline"]
LOG_RATIO = 10.0


@dataclass(frozen=True)
class Mark:
    """One network in the picture. `replaced`: a candidate that a finalist, its own network retrained, stands for."""

    record: Record
    kind: Kind
    x: float
    y: float
    x_bounds: tuple[float, float] | None
    y_bounds: tuple[float, float] | None
    on_front: bool


@dataclass(frozen=True)
class Axis:
    """A value along an axis; `low` and `high` are the ends, `bound` the budget on it where it is in sight."""

    name: str
    low: float
    high: float
    log: bool
    bound: float | None
    upper: bool


@dataclass(frozen=True)
class Picture:
    """Marks with their axes: y is the first objective, x what it is traded against; `line` joins the front."""

    marks: tuple[Mark, ...]
    x: Axis
    y: Axis
    line: tuple[Mark, ...]


def picture(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Picture | None:
    """The front as a picture; None where no trained network has both values."""
    aims = read_aims(study)
    x = aims.cost_name(records)
    if x is None:
        return None
    members = {id(r) for r in front(records, aims)}
    replaced = {r.source for r in records if r.role == "finalist" and r.state == "complete"}
    marks = [
        m
        for r in records
        if (m := _mark(r, x, aims, id(r) in members, r.role == "candidate" and r.trial in replaced)) is not None
    ]
    shown = [m for m in marks if m.kind not in ("stopped", "replaced")] or marks
    if not shown:
        return None
    line: tuple[Mark, ...] = ()
    if [o.name for o in aims.objectives] == [aims.first.name, x]:
        line = tuple(sorted((m for m in marks if m.on_front), key=lambda m: m.x))
    y_axis = _axis(aims.first.name, [(m.y, m.y_bounds) for m in shown], aims)
    return Picture(tuple(marks), _axis(x, [(m.x, m.x_bounds) for m in shown], aims), y_axis, line)


def _mark(record: Record, x_name: str, aims: Aims, on_front: bool, replaced: bool) -> Mark | None:
    x, y = record.values.get(x_name), aims.first.value(record)
    if record.state not in ("complete", "pruned") or x is None or y is None or not math.isfinite(x):
        return None
    kind: Kind = "dominated"
    if record.role == "baseline":
        kind = "baseline"
    elif record.state == "pruned":
        kind = "stopped"
    elif record.role == "finalist":
        kind = "finalist"
    elif replaced:
        kind = "replaced"
    elif on_front:
        kind = "front"
    elif not record.feasible:
        kind = "outside"
    if kind == "baseline" and record.state != "complete":
        return None
    return Mark(record, kind, x, y, bounds_of(record, x_name), bounds_of(record, aims.first.name), on_front)


def _axis(name: str, values: Sequence[tuple[float, tuple[float, float] | None]], aims: Aims) -> Axis:
    points = [v for v, _ in values] + [b for _, bounds in values for b in bounds or ()]
    low, high = min(points), max(points)
    upper = aims.bound(name) is not None
    bound = aims.bound(name, upper=upper)
    log = low > 0 and high / low > LOG_RATIO
    if bound is not None and (low - (high - low) <= bound <= high + (high - low) or (log and 0 < bound <= 3 * high)):
        low, high = min(low, bound), max(high, bound)
    else:
        bound = None
    if log:
        pad = (high / low) ** 0.06
        return Axis(name, low / pad, high * pad, True, bound, upper)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(name, low - pad, high + pad, False, bound, upper)
