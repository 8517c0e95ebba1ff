"""The lines of the curves of scaling: looks that differ in more than colour, intervals, the base, names at the ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import Span, error_bars, scaled_card
from nas.report.labelling import Box, Point, least_covered
from nas.report.scaling_rows import Scaled
from nas.report.theme import Theme, note

INSIDE = (1012.0, 360.0)  # width and height of a plot in pixels on a wide screen, by which words are placed
CHARACTER = 6.8  # mean width of a letter of 12 px
SHIFTS = (0, -9, 9, -17, 17, -26, 26, -36, 36, -48, 48)  # of a name from the end of its curve, the nicest first
STEP = 6.0  # of pixels along a curve


@dataclass(frozen=True)
class Look:
    """How a curve is drawn; role of its colour, pattern of dashes, symbol and width."""

    role: str
    dash: str
    symbol: str
    width: float


@dataclass(frozen=True)
class End:
    """The last point of a curve and what stands beside it."""

    x: float
    y: float
    text: str
    colour: str


def curve_trace(networks: Sequence[Scaled], title: str, look: Look, against: str, theme: Theme) -> go.Scatter:
    """A curve through networks in their order, with their intervals."""
    colour = getattr(theme, look.role)
    marker = {"symbol": look.symbol, "size": 10, "color": colour, "line": {"color": theme.paper, "width": 0.8}}
    line = {"color": colour, "width": look.width, "dash": look.dash}
    return go.Scatter(
        name=safe(title), mode="lines+markers", line=line, marker=marker, **_points(networks, against, colour)
    )


def base_trace(bases: Sequence[Scaled], against: str, theme: Theme) -> go.Scatter:
    """What all others were scaled from: a mark that covers those that the curves have at the same place."""
    marker = {"symbol": "circle", "size": 15, "color": theme.ink, "line": {"color": theme.paper, "width": 1.5}}
    words = {"text": ["\N{NO-BREAK SPACE}base"] * len(bases), "textposition": "bottom right"}
    points = _points(bases, against, theme.ink)
    font = {"size": 12, "color": theme.ink}
    return go.Scatter(name="base", mode="markers+text", marker=marker, textfont=font, **words, **points)


def _points(networks: Sequence[Scaled], against: str, colour: str) -> dict[str, Any]:
    x, y = [n.values[against] for n in networks], [n.values["accuracy"] for n in networks]
    return {
        "x": x,
        "y": y,
        "error_x": error_bars(x, [n.bounds.get(against) for n in networks], colour),
        "error_y": error_bars(y, [n.bounds.get("accuracy") for n in networks], colour),
        "hovertext": [scaled_card(n) for n in networks],
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def end_labels(
    ends: Sequence[End], x: Span, y: Span, lines: Sequence[Sequence[Point]], theme: Theme
) -> list[Mapping[str, Any]]:
    """Each curve's name on the right of its end, moved up or down where it would cover a curve or another name."""

    def at(point: Point) -> Point:
        return INSIDE[0] * x.share(point[0]), INSIDE[1] * (1 - y.share(point[1]))

    taken = [box for line in lines for box in _along([at(point) for point in line])]
    notes: list[Mapping[str, Any]] = []
    for end in sorted(ends, key=lambda e: -e.y):
        left, middle = at((end.x, end.y))
        width = CHARACTER * len(end.text)
        places = [(left + 11, middle + 4 + shift) for shift in SHIFTS]
        (_, base), box = least_covered(places, width, taken, (0, 0, INSIDE[0] + 20, INSIDE[1]))
        taken.append(box)
        where = {"x": x.at(end.x), "y": y.at(end.y), "xanchor": "left", "xshift": 9, "yshift": middle + 4 - base}
        notes.append(note(theme, safe(end.text), name="spare", font={"size": 12, "color": end.colour}, **where))
    return notes


def _along(line: Sequence[Point]) -> list[Box]:
    """Boxes about the marks of a curve and about steps of its line between them."""
    boxes = [(x - 6, y - 6, x + 6, y + 6) for x, y in line]
    for (x0, y0), (x1, y1) in pairwise(line):
        steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / STEP))
        between = [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps)]
        boxes += [(x - 3, y - 3, x + 3, y + 3) for x, y in between]
    return boxes
