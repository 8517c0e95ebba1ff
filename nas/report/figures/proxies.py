"""Small scatter plots: where zero-cost proxies place each trained network, against what training made of it."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from nas.report.aims import Aims, Objective
from nas.report.figures.hover import few_words, safe
from nas.report.figures.scaling_parts import nothing
from nas.report.importance import trained_candidates
from nas.report.proxies import Ranking, proxy_names, ranking_words, score_of
from nas.report.rank_correlation import FEWEST
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import axis_label, label, network, plural, quantity, reference, significant
from nas.store.record import Record

ROW, GAP = 210, 0.14  # height of a row of panels in pixels, and of the share of it that stays free
BETWEEN = 0.03
MOST = 400  # networks in a panel


def proxies_figure(records: Sequence[Record], aims: Aims, found: Sequence[Ranking], theme: Theme = LIGHT) -> go.Figure:
    """A column a proxy, a row an objective; along x the networks by their score, the lowest on the left.

    `found` are their rankings. Of more than `MOST` networks an even selection is drawn.
    """
    done = trained_candidates(records, aims)
    names = proxy_names(done)
    if len(done) < FEWEST:
        return nothing(theme, f"{plural(len(done), 'network')} trained to the end: too few to rank.")
    summary = ranking_words(found, aims)
    if len(done) > MOST:
        summary += f" Drawn are {MOST} of them, evenly picked."
    height = 90 + ROW * len(aims.objectives)
    figure = go.Figure(layout=layout(theme, height, summary, showlegend=False))
    wide = (1 + BETWEEN) / len(names)
    high = 1 / len(aims.objectives)
    for row, objective in enumerate(aims.objectives):
        domain = [1 - (row + 1) * high + GAP * high * (row + 1 < len(aims.objectives)), 1 - row * high]
        for column, proxy in enumerate(names):
            place = _place(row * len(names) + column)
            start = column * wide
            across = axis(
                theme, "", domain=[start, start + wide - BETWEEN], anchor=f"y{place}", showticklabels=False, ticks=""
            )
            up = axis(theme, _title(objective) if column == 0 else "", domain=domain, anchor=f"x{place}")
            up |= {"showticklabels": column == 0, "nticks": 5, "tickformat": ".0%" if _share(objective) else None}
            if column:
                up |= {"matches": f"y{_place(row * len(names))}"}
            figure.update_layout({f"xaxis{place}": across | {"showgrid": False}, f"yaxis{place}": up})
            figure.add_trace(_points(done, proxy, objective, aims, place, theme))
            if row == 0:
                title = {
                    "x": start + (wide - BETWEEN) / 2,
                    "xanchor": "center",
                    "y": 1,
                    "xref": "paper",
                    "yref": "paper",
                }
                figure.add_annotation(note(theme, safe(label(proxy)), **title, yanchor="bottom", yshift=6))
    return figure


def _title(objective: Objective) -> str:
    """Ticks of a share have their unit already."""
    return label(objective.name) if _share(objective) else axis_label(objective.name)


def _place(index: int) -> str:
    """What plotly calls an axis by."""
    return str(index + 1) if index else ""


def _share(objective: Objective) -> bool:
    return quantity(objective.name, 0.5).endswith("%")


def _points(
    done: Sequence[Record], proxy: str, objective: Objective, aims: Aims, place: str, theme: Theme
) -> go.Scatter:
    rows = [
        (score, value, record)
        for record in done
        if (score := score_of(record, proxy)) is not None and (value := objective.value(record)) is not None
    ]
    rows.sort(key=lambda row: row[0])
    rows = [rows[at * len(rows) // MOST] for at in range(MOST)] if len(rows) > MOST else rows
    texts = [
        f"<b>{safe(network(record))}</b><br>{safe(label(proxy))} {significant(score, 4)}"
        f"<br>{safe(label(objective.name))} {quantity(objective.name, value)}"
        for score, value, record in rows
    ]
    return go.Scatter(
        x=list(range(1, len(rows) + 1)),
        y=[float(f"{value:.5g}") for _, value, _ in rows],
        mode="markers",
        xaxis=f"x{place}",
        yaxis=f"y{place}",
        customdata=[reference(record) for _, _, record in rows],
        marker={"size": 5, "color": theme.scale_4, "opacity": 0.8},
        **few_words(texts),
    )
