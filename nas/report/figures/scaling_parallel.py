"""Parallel coordinates of a grid: which triples the accurate networks have, and what these cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import nothing, scaled_card
from nas.report.parallel import FAN, Coordinate
from nas.report.scaling_rows import TRIPLE, Scaled, scaled_networks
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import join, label, plain_bound, plural, quantity, significant

HEIGHT = 420
MOST_TICKS = 9
COSTS = ("macs", "params")
_MEANINGS = {"alpha": "depth", "beta": "width", "gamma": "resolution"}


def scaling_parallel(rows: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> go.Figure:
    """One line a network of the grid, coloured by the fifth of the accuracy that it falls in."""
    found = sorted(scaled_networks(rows, *TRIPLE, "accuracy"), key=lambda n: -n.values["accuracy"])
    if not found:
        return nothing(theme, "No network of a grid was trained, so there are no triples to compare.")
    axes = [_choice(name, found) for name in TRIPLE]
    axes += [_amount(name, found) for name in (*COSTS, "accuracy") if any(name in n.values for n in found)]
    summary = _summary(found)
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            summary,
            meta={"summary": summary, "least_width": 92 * len(axes)},
            xaxis={"range": [-0.45, len(axes) - 0.45], "visible": False, "fixedrange": True},
            yaxis={"range": [-0.06, 1.06], "visible": False, "fixedrange": True},
            shapes=[_axis_line(i, theme) for i in range(len(axes))],
            annotations=_notes(axes, theme),
            margin={"l": 8, "r": 8, "t": 70, "b": 12},
            dragmode="select",
            showlegend=True,
        )
    )
    figure.update_layout(legend={"y": 1.12, "traceorder": "reversed"})
    steps = len(theme.scale)
    for step, colour in enumerate(theme.scale):
        # best first in `found`, worst drawn first, so that the best lie on top
        group = [i for i in range(len(found)) if i * steps // len(found) == steps - 1 - step]
        if group:
            name = {0: "lowest fifth", steps - 1: "highest fifth"}.get(step, "")
            line = {"color": colour, "width": 0.9 + 0.2 * step}
            marker = {"size": 3, "color": colour}
            drawn = _lines(found, axes, group)
            figure.add_trace(go.Scatter(name=name, showlegend=bool(name), line=line, marker=marker, **drawn))
    return figure


def _summary(found: Sequence[Scaled]) -> str:
    drawn = f"{plural(len(found), 'network')} of the grid: alpha (depth), beta (width) and gamma (resolution)"
    highest = found[: len(found) // len(LIGHT.scale)]
    if not highest:
        return f"{drawn}, then costs and accuracy."
    parts = []
    for name in TRIPLE:
        low, high = (plain_bound(significant(end(n.values[name] for n in highest), 4)) for end in (min, max))
        parts.append(f"{name} {low} to {high}" if low != high else f"{name} {low}")
    return f"{drawn}, then costs and accuracy. The most accurate fifth has {join(parts)}."


def _choice(name: str, found: Sequence[Scaled]) -> Coordinate:
    """A factor that the grid steps through, evenly spaced; lines on one value fan out a little, the best highest."""
    values = [round(n.values[name], 6) for n in found]
    order = sorted(set(values))
    fan = min(FAN, 0.3 / len(order))
    middle = max(len(found) - 1, 1) / 2
    places = [(order.index(v) + 0.5) / len(order) - fan * (i - middle) / middle for i, v in enumerate(values)]
    texts = [plain_bound(significant(v, 4)) for v in values]
    every = math.ceil(len(order) / MOST_TICKS)
    ticks = [((i + 0.5) / len(order), plain_bound(significant(v, 4))) for i, v in enumerate(order) if i % every == 0]
    return Coordinate(name, f"{name} ({_MEANINGS[name]})", tuple(texts), tuple(places), tuple(ticks))


def _amount(name: str, found: Sequence[Scaled]) -> Coordinate:
    """A number from its lowest to its highest value."""
    values = [n.values.get(name, math.nan) for n in found]
    known = [v for v in values if not math.isnan(v)]
    low, high = min(known), max(known)

    def place(value: float) -> float:
        return 0.5 if high == low else (value - low) / (high - low)

    ends = [low, (low + high) / 2, high] if high > low else [low]
    words = tuple(quantity(name, v) for v in values)
    return Coordinate(
        name, label(name), words, tuple(map(place, values)), tuple((place(v), quantity(name, v)) for v in ends)
    )


def _lines(found: Sequence[Scaled], axes: Sequence[Coordinate], group: Sequence[int]) -> dict[str, Any]:
    """All networks of a group as one trace, None between two of them; a network's name is what the page selects by."""
    x: list[float | None] = []
    y: list[float | None] = []
    words: list[str] = []
    names: list[str | None] = []
    for i in group:
        card = scaled_card(found[i])
        for place, along in enumerate(axes):
            height = along.places[i]
            x.append(place)
            y.append(None if math.isnan(height) else height)
            words.append(card)
            names.append(found[i].name)
        x.append(None)
        y.append(None)
        words.append("")
        names.append(None)
    look = {"mode": "lines+markers", "connectgaps": False, "hovertext": words, "hoverinfo": "text"}
    chosen = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.3}}}
    return {"x": x, "y": y, "customdata": names, **look, **chosen}


def _axis_line(place: int, theme: Theme) -> dict[str, Any]:
    ends = {"x0": place, "x1": place, "y0": -0.03, "y1": 1.03}
    return {"type": "line", "layer": "above", "line": {"color": theme.line, "width": 1}, **ends}


def _notes(axes: Sequence[Coordinate], theme: Theme) -> list[Mapping[str, Any]]:
    ink = {"size": 12.5, "color": theme.ink}
    notes = []
    for place, along in enumerate(axes):
        title = safe(along.title).replace(" (", "<br>(")
        notes.append(note(theme, title, x=place, y=1.05, yanchor="bottom", font=ink))
        for height, word in along.ticks:
            where = {"x": place, "y": height, "xanchor": "left", "xshift": 4}
            notes.append(note(theme, safe(word), bgcolor=theme.paper, opacity=0.88, borderpad=1, **where))
    return notes
