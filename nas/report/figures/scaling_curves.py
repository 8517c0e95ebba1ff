"""Accuracy against cost as a network is scaled up: by method, one dimension at a time, and width at other places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from nas.report.figures.scaling_lines import End, Look, base_trace, curve_trace, end_labels
from nas.report.figures.scaling_parts import accuracy_axis, ends_of, factor_text, nothing, span, spanned_axis
from nas.report.scaling_rows import Scaled, method_title, scaled_networks
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import join, label, opening, plural, quantity

HEIGHT = 460
PANELS_HEIGHT = 360
MOST_GROUPS = 8
LABEL_ROOM = 0.15  # part of the x axis that the names of the curves take
Cost = Literal["macs", "latency_ms", "params"]
DIMENSIONS = ("depth", "width", "resolution")

# drawn in this order, so the last lie on top; no two agree in dashes and symbol, so that colour is never needed
_LOOKS: Mapping[str, Look] = {
    "depth": Look("muted", "7px,3px", "triangle-up", 1.5),
    "width": Look("line", "2px,3px", "square", 1.8),
    "resolution": Look("final", "8px,3px,2px,3px", "diamond", 1.5),
    "fast": Look("known", "solid", "cross", 2.0),
    "compound": Look("accent", "solid", "circle", 2.4),
}
_OTHER = Look("edge", "4px,2px", "pentagon", 1.5)
_GROUP_LOOKS = (
    Look("line", "2px,3px", "square", 1.8),
    Look("final", "8px,3px,2px,3px", "diamond", 1.5),
    Look("known", "7px,3px", "triangle-up", 1.8),
    Look("accent", "solid", "circle", 2.2),
    Look("muted", "7px,3px", "pentagon", 1.5),
    Look("ink", "2px,3px", "cross", 1.5),
    Look("edge", "solid", "triangle-down", 1.8),
    Look("scale_4", "4px,2px", "star", 1.8),
)
_PANEL_LOOK = Look("accent", "solid", "circle", 2.0)


def scaling_curves(rows: Sequence[Mapping[str, Any]], against: Cost = "macs", theme: Theme = LIGHT) -> go.Figure:
    """One curve a method, from the base on, with intervals; in the manner of Figure 8 of Tan and Le (2019)."""
    found = [n for n in scaled_networks(rows, "accuracy", against) if n.values[against] > 0]
    bases = [n for n in found if n.method == "base"]
    curves = _by_method([n for n in found if n.method not in ("base", "grid", "crossed")], against)
    drawn = [*bases, *(n for curve in curves.values() for n in curve)]
    if not drawn:
        return nothing(theme, _missing(rows, against))
    x = span(ends_of(drawn, against), log=True, right=LABEL_ROOM if curves else 0.06)
    y = span(ends_of(drawn, "accuracy"), share=True)
    looks = {method: _LOOKS.get(method, _OTHER) for method in curves}
    ends = [
        End(curve[-1].values[against], curve[-1].values["accuracy"], method_title(method), _ink(looks[method], theme))
        for method, curve in curves.items()
    ]
    lines = [_by_cost([*bases[:1], *curve], against) for curve in curves.values()]
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(curves, bases, against),
            xaxis=spanned_axis(theme, against, x),
            yaxis=accuracy_axis(theme, y),
            showlegend=True,
            annotations=end_labels(ends, x, y, [_places(line, against) for line in lines], theme),
        )
    )
    for method, line in zip(curves, lines, strict=True):
        figure.add_trace(curve_trace(line, method_title(method), looks[method], against, theme))
    if bases:
        figure.add_trace(base_trace(bases, against, theme))
    figure.update_layout(legend={"traceorder": "reversed"})
    return figure


def single_dimensions(rows: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> go.Figure:
    """Depth, width and resolution alone, a panel each on the same axes; in the manner of Figure 3 of Tan and Le."""
    found = [n for n in scaled_networks(rows, "accuracy", "macs") if n.values["macs"] > 0]
    bases = [n for n in found if n.method == "base"]
    curves = _by_method([n for n in found if n.method in DIMENSIONS], "macs")
    if not curves:
        return nothing(theme, "No network was scaled in one dimension alone.")
    drawn = [*bases, *(n for curve in curves.values() for n in curve)]
    x = span(ends_of(drawn, "macs"), log=True, right=0.22)
    y = span(ends_of(drawn, "accuracy"), share=True)
    summary = _single_summary(curves)
    figure = go.Figure(
        layout=layout(
            theme,
            PANELS_HEIGHT,
            summary,
            meta={"summary": summary, "least_width": 860},
            showlegend=False,
        )
    )
    for i, dimension in enumerate(DIMENSIONS):
        number = "" if i == 0 else str(i + 1)
        left = i * 0.345
        across = spanned_axis(theme, "macs", x, domain=[left, left + 0.31], anchor=f"y{number}")
        up = accuracy_axis(theme, y, anchor=f"x{number}") | ({} if i == 0 else {"title": {"text": ""}})
        title = {"x": left, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        ink = {"size": 13, "color": theme.ink}
        figure.update_layout({f"xaxis{number}": across, f"yaxis{number}": up})
        figure.add_annotation(note(theme, method_title(dimension), yshift=6, font=ink, **title))
        for trace in _panel(dimension, curves.get(dimension, []), bases, theme):
            figure.add_trace(trace.update(xaxis=f"x{number}", yaxis=f"y{number}"))
        if dimension not in curves:
            middle = {"x": 0.5, "y": 0.5, "xref": f"x{number} domain", "yref": f"y{number} domain"}
            figure.add_annotation(note(theme, "none was trained", **middle))
    return figure


def crossed(rows: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> go.Figure:
    """Width alone at each pair of depth and resolution of which there are two widths; Figure 4 of Tan and Le.

    Of more than `MOST_GROUPS` pairs those with the most widths are drawn.
    """
    found = [n for n in scaled_networks(rows, "accuracy", "macs", *DIMENSIONS) if n.values["macs"] > 0]
    groups: dict[tuple[float, float], dict[float, Scaled]] = {}
    for n in found:
        pair = (round(n.values["depth"], 6), round(n.values["resolution"], 6))
        groups.setdefault(pair, {}).setdefault(round(n.values["width"], 6), n)
    several = {pair: widths for pair, widths in groups.items() if len(widths) > 1}
    if not several:
        return nothing(theme, "No depth and resolution was trained at two widths, so there is nothing to compare.")
    kept = sorted(several, key=lambda pair: -len(several[pair]))[:MOST_GROUPS]
    curves = {pair: [several[pair][width] for width in sorted(several[pair])] for pair in sorted(kept)}
    drawn = [n for curve in curves.values() for n in curve]
    x = span(ends_of(drawn, "macs"), log=True, right=0.24)
    y = span(ends_of(drawn, "accuracy"), share=True)
    titles = {pair: _pair(pair) for pair in curves}
    looks = dict(zip(curves, _GROUP_LOOKS, strict=False))
    ends = [
        End(curve[-1].values["macs"], curve[-1].values["accuracy"], titles[pair], _ink(looks[pair], theme))
        for pair, curve in curves.items()
    ]
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _crossed_summary(curves, len(several)),
            xaxis=spanned_axis(theme, "macs", x),
            yaxis=accuracy_axis(theme, y),
            showlegend=True,
            annotations=end_labels(ends, x, y, [_places(line, "macs") for line in curves.values()], theme),
        )
    )
    for pair, curve in curves.items():
        figure.add_trace(curve_trace(curve, titles[pair], looks[pair], "macs", theme))
    return figure


def _by_method(networks: Sequence[Scaled], against: str) -> dict[str, list[Scaled]]:
    """Each method's networks from cheap to dear, in the order in which they are drawn."""
    methods = sorted({n.method for n in networks} - _LOOKS.keys())
    grouped = {m: [n for n in networks if n.method == m] for m in (*methods, *_LOOKS)}
    return {m: _by_cost(group, against) for m, group in grouped.items() if group}


def _by_cost(networks: Sequence[Scaled], against: str) -> list[Scaled]:
    return sorted(networks, key=lambda n: n.values[against])


def _places(networks: Sequence[Scaled], against: str) -> list[tuple[float, float]]:
    return [(n.values[against], n.values["accuracy"]) for n in networks]


def _panel(dimension: str, curve: Sequence[Scaled], bases: Sequence[Scaled], theme: Theme) -> list[go.Scatter]:
    """A dimension's curve with its factors beside the marks, and the base."""
    traces = []
    if curve:
        points = _by_cost([*bases[:1], *curve], "macs")
        text = [_beside(n, dimension) if n.method != "base" else "" for n in points]
        words = {"text": text, "textposition": "bottom right", "textfont": {"size": 11.5, "color": theme.muted}}
        drawn = curve_trace(points, method_title(dimension), _PANEL_LOOK, "macs", theme)
        traces.append(drawn.update(mode="lines+markers+text", **words))
    return [*traces, base_trace(bases, "macs", theme)] if bases else traces


def _beside(network: Scaled, dimension: str) -> str:
    factor = network.values.get(dimension)
    return f"\N{NO-BREAK SPACE}{factor_text(factor)}" if factor is not None else ""


def _ink(look: Look, theme: Theme) -> str:
    """The colour of a curve's name: the curve's where words in it can be read."""
    role = {"line": "muted", "edge": "known", "scale_4": "accent"}.get(look.role, look.role)
    colour: str = getattr(theme, role)
    return colour


def _pair(pair: tuple[float, float]) -> str:
    return f"depth {factor_text(pair[0])}, resolution {factor_text(pair[1])}"


def _missing(rows: Sequence[Mapping[str, Any]], against: str) -> str:
    if scaled_networks(rows, "accuracy") and not scaled_networks(rows, against):
        return f"No {label(against)} was measured, so nothing can be drawn against it."
    return "No scaled network was trained so far."


def _summary(curves: dict[str, list[Scaled]], bases: Sequence[Scaled], against: str) -> str:
    what = f"{opening(label('accuracy'))} against {label(against)}"
    if not curves:
        return f"{what}: only the base was trained."
    count = sum(map(len, curves.values()))
    network = max((n for curve in curves.values() for n in curve), key=lambda n: n.values["accuracy"])
    highest = f"{quantity('accuracy', network.values['accuracy'])} by {method_title(network.method)}"
    start = " from the base" if bases else ""
    by = join(method_title(method) for method in reversed(curves))
    return f"{what}: {plural(count, 'network')} scaled up{start} by {by}; highest {highest}."


def _single_summary(curves: Mapping[str, Sequence[Scaled]]) -> str:
    last = {dimension: curves[dimension][-1].values for dimension in DIMENSIONS if dimension in curves}
    by = {dimension: factor_text(values[dimension]) for dimension, values in last.items() if dimension in values}
    parts = [f"{d} {by.get(d, 'alone')} gives {quantity('accuracy', values['accuracy'])}" for d, values in last.items()]
    return f"Accuracy against MACs with one dimension scaled alone, by the factors beside the marks: {join(parts)}."


def _crossed_summary(curves: Mapping[tuple[float, float], Sequence[Scaled]], several: int) -> str:
    top, curve = max(curves.items(), key=lambda item: max(n.values["accuracy"] for n in item[1]))
    highest = quantity("accuracy", max(n.values["accuracy"] for n in curve))
    some = f" Of {several} pairs the {len(curves)} with the most widths are drawn." if len(curves) < several else ""
    what = f"Accuracy against MACs as width grows, for {plural(len(curves), 'pair')} of depth and resolution"
    return f"{what}; highest {highest} at {_pair(top)}.{some}"
