"""The front: the first objective against what it costs, with the budget, intervals and known networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import card, safe
from nas.report.front import best
from nas.report.labelling import Box, around, least_covered
from nas.report.marks import Axis, Kind, Mark, Picture, picture
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.ticks import ticks
from nas.report.words import (
    amount,
    axis_label,
    bare,
    budget_text,
    join,
    kind_of,
    label,
    network,
    opening,
    plain_bound,
    plural,
    quantity,
    reference,
    short,
)
from nas.store.record import Record

HEIGHT = 500
INSIDE = (1012.0, 404.0)  # width and height of the plot in pixels on a wide screen, by which words are placed
BEFORE = 0.7  # a budget further to the right than this has its words on the left of its line
CHARACTER = 6.8  # mean width of a letter of 12 px
CROWDED = 300
HIDDEN = ("stopped", "replaced")


def front_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """Every network trained to the end; those stopped or retrained since are hidden until the legend is clicked."""
    aims = read_aims(study)
    shown = picture(records, aims)
    if shown is None:
        words = "No network was trained so far, so there is no front to show."
        empty = layout(theme, 160, words, annotations=[note(theme, words, x=0.5, y=0.5, xref="paper", yref="paper")])
        return go.Figure(layout=empty | {"xaxis": {"visible": False}, "yaxis": {"visible": False}})
    leader = best(records, aims)
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(shown, aims),
            xaxis=_axis(shown.x, theme),
            yaxis=_axis(shown.y, theme),
            showlegend=True,
            shapes=_budget_shapes(shown, theme),
            annotations=_notes(shown, leader, aims, theme),
        )
    )
    for kind in _STYLES:
        marks = [m for m in shown.marks if m.kind == kind]
        if kind == "front" and shown.line:
            figure.add_trace(_line(shown.line, shown.x, theme))
        if marks:
            figure.add_trace(_points(kind, marks, shown, aims, theme))
    return figure


# name, symbol, size, colour role, opacity, error bars; drawn in this order, so the last lie on top
_STYLES: Mapping[Kind, tuple[str, str, float, str, float, bool]] = {
    "stopped": ("stopped early", "circle", 5, "faint", 0.6, False),
    "replaced": ("finalist, before", "star", 9, "faint", 0.8, False),
    "outside": ("outside the budget", "x-thin", 7, "line", 0.9, False),
    "dominated": ("dominated", "circle", 7, "faint", 0.75, False),
    "front": ("front", "circle", 10, "accent", 1.0, True),
    "finalist": ("finalist, retrained", "star", 15, "final", 1.0, True),
    "baseline": ("baseline", "diamond", 11, "known", 1.0, True),
}


_COUNTED: Mapping[Kind, str] = {"dominated": "dominated", "outside": "outside the budget"}


def _points(kind: Kind, marks: Sequence[Mark], shown: Picture, aims: Aims, theme: Theme) -> go.Scatter:
    name, symbol, size, role, opacity, bars = _STYLES[kind]
    crowded = kind in ("dominated", "stopped", "outside") and len(marks) > CROWDED
    colour = getattr(theme, role)
    thin = symbol == "x-thin"
    named = kind == "baseline"
    return go.Scatter(
        name=name,
        x=[m.x for m in marks],
        y=[m.y for m in marks],
        mode="markers+text" if named else "markers",
        text=[f"\N{NO-BREAK SPACE}{safe(short(network(m.record)))}\N{NO-BREAK SPACE}" for m in marks]
        if named
        else None,
        textposition=[_side(m, shown.x) for m in marks] if named else None,
        textfont={"size": 11.5, "color": theme.known},
        hovertext=[card(m.record, aims, decisions=kind != "stopped") for m in marks],
        hoverinfo="text",
        customdata=[reference(m.record) for m in marks],
        error_x=_bars([(m.x, m.x_bounds) for m in marks], colour) if bars else None,
        error_y=_bars([(m.y, m.y_bounds) for m in marks], colour) if bars else None,
        visible="legendonly" if kind in HIDDEN else True,
        legendrank=1001 if kind in HIDDEN else 1000,
        marker={
            "symbol": [symbol if _trusted(m.record) or thin else f"{symbol}-open" for m in marks],
            "size": 4 if crowded else size,
            "color": colour,
            "opacity": 0.5 if crowded else opacity,
            "line": {"color": colour if thin else theme.paper, "width": 1.5 if thin else 0 if crowded else 0.8},
        },
        cliponaxis=False,
    )


def _side(mark: Mark, x: Axis) -> str:
    """Beside its mark, clear of the error bar of y, and not over the right edge."""
    return "top left" if _share(mark.x, x) > 0.7 else "top right"


def _share(value: float, along: Axis) -> float:
    """How far along an axis a value lies, from 0 to 1."""
    if along.log:
        return math.log(value / along.low) / math.log(along.high / along.low)
    return (value - along.low) / (along.high - along.low)


def _trusted(record: Record) -> bool:
    return record.latency is None or bool(record.latency.get("trusted", True))


def _bars(values: Sequence[tuple[float, tuple[float, float] | None]], colour: str) -> dict[str, Any] | None:
    if not any(bounds for _, bounds in values):
        return None
    above = [max(0.0, bounds[1] - v) if bounds else 0.0 for v, bounds in values]
    below = [max(0.0, v - bounds[0]) if bounds else 0.0 for v, bounds in values]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": colour,
        "thickness": 1,
        "width": 0,
    }


def _line(line: Sequence[Mark], x: Axis, theme: Theme) -> go.Scatter:
    """What is attained at each cost: level until the next member of the front."""
    return go.Scatter(
        x=[*(m.x for m in line), x.high],
        y=[*(m.y for m in line), line[-1].y],
        mode="lines",
        line={"color": theme.accent, "width": 1.4, "shape": "hv"},
        opacity=0.55,
        hoverinfo="skip",
        showlegend=False,
    )


def _axis(along: Axis, theme: Theme) -> dict[str, Any]:
    share = kind_of(along.name) == "share"
    ends = [along.low, min(along.high, 1.004) if share else along.high]
    found = axis(theme, label(along.name) if share else axis_label(along.name))
    if share:
        found["tickformat"] = ".1~%"
    if along.log:
        values = ticks(along.low, along.high, log=True)
        texts = [plain_bound(bare(along.name, value)) for value in values]
        found |= {"type": "log", "tickmode": "array", "tickvals": values, "ticktext": texts}
        ends = [math.log10(end) for end in ends]
    return found | {"range": ends}


def _budget_shapes(shown: Picture, theme: Theme) -> list[dict[str, Any]]:
    shapes: list[dict[str, Any]] = []
    for letter, other, along in (("x", "y", shown.x), ("y", "x", shown.y)):
        if along.bound is None:
            continue
        outer = along.high * 10 if along.upper else along.low / 10 if along.log else along.low - abs(along.low) * 10
        common = {f"{letter}ref": letter, f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}
        span = {f"{letter}0": along.bound, f"{letter}1": outer}
        edge = {f"{letter}0": along.bound, f"{letter}1": along.bound}
        shapes.append(
            {"type": "rect", "layer": "below", "fillcolor": theme.shade, "line": {"width": 0}, **common, **span}
        )
        shapes.append(
            {"type": "line", "line": {"color": theme.edge, "width": 1.5, "dash": "4px,3px"}, **common, **edge}
        )
    return shapes


def _notes(shown: Picture, leader: Record | None, aims: Aims, theme: Theme) -> list[Mapping[str, Any]]:
    def at(value: float, along: Axis) -> float:
        return math.log10(value) if along.log else value

    notes: list[Mapping[str, Any]] = []
    for letter, along in (("x", shown.x), ("y", shown.y)):
        if along.bound is None:
            continue
        text = next(budget_text(b) for b in aims.budgets if b.name == along.name and b.bound == along.bound)
        place = {"x": at(along.bound, along), "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top"}
        if letter == "y":
            place = {"y": at(along.bound, along), "x": 0, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
        elif _share(along.bound, along) > BEFORE:
            place["xanchor"] = "right"
        shift = -5 if place["xanchor"] == "right" else 5
        notes.append(note(theme, safe(text), **place, xshift=shift, yshift=0, font={"size": 12, "color": theme.known}))
    mark = next((m for m in shown.marks if m.record is leader), None)
    if mark is not None:
        words = f"best: {quantity(shown.y.name, mark.y)} at {amount(shown.x.name, mark.x)}"
        ax, ay, anchor = _beside_leader(mark, words, shown)
        notes.append(
            {
                "x": at(mark.x, shown.x),
                "y": at(mark.y, shown.y),
                "name": "spare",
                "text": f"<b>{safe(words)}</b>",
                "showarrow": True,
                "arrowhead": 0,
                "arrowwidth": 1,
                "arrowcolor": theme.line,
                "standoff": 9,
                "ax": ax,
                "ay": ay,
                "xanchor": anchor,
                "font": {"size": 12.5, "color": theme.ink},
            }
        )
    return notes


def _beside_leader(leader: Mark, words: str, shown: Picture) -> tuple[float, float, str]:
    """Where the words about the best stand: offset of their near end from its mark in pixels, and which end that is."""

    def at(x: float, y: float) -> tuple[float, float]:
        return INSIDE[0] * _share(x, shown.x), INSIDE[1] * (1 - _share(y, shown.y))

    taken: list[Box] = []
    for mark in (m for m in shown.marks if m.kind not in HIDDEN):
        x, y = at(mark.x, mark.y)
        taken.append((x - 7, y - 7, x + 7, y + 7))
        if mark.y_bounds and _STYLES[mark.kind][-1]:
            taken.append((x - 1, at(mark.x, mark.y_bounds[1])[1], x + 1, at(mark.x, mark.y_bounds[0])[1]))
        if mark.kind == "baseline":
            width = CHARACTER * len(short(network(mark.record))) + 12
            taken.append(
                (x, y - 26, x + width, y - 4) if _side(mark, shown.x) == "top right" else (x - width, y - 26, x, y - 4)
            )
    ends = [*(mark.x for mark in shown.line), shown.x.high]
    for mark, end in zip(shown.line, ends[1:], strict=True):
        x, y = at(mark.x, mark.y)
        taken.append((x, y - 1, at(end, mark.y)[0], y + 1))
    if shown.x.bound is not None:
        x = at(shown.x.bound, shown.y.low)[0]
        taken.append((x - 1, 0, x + 1, INSIDE[1]))
    width = 1.1 * CHARACTER * len(words)  # bold
    x, y = at(leader.x, leader.y)
    (left, base), _ = least_covered(around(x, y, width), width, taken, (0, 0, *INSIDE))
    return (left - x, base - 4 - y, "left") if left > x else (left + width - x, base - 4 - y, "right")


def _summary(shown: Picture, aims: Aims) -> str:
    counts = {kind: sum(m.kind == kind for m in shown.marks) for kind in _STYLES}
    members = sum(m.on_front for m in shown.marks)
    parts = [f"{plural(members, 'network')} on the front"]
    parts += [f"{counts[kind]:,} {words}" for kind, words in _COUNTED.items() if counts[kind]]
    parts += [plural(counts[kind], kind) for kind in ("finalist", "baseline") if counts[kind]]
    hollow = sum(not _trusted(m.record) for m in shown.marks if m.kind not in HIDDEN)
    open_marks = f" {plural(hollow, 'hollow mark')}: the latency is not to be trusted." if hollow else ""
    return f"{opening(label(shown.y.name))} against {label(shown.x.name)}: {join(parts)}.{open_marks}"
