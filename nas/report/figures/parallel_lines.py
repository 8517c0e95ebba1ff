"""Networks as lines over parallel axes, coloured by the fifth that they fall in.

Lines, not plotly's own parallel coordinates: those need WebGL, which is missing where there is no graphics driver.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.parallel import Coordinate
from nas.report.theme import Theme, layout, note

TITLE_WIDTH = 14
CROWDED = 100


def parallel_lines(
    theme: Theme,
    height: int,
    summary: str,
    axes: Sequence[Coordinate],
    names: Sequence[str],
    card: Callable[[int, Coordinate], str],
    **meta: Any,
) -> go.Figure:
    """One line for each of the `names`, best first, through the places of all axes.

    A name is what the page selects a network by; `card` is what is told of a network where it crosses an axis. `meta`
    is told the page.
    """
    figure = go.Figure(
        layout=layout(
            theme,
            height,
            summary,
            **({"meta": {"summary": summary, **meta}} if meta else {}),
            xaxis={"range": [-0.45, len(axes) - 0.45], "visible": False, "fixedrange": True},
            yaxis={"range": [-0.06, 1.06], "visible": False, "fixedrange": True},
            shapes=[_axis_line(place, theme) for place in range(len(axes))],
            annotations=_notes(axes, theme),
            margin={"l": 8, "r": 8, "t": 70, "b": 12},
            dragmode="select",
            showlegend=True,
        )
    )
    figure.update_layout(legend={"y": 1.1, "traceorder": "reversed"})
    steps = len(theme.scale)
    for step, colour in enumerate(theme.scale):
        # the best come first, the worst are drawn first, so that the best lie on top
        group = [i for i in range(len(names)) if i * steps // len(names) == steps - 1 - step]
        if group:
            title = {0: "lowest fifth", steps - 1: "highest fifth"}.get(step, "")
            width = (0.9 + 0.2 * step) * (0.6 if len(names) > CROWDED else 1.0)
            line = {"color": colour, "width": width}
            marker = {"size": 3, "color": colour}
            drawn = _lines(axes, group, names, card)
            figure.add_trace(go.Scatter(name=title, showlegend=bool(title), line=line, marker=marker, **drawn))
    return figure


def _lines(
    axes: Sequence[Coordinate], group: Sequence[int], names: Sequence[str], card: Callable[[int, Coordinate], str]
) -> dict[str, Any]:
    """All networks of a group as one trace, None between two of them."""
    x: list[float | None] = []
    y: list[float | None] = []
    words: list[str] = []
    chosen: list[str | None] = []
    for i in group:
        for place, axis in enumerate(axes):
            height = axis.places[i]
            x.append(place)
            y.append(None if height != height else height)
            words.append(card(i, axis))
            chosen.append(names[i])
        x.append(None)
        y.append(None)
        words.append("")
        chosen.append(None)
    return {
        "x": x,
        "y": y,
        "mode": "lines+markers",
        "hovertext": words,
        "hoverinfo": "text",
        "customdata": chosen,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.3}},
        "connectgaps": False,
    }


def _axis_line(place: int, theme: Theme) -> dict[str, Any]:
    ends = {"x0": place, "x1": place, "y0": -0.03, "y1": 1.03}
    return {"type": "line", "layer": "above", "line": {"color": theme.line, "width": 1}, **ends}


def _notes(axes: Sequence[Coordinate], theme: Theme) -> list[Mapping[str, Any]]:
    notes = []
    for place, axis in enumerate(axes):
        title = "<br>".join(safe(line) for line in textwrap.wrap(axis.title, TITLE_WIDTH))
        ink = {"size": 12.5, "color": theme.ink}
        notes.append(note(theme, title, x=place, y=1.05, yanchor="bottom", font=ink))
        for height, word in axis.ticks:
            text = safe(textwrap.shorten(word, 18, placeholder="\N{HORIZONTAL ELLIPSIS}") or word[:18])
            where = {"x": place, "y": height, "xanchor": "left", "xshift": 4}
            notes.append(note(theme, text, bgcolor=theme.paper, opacity=0.88, borderpad=1, **where))
    return notes
