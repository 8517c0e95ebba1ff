"""All records as one flat table, a row a trial, for pandas, DuckDB and their like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas.report.aims import Aims, read_aims
from nas.report.front import front
from nas.report.hypervolume import reference_point
from nas.report.sections import plain
from nas.store.record import Record

if TYPE_CHECKING:
    import pyarrow


def trials_table(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> pyarrow.Table:
    """Columns: the fields of `Record`; `feasible`, `on_front`; each value by its name (`accuracy`, `latency_ms`, ...).

    Prefixes keep apart what could share a name: `low.` and `high.` (bounds of a value's interval), `constraint.`,
    `proxy.`, `latency.` (the measurement), `decision.` (also all in `decisions` as JSON text), `curve.` (a list over
    epochs).
    The schema's metadata holds study, objectives, budgets and the hypervolume's reference point as JSON.
    """
    import pyarrow as pa

    aims = read_aims(study)
    members = {id(r) for r in front(records, aims)}
    columns: dict[str, Any] = {name: pa.array([get(r) for r in records], kind) for name, kind, get in _fields(pa)}
    columns["on_front"] = pa.array([id(r) in members for r in records], pa.bool_())

    def numbers(prefix: str, mapping: Callable[[Record], Mapping[str, Any]]) -> None:
        for key in _keys(mapping(r) for r in records):
            name = f"{prefix}{key}" if prefix or key not in columns else f"value.{key}"
            columns[name] = pa.array([_number(mapping(r).get(key)) for r in records], pa.float64())

    numbers("", lambda r: r.values)
    numbers("low.", lambda r: {k: low for k, (low, _) in r.interval.items()})
    numbers("high.", lambda r: {k: high for k, (_, high) in r.interval.items()})
    numbers("constraint.", lambda r: r.constraints)
    numbers("proxy.", lambda r: r.proxies)
    numbers("latency.", lambda r: {k: (r.latency or {}).get(k) for k in ("p50", "low", "high", "p90", "p99", "pairs")})
    trusted = [None if r.latency is None else bool(r.latency.get("trusted", True)) for r in records]
    flags = [None if r.latency is None else [str(f) for f in r.latency.get("flags") or ()] for r in records]
    columns["latency.trusted"] = pa.array(trusted, pa.bool_())
    columns["latency.flags"] = pa.array(flags, pa.list_(pa.string()))
    for key in _keys(r.decisions for r in records):
        columns[f"decision.{key}"] = _typed([r.decisions.get(key) for r in records])
    for key in _keys(row for r in records for row in r.curve):
        curves = [[_number(row.get(key)) for row in r.curve] if r.curve else None for r in records]
        if any(value is not None for curve in curves for value in curve or ()):
            columns[f"curve.{key}"] = pa.array(curves, pa.list_(pa.float64()))
    about = {
        "study": aims.name,
        "objectives": [o.text for o in aims.objectives],
        "budgets": [b.text for b in aims.budgets],
        "hypervolume_reference": reference_point(records, aims),
    }
    return pa.table(columns).replace_schema_metadata({"nas": json.dumps(about)})


def _fields(pa: Any) -> list[tuple[str, Any, Callable[[Record], Any]]]:
    text, whole, real = pa.string(), pa.int64(), pa.float64()
    return [
        ("trial", whole, lambda r: r.trial),
        ("role", text, lambda r: r.role),
        ("state", text, lambda r: r.state),
        ("feasible", pa.bool_(), lambda r: r.feasible),
        ("arch_id", text, lambda r: r.arch_id),
        ("name", text, lambda r: r.name),
        ("gate", text, lambda r: r.gate),
        ("reason", text, lambda r: r.reason),
        ("rung", whole, lambda r: r.rung),
        ("source", whole, lambda r: r.source),
        ("seconds", real, lambda r: r.seconds),
        ("started", real, lambda r: r.started),
        ("finished", real, lambda r: r.finished),
        ("epochs", whole, lambda r: r.epochs),
        ("decisions", text, lambda r: json.dumps(plain(r.decisions))),
    ]


def _keys(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _typed(values: Sequence[Any]) -> Any:
    """The narrowest column that holds all labels of a decision: bool, integer, real, else text."""
    import pyarrow as pa

    kinds = {type(v) for v in values if v is not None}
    for allowed, kind in (({bool}, pa.bool_()), ({int}, pa.int64()), ({int, float}, pa.float64())):
        if kinds and kinds <= allowed:
            return pa.array(values, kind)
    return pa.array(
        [None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in values], pa.string()
    )
