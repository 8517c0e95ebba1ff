"""Learning curves, with the rungs at which the worse candidates stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.front import front
from nas.report.standing import ranked
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import axis_label, join, kind_of, label, network, plural, quantity
from nas.store.record import Record

HEIGHT = 420
MOST = 200


def curves_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """One line a trained network; of more than `MOST` candidates off the front an even selection from best to worst."""
    aims = read_aims(study)
    name = _metric(records, aims)
    trained = [r for r in records if any(_number(row.get(name)) is not None for row in r.curve)]
    members = {id(r) for r in front(records, aims)}
    plain = [r for r in trained if r.role == "candidate" and id(r) not in members]
    kept = _spread(ranked(plain, aims))
    rungs = rung_epochs(records, aims)
    share = kind_of(name) == "share"
    y_axis = axis(theme, label(name) if share else axis_label(name), tickformat=".0%" if share else None)
    y_axis["range"] = _range(
        [v for r in trained for row in r.curve if (v := _number(row.get(name))) is not None], share
    )
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(trained, plain, kept, rungs, name),
            xaxis=axis(theme, "epoch", rangemode="tozero", tickformat="d"),
            yaxis=y_axis,
            showlegend=True,
            shapes=[_rung_line(epoch, theme) for epoch in rungs],
            annotations=[
                note(
                    theme,
                    f"epoch {epoch}",
                    name="spare",
                    x=epoch,
                    y=0,
                    yref="paper",
                    yanchor="bottom",
                    xanchor="left",
                    xshift=3,
                )
                for epoch in rungs
            ],
        )
    )
    groups: list[tuple[str, Sequence[Record], str, float, float, str]] = [
        ("stopped early", [r for r in kept if r.state != "complete"], theme.faint, 1.0, 0.65, "solid"),
        ("trained to the end", [r for r in kept if r.state == "complete"], theme.line, 1.2, 0.9, "solid"),
        ("baseline", [r for r in trained if r.role == "baseline"], theme.known, 1.6, 1.0, "6px,3px"),
        ("front", [r for r in trained if r.role == "candidate" and id(r) in members], theme.accent, 1.8, 1.0, "solid"),
        ("finalist, retrained", [r for r in trained if r.role == "finalist"], theme.final, 2.2, 1.0, "solid"),
    ]
    for title, group, colour, width, opacity, dash in groups:
        if group:
            line = {"color": colour, "width": width, "dash": dash}
            figure.add_trace(go.Scatter(name=title, line=line, opacity=opacity, **_lines(group, name)))
    return figure


def rung_epochs(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[int]:
    """The epochs of the rungs: as the study says, else where pruned trials ended."""
    search = read_aims(study).study.get("search")
    said = search.get("rungs") if isinstance(search, Mapping) else None
    if said:
        return [int(epoch) for epoch in said]
    return sorted({r.epochs for r in records if r.state == "pruned" and r.curve})


def _metric(records: Sequence[Record], aims: Aims) -> str:
    """The first objective where the curves have it, else the first number that they have."""
    keys = dict.fromkeys(key for r in records for row in r.curve[:1] for key in row)
    wanted = [aims.first.name, "accuracy", "loss", "train_loss", *(k for k in keys if k not in ("epoch", "seconds"))]
    return next((name for name in wanted if name in keys), aims.first.name)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < float("inf") else None


def _lines(group: Sequence[Record], name: str) -> dict[str, Any]:
    """Many curves as one trace, None between two of them: a page draws that hundreds of times faster."""
    x: list[float | None] = []
    y: list[float | None] = []
    words: list[str] = []
    for record in group:
        title = f"<b>{safe(network(record))}</b>"
        for i, row in enumerate(record.curve, 1):
            value = _number(row.get(name))
            said = _number(row.get("epoch"))
            epoch = i if said is None else said
            x.append(epoch)
            y.append(value)
            words.append(f"{title}<br>epoch {epoch:g}: {label(name)} {quantity(name, value)}")
        x.append(None)
        y.append(None)
        words.append("")
    return {"x": x, "y": y, "hovertext": words, "hoverinfo": "text", "mode": "lines", "connectgaps": False}


def _range(values: Sequence[float], share: bool) -> list[float] | None:
    """Without the first steep tenth, where all curves look alike and take the room from the rest."""
    if len(values) < 10:
        return None
    ordered = sorted(values)
    low, high = (ordered[len(values) // 10], ordered[-1]) if share else (ordered[0], ordered[-len(values) // 10])
    pad = 0.04 * (high - low) or 0.01
    return [low - pad, min(high + pad, 1.01) if share else high + pad]


def _spread(group: Sequence[Record]) -> list[Record]:
    if len(group) <= MOST:
        return list(group)
    return [group[round(i * (len(group) - 1) / (MOST - 1))] for i in range(MOST)]


def _rung_line(epoch: int, theme: Theme) -> dict[str, Any]:
    line = {"color": theme.line, "width": 1, "dash": "2px,3px"}
    return {"type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "yref": "paper", "layer": "below", "line": line}


def _summary(
    trained: Sequence[Record], plain: Sequence[Record], kept: Sequence[Record], rungs: Sequence[int], name: str
) -> str:
    if not trained:
        return "No network has a learning curve so far."
    some = (
        f" Of {len(plain):,} candidates off the front {len(kept):,} are drawn, from best to worst."
        if len(kept) < len(plain)
        else ""
    )
    pruned = [r for r in trained if r.state == "pruned"]
    hopeless = [r for r in pruned if r.foretold]
    early = len(pruned) - len(hopeless)
    at = f" at the rungs (dotted) after epoch {join(map(str, rungs))}" if rungs and early else ""
    stopped = f"; {early:,} stopped early{at}" if early else ""
    if hopeless:
        last = hopeless[-1].foretold
        such = (
            f"the last time a rank correlation of {last['correlation']:.2f} over {last['curves']:.0f} finished networks"
        )
        stopped += f"; {len(hopeless):,} ended by the learning curve (such predictions had {such})"
    return f"{label(name)[:1].upper()}{label(name)[1:]} of {plural(len(trained), 'network')} by epoch{stopped}.{some}"
