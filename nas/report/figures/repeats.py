"""How the hypervolume of several studies grew, over finished trainings and over time, with the span of repeats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.progress import unit_of
from nas.report.hypervolume import Progress
from nas.report.repeats import Compared, Group
from nas.report.theme import LIGHT, Theme, axis, layout
from nas.report.words import join, significant

HEIGHT = 460
POINTS = 200
# Told apart by dashes too, for there are more studies than colours.
ROLES = ("accent", "known", "final", "muted", "edge", "line")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")

Numbers = npt.NDArray[np.float64]


def repeats_figure(found: Compared, over: str = "trials", theme: Theme = LIGHT) -> go.Figure:
    """Hypervolume over `trials` (candidates trained to the end) or over `time`, a line a group.

    A line is the mean of the repeats and ends where the first of them does; the shade is between their extremes.
    """
    every = [step for group in found.groups for steps in group.steps for step in steps]
    if over == "time":
        length, unit = unit_of(every)
        simulated = " on the simulated clock" if any(row["simulated"] for g in found.groups for row in g.rows) else ""
        title = f"{unit} since the first trial began{simulated}"

        def at(step: Progress) -> float:
            return (step.seconds or 0.0) / length

    else:
        title = "candidates trained to the end"

        def at(step: Progress) -> float:
            return float(step.finished)

    said = join(
        f"{g.label} {significant(float(np.mean([s[-1].hypervolume for s in g.steps])), 4)}" for g in found.groups
    )
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            f"Hypervolume over {title}; at the end on average {said}.",
            xaxis=axis(theme, title, rangemode="tozero"),
            yaxis=axis(theme, "hypervolume", rangemode="tozero"),
        )
    )
    looks = zip(found.groups, itertools.cycle(ROLES), itertools.cycle(DASHES), strict=False)
    for group, role, dash in looks:
        _draw(figure, group, at, getattr(theme, role), dash)
    return figure


def _draw(figure: go.Figure, group: Group, at: Callable[[Progress], float], colour: str, dash: str) -> None:
    end = min(at(steps[-1]) for steps in group.steps)
    x = np.unique([at(step) for steps in group.steps for step in steps if at(step) <= end])
    x = x if len(x) <= POINTS else np.quantile(x, np.linspace(0, 1, POINTS), method="nearest")
    y = np.array([_stairs(steps, at, x) for steps in group.steps])
    mean = y.mean(axis=0)
    if len(y) > 1:
        outline = {"x": [*x, *x[::-1]], "y": [*y.max(axis=0), *y.min(axis=0)[::-1]]}
        shade = {"fill": "toself", "fillcolor": colour, "opacity": 0.15, "line": {"width": 0}}
        figure.add_trace(go.Scatter(**outline, **shade, mode="lines", hoverinfo="skip", showlegend=False))
    figure.add_trace(
        go.Scatter(
            x=x.tolist(),
            y=mean.tolist(),
            name=safe(f"{group.label} ({len(group.runs)})"),
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash, "shape": "hv"},
            hovertext=[f"<b>{safe(group.label)}</b><br>hypervolume {significant(value, 4)}" for value in mean],
            hoverinfo="text",
        )
    )


def _stairs(steps: Sequence[Progress], at: Callable[[Progress], float], x: Numbers) -> Numbers:
    """The hypervolume of one study at each of `x`; 0 before its first network."""
    places = np.array([at(step) for step in steps])
    values = np.array([0.0, *(step.hypervolume for step in steps)])
    reached: Numbers = values[np.searchsorted(places, x, side="right")]
    return reached
