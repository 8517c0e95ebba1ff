"""Which decisions matter: how much of the differences each one accounts for, beside what chance and Optuna say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import nothing
from nas.report.importance import chance_level, importance, trained_candidates
from nas.report.parallel import short_names
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import join, label, plural, short
from nas.search.importance import SHARE, importance_for_the_best
from nas.store.record import Record

ROW = 26
MOST = 15
FEWEST = 10  # networks


def importance_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """A bar a decision, at most `MOST`, the most important on top: its share of the spread of the first objective.

    Hatched bars do not reach the dashed line, the most that chance gives to any decision. Diamonds are each decision's
    share in what sets the best tenth apart, where there are networks enough for that.
    """
    aims = read_aims(study)
    done = trained_candidates(records, aims)
    shares = importance(done, aims)
    chance = chance_level(done, aims)
    if len(done) < FEWEST or math.isnan(chance):
        return nothing(theme, _unknown(len(done), aims))
    best = importance_for_the_best([r.decisions for r in done], [_gain(r, aims) for r in done]) or {}
    names = list(shares)[:MOST]
    rows = _rows(names)
    figure = go.Figure(
        layout=layout(
            theme,
            112 + ROW * len(names),
            _summary(shares, chance, best, len(done), aims),
            barmode="overlay",
            bargap=0.36,
            showlegend=True,
            xaxis=axis(
                theme,
                f"share of the differences in {label(aims.first.name)}",
                tickformat=".0%",
                rangemode="tozero",
                nticks=8,
                tickangle=0,
            ),
            yaxis=axis(
                theme,
                autorange="reversed",
                showgrid=False,
                ticks="",
                tickfont={"size": 12.5, "color": theme.ink},
                categoryorder="array",
                categoryarray=rows,
            ),
            shapes=[_chance_line(chance, theme)],
            annotations=[_chance_words(chance, theme)],
        )
    )
    for title, told in (("more than chance", True), ("not told from chance", False)):
        group = [i for i, name in enumerate(names) if (shares[name] > chance) == told]
        if group:
            figure.add_trace(
                _bars(title, told, [names[i] for i in group], [rows[i] for i in group], shares, best, theme)
            )
    if best:
        figure.add_trace(
            go.Scatter(
                name=f"share in what sets the best {SHARE:.0%} apart",
                x=[best.get(name) for name in names],
                y=rows,
                mode="markers",
                marker={"symbol": "diamond-open", "size": 9, "color": theme.ink, "line": {"width": 1.4}},
                hovertext=[_card(name, shares, best) for name in names],
                hoverinfo="text",
            )
        )
    return figure


def _gain(record: Record, aims: Aims) -> float:
    value = aims.first.value(record) or 0.0
    return value if aims.first.maximize else -value


def _rows(names: Sequence[str]) -> list[str]:
    """What stands beside the bars, each only once."""
    titles = short_names(names)
    texts = [safe(short(titles[name], 34)) for name in names]
    return [text if texts.count(text) == 1 else f"{text} ({i + 1})" for i, text in enumerate(texts)]


def _chance_line(chance: float, theme: Theme) -> dict[str, Any]:
    line = {"color": theme.edge, "width": 1.5, "dash": "4px,3px"}
    return {"type": "line", "x0": chance, "x1": chance, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _chance_words(chance: float, theme: Theme) -> Mapping[str, Any]:
    place = {"x": chance, "xanchor": "left", "xshift": 4, "y": 0, "yref": "paper", "yanchor": "bottom"}
    return note(theme, "chance gives less", **place, font={"size": 12, "color": theme.known})


def _bars(
    title: str,
    told: bool,
    names: Sequence[str],
    rows: Sequence[str],
    shares: Mapping[str, float],
    best: Mapping[str, float],
    theme: Theme,
) -> go.Bar:
    pattern = {"shape": "/", "size": 5, "solidity": 0.28, "fgcolor": theme.line, "bgcolor": theme.grid}
    marker: dict[str, Any] = {"color": theme.accent if told else theme.grid, "line": {"width": 0}}
    return go.Bar(
        name=title,
        x=[max(0.0, shares[name]) for name in names],
        y=rows,
        orientation="h",
        marker=marker if told else marker | {"pattern": pattern},
        hovertext=[_card(name, shares, best) for name in names],
        hoverinfo="text",
    )


def _card(name: str, shares: Mapping[str, float], best: Mapping[str, float]) -> str:
    lines = [f"<b>{safe(name)}</b>", f"accounts for {max(0.0, shares[name]):.0%} of the differences"]
    if name in best:
        lines.append(f"{best[name]:.0%} of what sets the best {SHARE:.0%} apart (Optuna, PED-ANOVA)")
    return "<br>".join(lines)


def _unknown(count: int, aims: Aims) -> str:
    if count < FEWEST:
        few = f"{plural(count, 'candidate')} trained to the end {'is' if count == 1 else 'are'} too few"
        return f"{few} to tell which decisions matter; that takes {FEWEST}."
    same = f"no decision differs, or {label(aims.first.name)} does not"
    return f"Which decisions matter cannot be told: {same}, among the {count:,} candidates trained to the end."


def _summary(shares: Mapping[str, float], chance: float, best: Mapping[str, float], count: int, aims: Aims) -> str:
    told = [name for name, share in shares.items() if share > chance]
    titles = short_names(list(shares))
    parts = [f"{titles[name]} accounts for {shares[name]:.0%}" for name in told[:3]]
    whole = f"of the differences in {label(aims.first.name)} between {plural(count, 'network')} trained to the end"
    rest = len(shares) - len(told)
    if parts:
        text = f"{join(parts)} {whole}; " + (f"{plural(rest, 'other decision')} cannot" if rest else "no other can")
    else:
        text = f"{plural(len(shares), 'decision')}, {whole}: none can"
    text += f" be told from chance, which gives up to {chance:.{0 if chance > 0.02 else 1}%}."
    if best:
        leader = max(best, key=lambda name: best[name])
        text += (
            f" What sets the best {SHARE:.0%} apart is first of all {titles.get(leader, leader)} ({best[leader]:.0%})."
        )
    return text
