"""The page's two long tables as compact JSON: all trained networks, and all latency measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.front import front
from nas.report.standing import inside, ranked
from nas.report.table import columns
from nas.report.words import axis_label, duration, kind_of, network, reference
from nas.store.record import Record

Cell = Any


def network_rows(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> dict[str, Any]:
    """Every network that training was begun on, best first.

    `columns` say label and kind; a row's cell is a text, a number, or [value, low, high]. `names` and `labels` are the
    words that `decisions` (name, label, name, label, ...) of each row refer to by index; `notes` are more facts a row.
    """
    aims = read_aims(study)
    trained = ranked([r for r in records if is_trained(r)], aims)
    members = {id(r) for r in front(records, aims)}
    values = columns(records, aims)
    heads = [("network", "text"), *((axis_label(name), kind_of(name)) for name in values)]
    heads += [("epochs", "integer"), ("outcome", "words"), ("in budget", "words"), ("arch_id", "code")]
    names, labels = Index(), Index()
    return {
        "columns": [{"label": text, "kind": kind} for text, kind in heads],
        "rows": [
            [
                network(r),
                *(_measured(r, name, aims) for name in values),
                r.epochs,
                outcome(r, id(r) in members),
                inside(r, aims),
                r.arch_id,
            ]
            for r in trained
        ],
        "trials": [reference(r) for r in trained],
        "decisions": [[i for k, v in r.decisions.items() for i in (names(k), labels(_word(v)))] for r in trained],
        "notes": [_notes(r) for r in trained],
        "names": names.words,
        "labels": labels.words,
        "toggles": [
            {"label": "in the budget", "rows": [i for i, r in enumerate(trained) if r.feasible]},
            {"label": "on the front", "rows": [i for i, r in enumerate(trained) if id(r) in members]},
        ],
        "sort": [1, not aims.first.maximize],
        "noun": "network",
    }


def latency_rows(records: Sequence[Record]) -> dict[str, Any]:
    """Every latency measurement: quantiles in ms, pairs, whether it is to be trusted, flags."""
    found = [(r, r.latency) for r in records if r.latency is not None]
    numbers = [("p50 (ms)", "p50"), ("low", "low"), ("high", "high"), ("p90", "p90"), ("p99", "p99")]
    heads = [("network", "text"), *((text, "ms") for text, _ in numbers)]
    heads += [
        ("\N{PLUS-MINUS SIGN} (%)", "share"),
        ("pairs", "integer"),
        ("trusted", "text"),
        ("flags", "words"),
        ("outcome", "text"),
        ("took (s)", "number"),
    ]
    rows = []
    for record, latency in found:
        get = latency.get
        width = _half_width(_number(get("p50")), _number(get("low")), _number(get("high")))
        flags = ", ".join(map(str, get("flags") or ()))
        trusted = "yes" if get("trusted", True) else "no"
        quantiles = [_number(get(key)) for _, key in numbers]
        took = _number(get("seconds"))
        rows.append([network(record), *quantiles, width, _number(get("pairs")), trusted, flags, outcome(record), took])
    return {
        "columns": [{"label": text, "kind": kind} for text, kind in heads],
        "rows": rows,
        "trials": [reference(r) for r, _ in found],
        "toggles": [{"label": "not trusted", "rows": [i for i, row in enumerate(rows) if row[8] == "no"]}],
        "sort": [1, True],
        "noun": "measurement",
    }


def is_trained(record: Record) -> bool:
    """Whether any training was begun on it."""
    if record.gate is not None or record.state == "duplicate":
        return False
    return bool(record.curve) or record.state in ("complete", "pruned", "failed")


def outcome(record: Record, on_front: bool = False) -> str:
    """How a trial ended, in words that the filter finds."""
    if record.gate is not None:
        return f"rejected: {record.gate}"
    if record.state == "pruned":
        return f"stopped, epoch {record.epochs}" if record.curve else "stopped early"
    if record.state != "complete":
        return {"running": "still running"}.get(record.state, record.state)
    known = {"baseline": "baseline", "finalist": "finalist"}.get(record.role)
    return (f"{known}, on the front" if known else "on the front") if on_front else known or "trained"


class Index:
    """Gives each word its number, in order of first use."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, word: str) -> int:
        return self._known.setdefault(word, len(self._known))

    @property
    def words(self) -> list[str]:
        return list(self._known)


def _measured(record: Record, name: str, aims: Aims) -> Cell:
    value, bounds = _number(aims.value(record, name)), bounds_of(record, name)
    if value is None or not bounds:
        return value
    return [value, _number(bounds[0]), _number(bounds[1])]


def _notes(record: Record) -> list[list[str]]:
    facts: list[tuple[str, str | None]] = [
        ("trial", reference(record)),
        ("reason", record.reason),
        ("trained", duration(record.seconds) if record.seconds else None),
        ("retrained from", f"trial {record.source}" if record.role == "finalist" else None),
    ]
    return [[key, text] for key, text in facts if text]


def _half_width(value: float | None, low: float | None, high: float | None) -> float | None:
    return (high - low) / 2 / value if value and low is not None and high is not None else None


def _number(value: Any) -> float | None:
    """Digits that a reader could use: more only make the page larger."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) or value == 0 else float(f"{value:.7g}")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
