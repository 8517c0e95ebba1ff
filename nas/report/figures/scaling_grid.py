"""The grid of compound scaling: one heat map of width and resolution for each depth, on one scale of colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.scaling_parts import nothing, scaled_card
from nas.report.scaling_rows import TRIPLE, Scaled, scaled_networks
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import join, plain_bound, plural, quantity, significant

CELL = (52.0, 40.0)  # of pixels, the least width and height
WIDEST = 104.0  # of pixels, a cell
LOWEST = 190.0  # of pixels, all panels together, so that the scale of colours has room beside them
GAP = (66.0, 84.0)  # of pixels, between panels: ticks, titles
ROOM = 930.0  # width of all panels of a row in pixels on a wide screen
TOP, RIGHT, BOTTOM = 66, 96, 56


@dataclass(frozen=True)
class Panel:
    """One alpha with its networks by column (beta) and row (gamma).

    `across` and `up` are its ends in the figure, from 0 to 1; `first` and `last` say whether no panel is on its left
    and none below it, where the titles of the axes stand.
    """

    alpha: float
    cells: Mapping[tuple[int, int], Scaled]
    across: tuple[float, float]
    up: tuple[float, float]
    first: bool
    last: bool


def scaling_grid(
    rows: Sequence[Mapping[str, Any]], *, best: str | None = None, tied: Sequence[str] = (), theme: Theme = LIGHT
) -> go.Figure:
    """Mean accuracy as colour, with accuracy and MACs in each cell; a triple that was not trained has a blank cell.

    `best` is the name of the winner, which is outlined; `tied` are the names of those that cannot be told from it,
    outlined with dashes. Four steps of colour, so that the words in a cell stand out from each of them.
    """
    found = scaled_networks(rows, *TRIPLE, "accuracy")
    if not found:
        return nothing(theme, "No network of a grid was trained, so there is no grid to show.")
    alphas, betas, gammas = (sorted({_key(n.values[name]) for n in found}) for name in TRIPLE)
    columns = _columns(len(alphas), len(betas))
    lines = math.ceil(len(alphas) / columns)
    inside = max(LOWEST, lines * CELL[1] * len(gammas) + (lines - 1) * GAP[1])
    panels = _panels(found, columns, inside)
    steps = _steps([n.values["accuracy"] for n in found])
    others = [n.name for n in found if n.name in tied and n.name != best]
    summary = _summary(found, best, others)
    figure = go.Figure(
        layout=layout(
            theme,
            round(inside) + TOP + BOTTOM,
            summary,
            meta={"summary": summary, "least_width": round(columns * (CELL[0] * len(betas) + GAP[0]) + RIGHT)},
            margin={"l": 64, "r": RIGHT, "t": TOP, "b": BOTTOM},
            coloraxis=_colours(steps, max(panel.across[1] for panel in panels), theme),
            showlegend=False,
            annotations=_legend(best, others, theme) + [_title(panel, theme) for panel in panels],
        )
    )
    for i, panel in enumerate(panels):
        number = "" if i == 0 else str(i + 1)
        x, y = _axis(betas, panel.across, f"y{number}", theme), _axis(gammas, panel.up, f"x{number}", theme)
        figure.update_layout({f"xaxis{number}": x, f"yaxis{number}": y})
        if panel.last:
            figure.layout[f"xaxis{number}"].title.text = "beta (width)"
        if panel.first:
            figure.layout[f"yaxis{number}"].title.text = "gamma (resolution)"
        for trace in (_heat(panel, len(betas), len(gammas)), _words(panel, steps, theme)):
            figure.add_trace(trace.update(xaxis=f"x{number}", yaxis=f"y{number}"))
        for place, network in panel.cells.items():
            if network.name == best or network.name in others:
                figure.add_shape(_outline(place, number, network.name == best, theme))
    return figure


def _columns(panels: int, width: int) -> int:
    """How many panels of so many cells stand side by side, such that all lines have about as many."""
    most = int((ROOM + GAP[0]) // (CELL[0] * width + GAP[0]))
    return math.ceil(panels / math.ceil(panels / max(1, most)))


def _panels(found: Sequence[Scaled], columns: int, inside: float) -> list[Panel]:
    """The panels in reading order; `inside` is the height of all lines of them in pixels."""
    alphas, betas, gammas = (sorted({_key(n.values[name]) for n in found}) for name in TRIPLE)
    lines = math.ceil(len(alphas) / columns)
    gap = GAP[0] / ROOM, GAP[1] / inside
    width = min((1 - gap[0] * (columns - 1)) / columns, WIDEST * len(betas) / ROOM)
    height = (1 - gap[1] * (lines - 1)) / lines
    panels = []
    for i, alpha in enumerate(alphas):
        left, top = i % columns * (width + gap[0]), 1 - i // columns * (height + gap[1])
        cells = {
            (betas.index(_key(n.values["beta"])), gammas.index(_key(n.values["gamma"]))): n
            for n in found
            if _key(n.values["alpha"]) == alpha
        }
        ends = (left, min(1.0, left + width)), (max(0.0, top - height), top)
        panels.append(Panel(alpha, cells, *ends, first=i % columns == 0, last=i + columns >= len(alphas)))
    return panels


def _key(value: float) -> float:
    """1.1 and 1.1000000000000001 are one place of the grid."""
    return round(value, 6)


def _number(value: float) -> str:
    return plain_bound(significant(value, 4))


def _axis(values: Sequence[float], ends: tuple[float, float], anchor: str, theme: Theme) -> dict[str, Any]:
    """The values at even steps, whatever lies between them."""
    texts = [_number(value) for value in values]
    marks: dict[str, Any] = {"tickmode": "array", "tickvals": list(range(len(values))), "ticktext": texts}
    place: dict[str, Any] = {"range": [-0.5, len(values) - 0.5], "domain": list(ends), "anchor": anchor}
    frame: dict[str, Any] = {"showgrid": False, "showline": True, "mirror": True, "linecolor": theme.grid}
    return axis(theme, fixedrange=True, **marks, **place, **frame)


def _title(panel: Panel, theme: Theme) -> Mapping[str, Any]:
    where = {"x": panel.across[0], "y": panel.up[1], "xref": "paper", "yref": "paper", "xanchor": "left"}
    ink = {"size": 13, "color": theme.ink}
    return note(theme, f"alpha {_number(panel.alpha)} (depth)", yanchor="bottom", yshift=4, font=ink, **where)


def _heat(panel: Panel, width: int, height: int) -> go.Heatmap:
    places = [[panel.cells.get((x, y)) for x in range(width)] for y in range(height)]
    return go.Heatmap(
        x=list(range(width)),
        y=list(range(height)),
        z=[[n.values["accuracy"] if n else None for n in line] for line in places],
        hovertext=[[scaled_card(n) if n else "" for n in line] for line in places],
        hoverinfo="text",
        hoverongaps=False,
        coloraxis="coloraxis",
        xgap=3,
        ygap=3,
    )


def _words(panel: Panel, steps: Sequence[float], theme: Theme) -> go.Scatter:
    """Accuracy and MACs in the middle of each cell, light on the darkest step."""
    return go.Scatter(
        x=[x for x, _ in panel.cells],
        y=[y for _, y in panel.cells],
        text=[
            f"<b>{quantity('accuracy', n.values['accuracy'])}</b><br>{quantity('macs', n.values.get('macs'))}"
            for n in panel.cells.values()
        ],
        mode="text",
        textposition="middle center",
        textfont={
            "size": 11.5,
            "color": [
                theme.paper if n.values["accuracy"] >= steps[-2] else theme.ink for n in panel.cells.values()
            ],
        },
        hoverinfo="skip",
    )  # fmt: skip


def _steps(values: Sequence[float]) -> list[float]:
    """The ends of four equal steps from the lowest to the highest value."""
    low, high = min(values), max(values)
    return [low + (high - low) * i / 4 for i in range(5)]


def _colours(steps: Sequence[float], right: float, theme: Theme) -> dict[str, Any]:
    """Four colours with their steps beside the panels, which end at `right`; no steps where all is of one accuracy."""
    colours = (theme.scale_1, theme.scale_2, theme.scale_3, theme.scale_5)
    scale = [[(i + side) / 4, colour] for i, colour in enumerate(colours) for side in (0, 1)]
    font = {"size": 12, "color": theme.muted}
    bar = {
        "title": {"text": "accuracy", "font": font, "side": "right"},
        "tickmode": "array",
        "tickvals": list(steps),
        "ticktext": [quantity("accuracy", step) for step in steps],
        "tickfont": font,
        "ticks": "",
        "thickness": 12,
        "outlinewidth": 0,
        "len": LOWEST,
        "lenmode": "pixels",
        "y": 1,
        "yanchor": "top",
        "x": right + 0.015,
    }
    ends = {"cmin": steps[0], "cmax": steps[-1]} if steps[-1] > steps[0] else {"cmin": steps[0] - 1, "cmax": steps[0]}
    return {"colorscale": scale, "colorbar": bar, "showscale": steps[-1] > steps[0], **ends}


def _outline(place: tuple[int, int], number: str, winner: bool, theme: Theme) -> dict[str, Any]:
    x, y = place
    line = {"color": theme.ink, "width": 2.5} if winner else {"color": theme.ink, "width": 1.5, "dash": "3px,2px"}
    ends = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
    return {"type": "rect", "xref": f"x{number}", "yref": f"y{number}", "line": line, **ends}


def _legend(best: str | None, others: Sequence[str], theme: Theme) -> list[Mapping[str, Any]]:
    parts = ["outlined: the best"] if best is not None else []
    parts += ["dashed: cannot be told from it"] if others else []
    if not parts:
        return []
    where = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "yshift": 32}
    return [note(theme, "; ".join(parts), **where)]


def _summary(found: Sequence[Scaled], best: str | None, others: Sequence[str]) -> str:
    drawn = (
        f"Accuracy of {plural(len(found), 'network')} of the grid by alpha (depth), beta (width), gamma (resolution)"
    )
    highest = max(found, key=lambda n: n.values["accuracy"])
    winner = next((n for n in found if n.name == best), None)
    chosen, word = (winner, "best") if winner else (highest, "highest")
    triple = join(f"{name} {_number(chosen.values[name])}" for name in TRIPLE)
    text = f"{drawn}; {word} {quantity('accuracy', chosen.values['accuracy'])} at {triple}"
    if winner and others:
        text += f", from which {plural(len(others), 'other')} cannot be told"
    return f"{text}."
