"""A network's latency three times: predicted, measured in the search, measured again in a fresh process at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.standing import standings
from nas.report.table import place, trusted
from nas.report.words import bare, interval
from nas.store.record import Record

if TYPE_CHECKING:
    from rich.table import Table

# The names of the three among a record's values.
PREDICTED, SEARCHED, LATENCY = "predicted_ms", "search_latency_ms", "latency_ms"
HEADS = ("predicted (ms)", "in the search (ms)", "measured again (ms)")


@dataclass(frozen=True)
class Reading:
    """A latency in ms with its interval: 90% for a prediction, 95% for a measurement."""

    ms: float
    low: float
    high: float
    trusted: bool = True

    def __str__(self) -> str:
        bounds = interval(LATENCY, (self.low, self.high))
        return f"{bare(LATENCY, self.ms)} {bounds}" + ("" if self.trusted else " ?")

    def to_json(self) -> dict[str, Any]:
        return {"ms": self.ms, "low": self.low, "high": self.high, "trusted": self.trusted}


@dataclass(frozen=True)
class Latencies:
    """What is known of one network; None what was not predicted or measured."""

    record: Record
    predicted: Reading | None
    searched: Reading | None
    again: Reading | None

    @property
    def readings(self) -> tuple[Reading | None, ...]:
        return self.predicted, self.searched, self.again

    def to_json(self) -> dict[str, Any]:
        """The three by name, null what there is none of."""
        names = ("predicted", "in_search", "again")
        return {name: found and found.to_json() for name, found in zip(names, self.readings, strict=True)}


def latencies_of(record: Record, records: Sequence[Record]) -> Latencies:
    """The readings of one network: a finalist has the first two from the trial in which it was found.

    A candidate has been measured again where a finalist was made of it; a known network only in a fresh process.
    """
    if record.role == "candidate":
        retrained = next((r for r in records if r.role == "finalist" and r.source == record.trial), None)
        again = _measured(retrained) if retrained is not None else None
        return Latencies(record, _predicted(record), _measured(record), again)
    found = next((r for r in records if r.role == "candidate" and r.trial == record.source), None)
    if record.role != "finalist" or found is None:
        return Latencies(record, None, None, _measured(record))
    return Latencies(record, _predicted(found), _measured(found), _measured(record))


def with_search(records: Sequence[Record]) -> list[Record]:
    """The same records; finalists also have, as values, what was predicted and measured of them in the search."""
    return [_with_search(record, records) if record.role == "finalist" else record for record in records]


def _with_search(record: Record, records: Sequence[Record]) -> Record:
    found = latencies_of(record, records)
    named = {PREDICTED: found.predicted, SEARCHED: found.searched}
    readings = {name: reading for name, reading in named.items() if reading is not None}
    return replace(
        record,
        values={**record.values, **{name: reading.ms for name, reading in readings.items()}},
        interval={**record.interval, **{name: (reading.low, reading.high) for name, reading in readings.items()}},
    )


def compared_latencies(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[Latencies]:
    """Those of the networks that a study ends with, where any of them was predicted or measured twice."""
    rows = [latencies_of(row.record, records) for row in standings(records, read_aims(study))]
    return [row for row in rows if sum(reading is not None for reading in row.readings) > 1]


def latency_table(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Table | None:
    """The three latencies side by side, for the terminal; None where there is nothing to compare."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = compared_latencies(records, study)
    if not rows:
        return None
    error = predictor_error(records)
    caption = Text(error_words(error)) if error else None
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title="latency, predicted and measured",
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("network", overflow="fold")
    for head in HEADS:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(place(row.record), *(str(reading) if reading else "" for reading in row.readings))
    return table


def predictor_error(records: Sequence[Record]) -> dict[str, float | int | None] | None:
    """How far off predictions were that were made before a candidate was measured; None where there were none.

    Measurements that are not to be trusted do not count. Spearman is None where all are equal.
    """
    import numpy as np

    from nas.measure.predictor.error import held_out_error

    pairs = [
        (predicted, measured)
        for record in records
        if record.role == "candidate"
        and (predicted := _predicted(record)) is not None
        and (measured := _measured(record)) is not None
        and measured.trusted
    ]
    if not pairs:
        return None
    p50, ms = (np.array([reading.ms for reading in column]) for column in zip(*pairs, strict=True))
    inside = np.array([predicted.low <= measured.ms <= predicted.high for predicted, measured in pairs])
    return held_out_error(p50, ms, inside).to_json()


def error_words(error: Mapping[str, float | int | None]) -> str:
    """The predictor's error in one line."""
    rank = f"Spearman {error['spearman']:.3f}, " if error["spearman"] is not None else ""
    return (
        f"predicted before they were measured, {error['n']} candidates: {rank}{error['within5']:.0%} within 5%, "
        f"{error['within10']:.0%} within 10%, {error['coverage90']:.0%} in their 90% interval"
    )


def _predicted(record: Record) -> Reading | None:
    value, bounds = record.values.get(PREDICTED), bounds_of(record, PREDICTED)
    return Reading(value, *bounds) if value is not None and bounds and math.isfinite(value) else None


def _measured(record: Record) -> Reading | None:
    value, bounds = record.values.get(LATENCY), bounds_of(record, LATENCY)
    if record.latency is None or value is None or not bounds or not math.isfinite(value):
        return None
    return Reading(value, *bounds, trusted=trusted(record))
