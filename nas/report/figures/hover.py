"""What a person reads when pointing at a network."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable
from typing import Any

from nas.report.aims import Aims
from nas.report.words import interval, label, network, quantity, summarise
from nas.store.record import Record

WIDTH = 64
LINES = 6
INDENT = 4 * "\N{NO-BREAK SPACE}"


def card(record: Record, aims: Aims, *, decisions: bool = True) -> str:
    """Name, arch_id, values with intervals, decisions by stage; `<br>` between lines, everything else escaped."""
    title = f"<b>{safe(network(record))}</b>"
    lines = [f"{title}  {safe(record.arch_id[:8])}"] if record.arch_id else [title]
    for name in dict.fromkeys([*(o.name for o in aims.objectives), "latency_ms", "macs", "params"]):
        value = aims.value(record, name)
        if value is not None:
            bounds = interval(name, record.interval.get(name))
            lines.append(safe(f"{label(name)} {quantity(name, value)} {bounds}".rstrip()))
    if record.latency is not None and not record.latency.get("trusted", True):
        lines.append("latency not to be trusted: " + safe(", ".join(map(str, record.latency.get("flags", ())))))
    if decisions:
        lines += _decided(record)
    return "<br>".join(lines)


def _decided(record: Record) -> list[str]:
    wrapped = [
        line
        for phrase in summarise(record.decisions)
        for line in textwrap.wrap(phrase, WIDTH, subsequent_indent=INDENT)
    ]
    kept = [safe(line) for line in wrapped[:LINES]]
    return kept + (["\N{HORIZONTAL ELLIPSIS}"] if len(wrapped) > LINES else [])


def few_words(texts: Iterable[str]) -> dict[str, Any]:
    """What a trace has to show a text of its own at each point."""
    return {"hovertext": list(texts), "hoverinfo": "text"}


def many_words(template: str) -> dict[str, Any]:
    """What a trace of candidates has to show a trial and its numbers, without a text for each of thousands of points.

    Its `customdata` are their references; `template` is plotly's (`%{x:.3s}`).
    """
    return {"hovertemplate": f"<b>trial %{{customdata}}</b><br>{template}<extra></extra>"}


def safe(text: str) -> str:
    """Text that plotly shows as it is, without reading tags in it."""
    return html.escape(text, quote=False)
