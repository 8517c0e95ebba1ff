"""What the page draws from, sent once: a study's trials as columns, words by their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nas.report.aims import Aims, bounds_of
from nas.report.browse.sources import Snapshot
from nas.report.front import contenders, front
from nas.report.gates import gate_of
from nas.report.rows import Index, is_trained, outcome
from nas.report.standing import inside
from nas.report.table import columns as table_columns
from nas.report.table import trusted
from nas.report.words import axis_label, budget_text, kind_of, label, network, reference
from nas.store.record import Record

# What more is worse of, by the kind of a value; of the others nothing is known.
_LESS = {"ms", "count", "bytes", "mb", "mj", "seconds"}
HIDDEN = {"epoch", "lr", "validation_images", "test_images"}


def columns_document(key: str, snapshot: Snapshot) -> dict[str, Any]:
    """All trials of a study: names, values with bounds, decisions, and what each of them came to.

    A column has one entry a trial, null where nothing is known. `codes` count the words of `labels`, -1 for none.
    """
    records, aims = snapshot.records, snapshot.aims
    members = {id(r) for r in front(records, aims)}
    eligible = {id(r) for r in contenders(records)}
    replaced = {r.source for r in records if r.role == "finalist" and r.state == "complete"}
    names = _value_names(records, aims)
    return {
        "study": key,
        "title": aims.name,
        "version": snapshot.version,
        "running": snapshot.running,
        "problem": snapshot.problem,
        "objectives": [{"name": o.name, "label": label(o.name), "maximize": o.maximize} for o in aims.objectives],
        "budgets": [
            {"name": b.name, "upper": b.upper, "bound": b.bound, "text": budget_text(b)} for b in aims.budgets if b.name
        ],
        "axes": [_axis(name, aims) for name in names],
        "x": aims.cost_name(records),
        "table": table_columns(records, aims),
        "trials": [reference(r) for r in records],
        "names": [network(r) for r in records],
        "archs": [r.arch_id for r in records],
        "kinds": _coded([_kind(r, id(r) in members, replaced) for r in records]),
        "outcomes": _coded([outcome(r, id(r) in members) for r in records]),
        "inside": _coded([inside(r, aims) for r in records]),
        "reasons": _coded([r.reason for r in records]),
        "eligible": [int(id(r) in eligible) for r in records],
        "trained": [int(is_trained(r)) for r in records],
        "trusted": [int(trusted(r)) for r in records],
        "others": [int(_meets_unnamed(r, aims)) for r in records],
        "epochs": [r.epochs for r in records],
        "values": {name: [_number(aims.value(r, name)) for r in records] for name in names},
        "bounds": {name: found for name in names if any(found := [_bounds(r, name) for r in records])},
        "decisions": _decisions(records),
    }


def _value_names(records: Sequence[Record], aims: Aims) -> list[str]:
    """Objectives, then costs and measurements as the records name them."""
    found = [o.name for o in aims.objectives]
    found += ["latency_ms", "macs", "params", *(name for r in records for name in r.values)]
    some = {name for r in records for name in r.values} | {o.name for o in aims.objectives}
    return [name for name in dict.fromkeys(found) if name in some and name not in HIDDEN]


def _axis(name: str, aims: Aims) -> dict[str, Any]:
    kind = kind_of(name)
    known = {"share": True} | dict.fromkeys(_LESS, False)
    more = aims.directions.get(name, known.get(kind))
    return {"name": name, "label": label(name), "title": axis_label(name), "kind": kind, "maximize": more}


def _kind(record: Record, on_front: bool, replaced: set[int | None]) -> str:
    """What a mark stands for; the page draws one trace a kind."""
    if record.state == "running":
        return "running"
    if gate_of(record) is not None:
        return "rejected"
    if record.state == "failed":
        return "failed"
    if record.role != "candidate":
        return record.role
    if record.state == "pruned":
        return "stopped"
    if record.trial in replaced:
        return "replaced"
    return "front" if on_front else "dominated" if record.feasible else "outside"


def _meets_unnamed(record: Record, aims: Aims) -> bool:
    """Whether the budgets hold that no slider stands for, those that are expressions."""
    unnamed = [b.text for b in aims.budgets if not b.name]
    return all(record.constraints.get(text, 0.0) <= 0 for text in unnamed)


def _decisions(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for r in records for name in r.decisions):
        values = [r.decisions.get(name) for r in records]
        known = {v for v in values if isinstance(v, int | float) and not isinstance(v, bool)}
        numeric = all(v is None or v in known for v in values if isinstance(v, str | int | float | bool) or v is None)
        found[name] = _coded([None if v is None else _word(v) for v in values]) | {"numeric": numeric}
    return found


def _coded(words: Sequence[str | None]) -> dict[str, Any]:
    index = Index()
    codes = [-1 if word is None else index(word) for word in words]
    return {"labels": index.words, "codes": codes}


def _bounds(record: Record, name: str) -> list[float] | None:
    found = bounds_of(record, name)
    return None if found is None else [float(f"{end:.7g}") for end in found]


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.7g}")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
