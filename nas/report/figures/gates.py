"""The funnel: what each gate rejected before any training was spent on it."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.gates import Gate, gates
from nas.report.theme import LIGHT, Theme, axis, layout
from nas.report.words import plural
from nas.store.record import Record

ROW = 34
_TITLES = {
    "structure": "structure",
    "duplicate": "seen before",
    "cost": "cost",
    "predicted": "predicted latency",
    "latency": "latency",
    "budget": "within the budget",
}


def gates_figure(records: Sequence[Record], theme: Theme = LIGHT) -> go.Figure:
    """One bar a gate: those that went on, and beside them those that did not."""
    steps = gates(records)
    asked = steps[0].came
    rows = ["asked", *(_TITLES.get(s.name, safe(s.name)) for s in steps)]
    went_on = [asked, *(s.went_on for s in steps)]
    lost = [0, *(s.lost for s in steps)]
    words = [
        f"<b>{asked:,}</b>",
        *(f"<b>{s.went_on:,}</b>" + (f"  \N{MINUS SIGN}{s.lost:,}" if s.lost else "") for s in steps),
    ]
    cards = [plural(asked, "candidate") + " asked for", *(_card(s) for s in steps)]
    common = {"y": rows, "orientation": "h", "hovertext": cards, "hoverinfo": "text"}
    figure = go.Figure(
        layout=layout(
            theme,
            96 + ROW * len(rows),
            _summary(steps, asked),
            barmode="stack",
            bargap=0.34,
            xaxis=axis(
                theme, "candidates", range=[0, max(asked, 1) * 1.36], rangemode="tozero", tickformat=",d", nticks=6
            ),
            legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
            yaxis=axis(
                theme, autorange="reversed", showgrid=False, ticks="", tickfont={"size": 13, "color": theme.ink}
            ),
        )
    )
    figure.add_trace(go.Bar(name="went on", x=went_on, marker={"color": theme.accent, "line": {"width": 0}}, **common))
    pattern = {"shape": "/", "size": 5, "solidity": 0.28, "fgcolor": theme.line, "bgcolor": theme.grid}
    figure.add_trace(
        go.Bar(
            name="rejected or stopped here",
            x=lost,
            text=words,
            textposition="outside",
            textfont={"size": 12.5, "color": theme.ink},
            cliponaxis=False,
            marker={"color": theme.grid, "pattern": pattern, "line": {"width": 0}},
            **common,
        )
    )
    return figure


def _card(step: Gate) -> str:
    lines = [f"<b>{_TITLES.get(step.name, safe(step.name))}</b>: {step.went_on:,} of {step.came:,} went on"]
    return "<br>".join([*lines, *(f"{count:,} times: {safe(reason)}" for reason, count in step.reasons)])


def _summary(steps: Sequence[Gate], asked: int) -> str:
    parts = [f"{_TITLES.get(s.name, s.name)} ({s.lost:,})" for s in steps if s.lost]
    rejected = f"rejected, failed or stopped by {', '.join(parts)}; " if parts else ""
    return f"Of {plural(asked, 'candidate')}, {rejected}{steps[-1].went_on:,} trained to the end within the budget."
