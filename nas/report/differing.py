"""What sets two networks apart: values with their intervals, stages, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nas.report.stages import Stage, stages_of
from nas.report.words import interval, label, opening, plural, quantity, worth_showing
from nas.store.record import Record

NOT_KNOWN = "not known"
NO_STAGE = "no such stage"
NOT_REACHED = "not decided"
_FIRST = ("accuracy", "test_accuracy", "latency_ms", "macs", "params", "activations", "peak_bytes", "model_mb")
_LEFT_OUT = (
    "images_per_s",
    "memory_mb",
    "train_loss",
    "loss",
    "flops",
    "predicted_ms",
    "search_latency_ms",
    "validation_images",
    "test_images",
    "train_images",
)
Row = Mapping[str, Any]


class Difference(NamedTuple):
    """One row: what it is about, and how each of the two has it."""

    label: str
    first: str
    second: str


def differences(
    first: Record, second: Record, stages: tuple[Sequence[Row], Sequence[Row]] | None = None
) -> list[Difference]:
    """The rows in which two networks differ; empty where they are alike.

    `stages` are the blocks of both (`nas.study.stages.stage_rows`) where they are known. Decisions are compared only
    where both have some: a known network was not decided. Values that either has and the other lacks are shown as not
    known there.
    """
    rows = [*_values(first, second), *_training(first, second)]
    if stages is not None and all(stages):
        rows += _stages(*map(stages_of, stages))
    if first.decisions and second.decisions:
        rows += _decisions(first.decisions, second.decisions)
    return [row for row in rows if row.first != row.second]


def distance(first: Record, second: Record) -> int:
    """In how many decisions two networks differ; those that only one of them reached count too."""
    names = dict.fromkeys([*first.decisions, *second.decisions])
    return sum(_text(first.decisions, name) != _text(second.decisions, name) for name in names)


def _values(first: Record, second: Record) -> list[Difference]:
    known = {**worth_showing(first.values), **worth_showing(second.values)}
    others = [name for name in known if name not in _FIRST and _worth(name)]
    return [
        Difference(opening(label(name)), *(_value(record, name) for record in (first, second)))
        for name in [*(name for name in _FIRST if name in known), *others]
    ]


def _worth(name: str) -> bool:
    """Not a value that is another one under a second name, an end of an interval, or nothing about the network."""
    ends = ("_low_ms", "_high_ms")
    return name not in _LEFT_OUT and name.isidentifier() and not name.endswith(ends) and "seconds" not in name


def _value(record: Record, name: str) -> str:
    value = record.values.get(name)
    if value is None:
        return NOT_KNOWN
    text = f"{quantity(name, value)} {interval(name, record.interval.get(name))}".rstrip()
    doubted = name == "latency_ms" and record.latency is not None and not record.latency.get("trusted", True)
    return f"{text}, not to be trusted" if doubted else text


def _training(first: Record, second: Record) -> list[Difference]:
    return [Difference("Trained for", *(plural(record.epochs, "epoch") for record in (first, second)))]


def _stages(first: Sequence[Stage], second: Sequence[Stage]) -> list[Difference]:
    mine, theirs = ({stage.name: stage for stage in each} for each in (first, second))
    rows = []
    for name in dict.fromkeys([*mine, *theirs]):
        both = mine.get(name), theirs.get(name)
        timed = all(stage is not None and "latency_ms" in stage.shares for stage in both)
        rows.append(Difference(f"Stage {name}", *(_stage_words(stage, timed) for stage in both)))
    return rows


def _stage_words(stage: Stage | None, timed: bool) -> str:
    if stage is None:
        return NO_STAGE
    share = f"; {stage.shares['latency_ms']:.0%} of the latency" if timed else ""
    return f"{', '.join(stage.words)}; {stage.output}{share}"


def _decisions(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*first, *second])
    return [Difference(name, _text(first, name), _text(second, name)) for name in names]


def _text(decisions: Mapping[str, Any], name: str) -> str:
    if name not in decisions:
        return NOT_REACHED
    value = decisions[name]
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
