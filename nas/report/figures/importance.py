"""Which decisions matter: each one's share in what sets the best networks apart, beside what chance would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import nothing
from nas.report.importance import importance, trained_candidates
from nas.report.parallel import short_names
from nas.report.theme import LIGHT, Theme, axis, layout
from nas.report.words import join, label, plural, short
from nas.search.importance import FEWEST, Importance, decision_importance
from nas.store.record import Record

ROW = 26
MOST = 15


def importance_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """A bar a decision, at most `MOST`, the most important on top; a tick is what chance gives it.

    Those that do not reach their tick are hatched: they cannot be told from chance.
    """
    aims = read_aims(study)
    done = trained_candidates(records, aims)
    found = decision_importance([r.decisions for r in done], [_gain(r, aims) for r in done])
    if found is None:
        return nothing(theme, _unknown(len(done)))
    names = list(found.share)[:MOST]
    titles = short_names(names)
    explained = importance(done, aims)
    rows = [safe(short(titles[name], 34)) for name in names]
    rows = [row if rows.count(row) == 1 else f"{row} ({i + 1})" for i, row in enumerate(rows)]
    figure = go.Figure(
        layout=layout(
            theme,
            104 + ROW * len(names),
            _summary(found, len(done), aims),
            barmode="overlay",
            bargap=0.36,
            showlegend=True,
            xaxis=axis(theme, "share", tickformat=".0%", rangemode="tozero", nticks=8, tickangle=0),
            yaxis=axis(
                theme,
                autorange="reversed",
                showgrid=False,
                ticks="",
                tickfont={"size": 12.5, "color": theme.ink},
                categoryorder="array",
                categoryarray=rows,
            ),
        )
    )
    for title, told in (("more than chance", True), ("not told from chance", False)):
        group = [i for i, name in enumerate(names) if _told(found, name) == told]
        if group:
            figure.add_trace(_bars(title, told, group, names, rows, found, explained, theme))
    figure.add_trace(
        go.Scatter(
            name="most that chance gives",
            x=[found.chance[name] for name in names],
            y=rows,
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 13, "color": theme.ink, "line": {"width": 1.6}},
            hoverinfo="skip",
        )
    )
    return figure


def _gain(record: Record, aims: Aims) -> float:
    value = aims.first.value(record) or 0.0
    return value if aims.first.maximize else -value


def _told(found: Importance, name: str) -> bool:
    return found.share[name] > found.chance[name]


def _bars(
    title: str,
    told: bool,
    group: Sequence[int],
    names: Sequence[str],
    rows: Sequence[str],
    found: Importance,
    explained: Mapping[str, float],
    theme: Theme,
) -> go.Bar:
    pattern = {"shape": "/", "size": 5, "solidity": 0.28, "fgcolor": theme.line, "bgcolor": theme.grid}
    marker: dict[str, Any] = {"color": theme.accent if told else theme.grid, "line": {"width": 0}}
    return go.Bar(
        name=title,
        x=[found.share[names[i]] for i in group],
        y=[rows[i] for i in group],
        orientation="h",
        marker=marker if told else marker | {"pattern": pattern},
        hovertext=[_card(names[i], found, explained) for i in group],
        hoverinfo="text",
    )


def _card(name: str, found: Importance, explained: Mapping[str, float]) -> str:
    lines = [f"<b>{safe(name)}</b>", f"{found.share[name]:.1%} of what sets the best apart"]
    lines.append(f"by chance up to {found.chance[name]:.1%}")
    if name in explained:
        lines.append(f"accounts for {max(0.0, explained[name]):.0%} of the spread of all")
    return "<br>".join(lines)


def _unknown(count: int) -> str:
    if count < FEWEST:
        few = f"{plural(count, 'candidate')} trained to the end {'is' if count == 1 else 'are'} too few"
        return f"{few} to tell which decisions matter; that takes {FEWEST}."
    return f"The {count:,} candidates trained to the end do not differ in a way that tells which decisions matter."


def _summary(found: Importance, trained: int, aims: Aims) -> str:
    told = [name for name in found.share if _told(found, name)]
    titles = short_names(list(found.share))
    parts = [f"{titles[name]} ({found.share[name]:.0%})" for name in told[:3]]
    most = f"{join(parts)} {'set' if len(parts) > 1 else 'sets'} them apart most" if parts else ""
    rest = len(found.share) - len(told)
    unclear = f"{plural(rest, 'decision')} cannot be told from chance" if rest else ""
    which = f"{plural(found.networks, 'network')} trained to the end"
    if found.networks < trained:
        which = f"{found.networks:,} of {plural(trained, 'network')} trained to the end (an even selection)"
    said = f"How decisions bear on {label(aims.first.name)}: the best {found.best:,} beside all {which}."
    return f"{said} {_sentence(most, unclear)}"


def _sentence(*parts: str) -> str:
    kept = "; ".join(part for part in parts if part)
    return f"{kept[:1].upper()}{kept[1:]}."
