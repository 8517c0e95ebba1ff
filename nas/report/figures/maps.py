"""Images beside maps of what a network looks at in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import nothing
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import join, plural, short

ROW = 230  # pixels
LINES = 40  # of them for words
GAP = 0.02
PAIRS = 2
WORDS = 4  # images that the words say more of
# Over photographs in any theme: from nothing to a glow, darker at the end so that it tells without colour too.
GLOW = ((0.0, "rgba(255,221,87,0)"), (0.35, "rgba(255,190,40,0.35)"), (1.0, "rgba(214,40,10,0.85)"))
ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


def maps_figure(document: Mapping[str, Any], theme: Theme = LIGHT) -> go.Figure:
    """Each image, and beside it with its map; `document` is what `nas explain` tells, each image with its `source`.

    `map` is a grid of numbers from 0 to 1, its first row at the top of the image.
    """
    rows = document["images"]
    if not rows:
        return nothing(theme, "No image was explained.")
    across = 2 * min(PAIRS, len(rows))
    down = -(-2 * len(rows) // across)
    figure = go.Figure(
        layout=layout(theme, 20 + ROW * down, _summary(document), margin={"l": 8, "r": 8, "t": 8, "b": 8})
    )
    for index, row in enumerate(rows):
        for number in (2 * index, 2 * index + 1):
            left, top = number % across / across, 1 - number // across / down
            _pane(
                figure,
                number + 1,
                (left, left + 1 / across - GAP),
                (top - (1 - LINES / ROW) / down, top),
                row["source"],
            )
        figure.add_trace(_heat(row, 2 * index + 2))
        words = f"{safe(short(row['image']))}<br>{_said(row)}"
        bottom = 1 - 2 * index // across / down - (1 - LINES / ROW) / down
        at = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "align": "left"}
        figure.add_annotation(note(theme, words, x=2 * index % across / across, y=bottom, **at))
    return figure


def _pane(figure: go.Figure, number: int, across: tuple[float, float], down: tuple[float, float], source: str) -> None:
    """A pair of axes from 0 to 1 in that part of the figure, with the image in them."""
    x, y = f"x{number}", f"y{number}"
    axis = {"range": [0, 1], "visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_layout(
        {
            f"xaxis{number}": axis | {"domain": across, "anchor": y},
            f"yaxis{number}": axis | {"domain": down, "anchor": x, "scaleanchor": x},
        }
    )
    if source:
        figure.add_layout_image(source=source, xref=x, yref=y, x=0, y=1, sizex=1, sizey=1, layer="below")


def _heat(row: Mapping[str, Any], number: int) -> go.Heatmap:
    """The map over its image, its rows from the top."""
    grid = row["map"]
    down, across = len(grid), len(grid[0])
    return go.Heatmap(
        z=grid,
        x=[(column + 0.5) / across for column in range(across)],
        y=[1 - (line + 0.5) / down for line in range(down)],
        xaxis=f"x{number}",
        yaxis=f"y{number}",
        zmin=0,
        zmax=1,
        zsmooth="best",
        colorscale=[list(step) for step in GLOW],
        showscale=False,
        hovertemplate="%{z:.2f}<extra></extra>",
    )


def _said(row: Mapping[str, Any]) -> str:
    predicted, target = row["predicted"], row["target"]
    text = f"{safe(short(predicted['class']))} {predicted['probability']:.0%}"
    if target["index"] != predicted["index"]:
        text += f"; shown: {safe(short(target['class']))} {target['probability']:.0%}"
    return text


def _summary(document: Mapping[str, Any]) -> str:
    rows = document["images"]
    ways = join(dict.fromkeys(_way(row) for row in rows))
    some = "; ".join(
        f"in {row['image']} it sees {row['predicted']['class']} ({row['predicted']['probability']:.0%}), "
        f"and what speaks for {row['target']['class']} is strongest {where(row['map'])}"
        for row in rows[:WORDS]
    )
    more = f"; and {plural(len(rows) - WORDS, 'more image')}" if len(rows) > WORDS else ""
    rest = f" {plural(document['left_out'], 'image')} more not drawn." if document.get("left_out") else ""
    return f"What {document['network']} looks at, by {ways}: {some}{more}.{rest}"


def _way(row: Mapping[str, Any]) -> str:
    name = {"gradcam": "Grad-CAM", "attention": "attention rollout"}.get(row["method"], row["method"])
    return f"{name} at {row['place']}" if row["place"] else name


def where(grid: Sequence[Sequence[float]]) -> str:
    """In which ninth of the image a map is strongest, and how much of it is there: `in the upper left (48%)`."""
    total = sum(map(sum, grid))
    if total <= 0:
        return "nowhere"
    shares: dict[tuple[int, int], float] = {}
    for line, values in enumerate(grid):
        for column, value in enumerate(values):
            part = (3 * (2 * line + 1) // (2 * len(grid)), 3 * (2 * column + 1) // (2 * len(values)))
            shares[part] = shares.get(part, 0.0) + value / total
    row, column = max(shares, key=lambda part: shares[part])
    words = "centre" if (row, column) == (1, 1) else f"{ROWS[row]} {COLUMNS[column]}"
    return f"in the {words} ({shares[row, column]:.0%})"
