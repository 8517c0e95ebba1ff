"""Predicted against measured latency: how far the predictor is to be believed, and what was decided by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.figures.hover import few_words, many_words, safe
from nas.report.figures.scaling_parts import error_bars, nothing, span, spanned_axis
from nas.report.latencies import LATENCY, PREDICTED, error_words, predictor_error
from nas.report.table import trusted
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import budget_text, interval, label, network, opening, plural, quantity, reference
from nas.store.record import Record

HEIGHT = 460
CROWDED = 300
CLOSE = 0.1

# title, symbol, size, role of the colour
_STYLES: Mapping[str, tuple[str, str, float, str]] = {
    "over": ("turned away by its measured latency", "x-thin", 8, "edge"),
    "passed": ("measured, went on", "circle", 7, "accent"),
}


def predicted_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """Each candidate that was predicted and then measured, both with their intervals; hollow: not to be trusted.

    Those that the prediction alone turned away were never measured: they are counted in words.
    """
    aims = read_aims(study)
    pairs = [r for r in records if r.role == "candidate" and _both(r)]
    unmeasured = sum(r.role == "candidate" and r.gate == "predicted" for r in records)
    if not pairs:
        none = "No latency was both predicted and measured."
        return nothing(theme, f"{none} {_turned_away(unmeasured)}".rstrip())
    crowded = len(pairs) > CROWDED
    ends = [
        end for r in pairs for name in (PREDICTED, LATENCY) for end in (r.values[name], *(_positive(r, name) or ()))
    ]
    both = span(ends, log=True, right=0.03)
    corners = [both.low, both.high]
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(records, len(pairs), unmeasured),
            xaxis=spanned_axis(theme, LATENCY, both, title="measured latency (ms)"),
            yaxis=spanned_axis(theme, PREDICTED, both, title="predicted latency (ms)"),
            showlegend=True,
        )
    )
    figure.add_trace(
        go.Scatter(
            name=f"within {CLOSE:.0%}",
            x=[*corners, *reversed(corners)],
            y=[*(v * (1 + CLOSE) for v in corners), *(v * (1 - CLOSE) for v in reversed(corners))],
            mode="lines",
            fill="toself",
            fillcolor=theme.grid,
            line={"width": 0, "color": theme.grid},
            hoverinfo="skip",
        )
    )
    line = {"color": theme.line, "width": 1.2}
    figure.add_trace(go.Scatter(name="as predicted", x=corners, y=corners, mode="lines", line=line, hoverinfo="skip"))
    for kind in _STYLES:
        group = [r for r in pairs if (r.gate == "latency") == (kind == "over")]
        if group:
            figure.add_trace(_points(kind, group, crowded, theme))
    _budget(figure, aims, corners, theme)
    return figure


def _both(record: Record) -> bool:
    values = [record.values.get(name) for name in (PREDICTED, LATENCY)]
    return record.latency is not None and all(v is not None and math.isfinite(v) and v > 0 for v in values)


def _positive(record: Record, name: str) -> tuple[float, float] | None:
    bounds = bounds_of(record, name)
    return bounds if bounds and min(bounds) > 0 else None


def _points(kind: str, group: Sequence[Record], crowded: bool, theme: Theme) -> go.Scatter:
    title, symbol, size, role = _STYLES[kind]
    colour, thin = getattr(theme, role), symbol == "x-thin"
    columns = {name: [float(f"{r.values[name]:.5g}") for r in group] for name in (PREDICTED, LATENCY)}
    bars = {name: error_bars(columns[name], [_positive(r, name) for r in group], colour) for name in columns}
    return go.Scatter(
        name=title,
        x=columns[LATENCY],
        y=columns[PREDICTED],
        mode="markers",
        error_x=None if crowded else bars[LATENCY],
        error_y=None if crowded else bars[PREDICTED],
        **(many_words("predicted %{y:.4g} ms, measured %{x:.4g} ms") if crowded else few_words(map(_card, group))),
        customdata=[reference(r) for r in group],
        marker={
            "symbol": [symbol if trusted(r) or thin else f"{symbol}-open" for r in group],
            "size": 4 if crowded else size,
            "color": colour,
            "opacity": 0.6 if crowded else 1,
            "line": {"color": colour if thin else theme.paper, "width": 1.5 if thin else 0.8},
        },
    )


def _card(record: Record) -> str:
    lines = [f"<b>{safe(network(record))}</b>"]
    for name, word in ((PREDICTED, "predicted"), (LATENCY, "measured")):
        lines.append(
            f"{word} {quantity(name, record.values[name])} {interval(name, record.interval.get(name))}".rstrip()
        )
    ratio = record.values[PREDICTED] / record.values[LATENCY]
    lines.append(f"predicted {abs(100 * (ratio - 1)):.0f}% too {'slow' if ratio > 1 else 'fast'}")
    return "<br>".join(lines)


def _budget(figure: go.Figure, aims: Aims, corners: Sequence[float], theme: Theme) -> None:
    """The budget on both axes: left of the upright line is within it as measured, below the level one as predicted."""
    bound = aims.bound(LATENCY)
    if bound is None or not corners[0] < bound < corners[1]:
        return
    line = {"color": theme.edge, "width": 1.5, "dash": "4px,3px"}
    figure.add_shape(type="line", x0=bound, x1=bound, yref="paper", y0=0, y1=1, line=line)
    figure.add_shape(type="line", y0=bound, y1=bound, xref="paper", x0=0, x1=1, line=line)
    text = next(budget_text(b) for b in aims.budgets if b.name == LATENCY and b.bound == bound)
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": math.log10(bound), "yanchor": "bottom", "xshift": 4}
    figure.add_annotation(note(theme, safe(text), **place, font={"size": 12, "color": theme.known}))


def _turned_away(count: int) -> str:
    if not count:
        return ""
    verb = "was" if count == 1 else "were"
    return f"{plural(count, 'candidate')} {verb} turned away by prediction alone and never measured."


def _summary(records: Sequence[Record], drawn: int, unmeasured: int) -> str:
    error = predictor_error(records)
    said = opening(error_words(error)) if error else f"{plural(drawn, label(LATENCY))} predicted and measured"
    return f"{said}. {_turned_away(unmeasured)}".rstrip()
