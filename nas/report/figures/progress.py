"""How the search went on: the best network so far and the hypervolume, by finished trainings and by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.hypervolume import Progress, over_time, reference_point
from nas.report.standing import best_baseline
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import duration, join, kind_of, label, network, opening, plural, quantity, significant
from nas.store.record import CLOCK, Record

HEIGHT = 540
UNITS = ((2 * 86400.0, 86400.0, "days"), (7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"))


def progress_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """Two panels over the number of candidates trained to the end, in the order they finished, and one over time."""
    aims = read_aims(study)
    steps = over_time(records, aims)
    first = aims.first.name
    share = kind_of(first) == "share"
    length, unit = unit_of(steps)
    clock = " on the simulated clock" if any(CLOCK in record.values for record in records) else ""
    title = {"x": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "yshift": 5}
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(steps, records, aims),
            xaxis=axis(theme, "candidates trained to the end", anchor="y2", rangemode="tozero"),
            xaxis2=axis(theme, f"{unit} since the first trial began{clock}", anchor="y3", rangemode="tozero"),
            yaxis=axis(theme, domain=[0.71, 1], tickformat=".1~%" if share else None),
            yaxis2=axis(theme, domain=[0.37, 0.62], rangemode="tozero"),
            yaxis3=axis(theme, domain=[0, 0.2], rangemode="tozero", anchor="x2"),
            annotations=[
                note(theme, f"best {safe(label(first))} within the budget so far", y=1, **title),
                note(theme, "hypervolume", y=0.62, **title),
                note(theme, "hypervolume over time", y=0.2, **title),
            ],
            showlegend=False,
        )
    )
    figure.update_layout(margin={"t": 34})
    if not steps:
        return figure
    points = [_card(step, aims) for step in steps]
    counts = [step.finished for step in steps]
    shared = {"x": counts, "mode": "lines", "hovertext": points, "hoverinfo": "text"}
    step_line = {"color": theme.accent, "width": 2, "shape": "hv"}
    figure.add_trace(go.Scatter(y=[step.best for step in steps], line=step_line, **shared))
    figure.add_trace(go.Scatter(y=[step.hypervolume for step in steps], line=step_line, yaxis="y2", **shared))
    timed = _turns([step for step in steps if step.seconds is not None])
    figure.add_trace(
        go.Scatter(
            x=[(step.seconds or 0.0) / length for step in timed],
            y=[step.hypervolume for step in timed],
            line=step_line,
            xaxis="x2",
            yaxis="y3",
            mode="lines",
            hovertext=[_card(step, aims) for step in timed],
            hoverinfo="text",
        )
    )
    known = best_baseline(records, aims, feasible=True) or best_baseline(records, aims)
    level = aims.first.value(known) if known else None
    if known is not None and level is not None:
        figure.add_hline(y=level, line={"color": theme.known, "width": 1.2, "dash": "4px,3px"})
        figure.add_annotation(
            note(
                theme,
                f"{safe(network(known))} {quantity(first, level)}",
                x=1,
                xref="paper",
                y=level,
                xanchor="right",
                yanchor="bottom",
                font={"size": 12, "color": theme.known},
            )
        )
    return figure


def _turns(steps: Sequence[Progress]) -> list[Progress]:
    """The steps at which the hypervolume grew, and the last: a line drawn through them is the same."""
    pairs = zip([None, *steps], steps, strict=False)
    return [b for a, b in pairs if a is None or b is steps[-1] or b.hypervolume != a.hypervolume]


def unit_of(steps: Sequence[Progress]) -> tuple[float, str]:
    """The unit of time in which a whole search is a number of a reasonable size: its seconds and its name."""
    longest = max((step.seconds for step in steps if step.seconds is not None), default=0.0)
    return next(((length, name) for least, length, name in UNITS if longest >= least), (1.0, "seconds"))


def _card(step: Progress, aims: Aims) -> str:
    lines = [
        f"<b>{plural(step.finished, 'candidate')} trained</b>, the last one trial {step.trial}",
        f"best {safe(label(aims.first.name))} {quantity(aims.first.name, step.best)}",
        f"hypervolume {significant(step.hypervolume, 4)}",
    ]
    return "<br>".join([*lines, f"after {duration(step.seconds)}"] if step.seconds is not None else lines)


def _summary(steps: Sequence[Progress], records: Sequence[Record], aims: Aims) -> str:
    if not steps:
        return "No candidate was trained to the end so far."
    point = join(f"{label(name)} {quantity(name, value)}" for name, value in reference_point(records, aims).items())
    last = next(step for step in steps if step.hypervolume == steps[-1].hypervolume)
    return opening(
        f"the hypervolume reached {significant(steps[-1].hypervolume, 4)}, measured from {point}, "
        f"and last grew at candidate {last.finished} of {len(steps)}."
    )
