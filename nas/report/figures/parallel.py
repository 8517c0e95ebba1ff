"""Parallel coordinates: what the accurate networks have in common."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.parallel import Coordinates, coordinates
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import join, label, network, plural, reference
from nas.store.record import Record

HEIGHT = 440
TITLE_WIDTH = 14
CROWDED = 100


def parallel_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """One line a candidate trained to the end, coloured by the fifth of the first objective that it falls in.

    Lines, not plotly's own parallel coordinates: those need WebGL, which is missing where there is no graphics driver.
    """
    aims = read_aims(study)
    found = coordinates(records, aims)
    spread = {"range": [-0.45, len(found.axes) - 0.45], "visible": False, "fixedrange": True}
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(found, aims),
            xaxis=spread,
            yaxis={"range": [-0.06, 1.06], "visible": False, "fixedrange": True},
            shapes=[_axis_line(i, theme) for i in range(len(found.axes))],
            annotations=_notes(found, theme),
            margin={"l": 8, "r": 8, "t": 70, "b": 12},
            dragmode="select",
            showlegend=True,
        )
    )
    figure.update_layout(legend={"y": 1.1, "traceorder": "reversed"})
    steps = len(theme.scale)
    for step, colour in enumerate(theme.scale):
        # best first in `networks`, worst drawn first, so that the best lie on top
        rank = steps - 1 - step
        group = [i for i in range(len(found.networks)) if i * steps // len(found.networks) == rank]
        if group:
            width = (0.9 + 0.2 * step) * (0.6 if len(found.networks) > CROWDED else 1.0)
            name = {0: "lowest fifth", steps - 1: "highest fifth"}.get(step, "")
            line = {"color": colour, "width": width}
            figure.add_trace(
                go.Scatter(
                    name=name, showlegend=bool(name), mode="lines+markers", line=line, **_lines(found, group, colour)
                )
            )
    return figure


def _lines(found: Coordinates, group: Sequence[int], colour: str) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    words: list[str] = []
    trials: list[str | None] = []
    for i in group:
        record = found.networks[i]
        title = f"<b>{safe(network(record))}</b>  {safe(record.arch_id[:8])}"
        for place, axis in enumerate(found.axes):
            height = axis.places[i]
            x.append(place)
            y.append(None if height != height else height)
            here = "" if axis is found.axes[-1] else f"<br>{safe(axis.name)}: {safe(axis.words[i])}"
            words.append(f"{title}{here}<br>{_result(found, i)}")
            trials.append(reference(record))
        x.append(None)
        y.append(None)
        words.append("")
        trials.append(None)
    return {
        "x": x,
        "y": y,
        "hovertext": words,
        "hoverinfo": "text",
        "customdata": trials,
        "marker": {"size": 3, "color": colour},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.3}},
        "connectgaps": False,
    }


def _result(found: Coordinates, i: int) -> str:
    last = found.axes[-1]
    return f"{safe(label(last.name))} {safe(last.words[i])}"


def _axis_line(place: int, theme: Theme) -> dict[str, Any]:
    ends = {"x0": place, "x1": place, "y0": -0.03, "y1": 1.03}
    return {"type": "line", "layer": "above", "line": {"color": theme.line, "width": 1}, **ends}


def _notes(found: Coordinates, theme: Theme) -> list[Mapping[str, Any]]:
    notes = []
    for place, axis in enumerate(found.axes):
        title = "<br>".join(safe(line) for line in textwrap.wrap(axis.title, TITLE_WIDTH))
        ink = {"size": 12.5, "color": theme.ink}
        notes.append(note(theme, title, x=place, y=1.05, yanchor="bottom", font=ink))
        for height, word in axis.ticks:
            text = safe(textwrap.shorten(word, 18, placeholder="\N{HORIZONTAL ELLIPSIS}") or word[:18])
            where = {"x": place, "y": height, "xanchor": "left", "xshift": 4}
            notes.append(note(theme, text, bgcolor=theme.paper, opacity=0.88, borderpad=1, **where))
    return notes


def _summary(found: Coordinates, aims: Aims) -> str:
    if not found.networks:
        return "No candidate was trained to the end so far."
    names = [axis.name for axis in found.axes if axis.name in found.networks[0].decisions]
    shown = sum(any(axis.name in r.decisions for r in found.networks) for axis in found.axes)
    drawn = plural(len(found.networks), "network")
    if len(found.networks) < found.trained:
        drawn = f"{len(found.networks):,} of {plural(found.trained, 'network')}, from best to worst"
    which = f"the {shown} of {plural(found.decisions, 'decision')} that account for most of the differences"
    first = f", first of all {join(names[:2])}" if names else ""
    return f"{drawn}; {which} in {label(aims.first.name)}{first}, then costs and results." if shown else f"{drawn}."
