"""Latency against MACs: the fitted line with its band, known networks by name, and below what the line leaves over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.figures.hover import card, few_words, many_words, safe
from nas.report.figures.scaling_parts import Span, error_bars, nothing, span, spanned_axis
from nas.report.labelling import Box, beside, least_covered
from nas.report.table import trusted
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.tradeoff import FEWEST, LEVEL, Fit, Tradeoff, tradeoff
from nas.report.words import budget_text, join, network, plural, reference, short, significant
from nas.store.record import Record

HEIGHT = 560
UPPER, LOWER = (0.36, 1.0), (0.0, 0.25)  # of the height: latencies, and what is left over
INSIDE = (1012.0, 300.0)  # of the upper plot in pixels on a wide screen, by which words are placed
CHARACTER = 6.8
CROWDED = 300
NEAR = 50.0  # pixels up and down that a name can reach from its mark
MOST_NAMED = 5  # networks far off the line

# title, symbol, size, role of the colour, whether its intervals are drawn
_STYLES: Mapping[str, tuple[str, str, float, str, bool]] = {
    "turned away": ("turned away by its latency", "x-thin", 7, "line", False),
    "candidate": ("candidate", "circle", 7, "scale_4", True),
    "finalist": ("finalist, measured again", "star", 13, "final", True),
    "baseline": ("baseline", "diamond", 11, "known", True),
}


def tradeoff_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """Every measured network, both axes logarithmic; hollow: not to be trusted, and not part of the fit."""
    aims = read_aims(study)
    found = tradeoff(records)
    if not found.networks:
        return nothing(theme, "No latency was measured, so nothing can be drawn against MACs.")
    x = span([r.values["macs"] for r in found.networks], log=True)
    bounds = [end for r in found.networks for end in bounds_of(r, "latency_ms") or () if end > 0]
    y = span([*(r.values["latency_ms"] for r in found.networks), *bounds], log=True)
    fit = found.fit
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT if fit else 400,
            _summary(found, fit),
            xaxis=spanned_axis(theme, "macs", x, anchor="y2" if fit else "y"),
            yaxis=spanned_axis(theme, "latency_ms", y, domain=list(UPPER if fit else (0, 1))),
            showlegend=True,
        )
    )
    if fit:
        figure.update_layout(yaxis2=_left_over_axis(found, fit, theme))
        for trace in _line(fit, x, theme):
            figure.add_trace(trace)
    for kind in _STYLES:
        group = [r for r in found.networks if _kind(r) == kind]
        if group:
            figure.add_trace(_points(kind, group, aims, theme))
            if fit:
                figure.add_trace(_left_over(kind, group, fit, theme))
    figure.update_layout(annotations=[*_names(found, fit, x, y, theme), *_left_over_title(fit, theme)])
    _budget(figure, aims, y, theme)
    return figure


def _kind(record: Record) -> str:
    return "turned away" if record.role == "candidate" and record.gate == "latency" else record.role


def _points(kind: str, group: Sequence[Record], aims: Aims, theme: Theme) -> go.Scatter:
    title, _, _, role, bars = _STYLES[kind]
    crowded = len(group) > CROWDED
    ms = [_short(r.values["latency_ms"]) for r in group]
    error = error_bars(ms, [bounds_of(r, "latency_ms") for r in group], getattr(theme, role))
    return go.Scatter(
        name=title,
        x=[_short(r.values["macs"]) for r in group],
        y=ms,
        mode="markers",
        **(many_words("%{x:.3s} MACs, %{y:.4g} ms") if crowded else few_words([card(r, aims) for r in group])),
        customdata=[reference(r) for r in group],
        error_y=error if bars and not crowded else None,
        marker=_marker(kind, group, theme),
        legendgroup=kind,
    )


def _marker(kind: str, group: Sequence[Record], theme: Theme) -> dict[str, Any]:
    _, symbol, size, role, _ = _STYLES[kind]
    colour, crowded, thin = getattr(theme, role), len(group) > CROWDED, symbol == "x-thin"
    return {
        "symbol": [symbol if trusted(r) or thin else f"{symbol}-open" for r in group],
        "size": 4 if crowded else size,
        "color": colour,
        "opacity": 0.6 if crowded else 1,
        "line": {"color": colour if thin else theme.paper, "width": 1.5 if thin else 0 if crowded else 0.8},
    }


def _left_over(kind: str, group: Sequence[Record], fit: Fit, theme: Theme) -> go.Scatter:
    """How much slower than the line each network is, as a share."""
    off = [_short(fit.off(r) - 1) for r in group]
    words = [f"<b>{safe(network(r))}</b><br>{_off_words(each + 1)}" for r, each in zip(group, off, strict=True)]
    return go.Scatter(
        x=[_short(r.values["macs"]) for r in group],
        y=off,
        yaxis="y2",
        mode="markers",
        **(many_words("%{y:+.0%} off the line") if len(group) > CROWDED else few_words(words)),
        customdata=[reference(r) for r in group],
        marker=_marker(kind, group, theme),
        legendgroup=kind,
        showlegend=False,
    )


def _short(value: float) -> float:
    """As many digits as a figure can show: more only make the page larger."""
    return float(f"{value:.5g}")


def _off_words(off: float) -> str:
    size = abs(off - 1)
    return f"{100 * size:.0f}% {'slower' if off > 1 else 'faster'} than the line"


def _left_over_axis(found: Tradeoff, fit: Fit, theme: Theme) -> dict[str, Any]:
    ends = [fit.off(r) - 1 for r in found.networks]
    low, high = min(*ends, -0.05), max(*ends, 0.05)
    pad = 0.1 * (high - low)
    zero = {"zeroline": True, "zerolinecolor": theme.accent, "zerolinewidth": 1.4}
    return axis(theme, domain=list(LOWER), range=[low - pad, high + pad], tickformat="+.0%", nticks=5) | zero


def _left_over_title(fit: Fit | None, theme: Theme) -> list[Mapping[str, Any]]:
    if fit is None:
        return []
    place = {"x": 0, "xref": "paper", "y": LOWER[1], "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return [note(theme, "slower or faster than the line", **place, yshift=4)]


def _line(fit: Fit, x: Span, theme: Theme) -> list[go.Scatter]:
    along = [float(v) for v in np.geomspace(x.low, x.high, 60)]
    middle, factors = [fit.at(v) for v in along], [fit.factor(v) for v in along]
    upper = [m * f for m, f in zip(middle, factors, strict=True)]
    lower = [m / f for m, f in zip(middle, factors, strict=True)]
    common = {"mode": "lines", "hoverinfo": "skip"}
    band = go.Scatter(
        name=f"where {LEVEL:.0%} should lie",
        x=[*along, *reversed(along)],
        y=[*upper, *reversed(lower)],
        fill="toself",
        fillcolor=theme.grid,
        opacity=0.6,
        line={"width": 0, "color": theme.grid},
        **common,
    )
    line = go.Scatter(name="fit", x=along, y=middle, line={"color": theme.accent, "width": 1.6}, **common)
    return [band, line]


def _names(found: Tradeoff, fit: Fit | None, x: Span, y: Span, theme: Theme) -> list[Mapping[str, Any]]:
    """Known networks, and those far off the line, each beside its mark where it covers the least."""

    def at(record: Record) -> tuple[float, float]:
        along, up = x.share(record.values["macs"]), y.share(record.values["latency_ms"])
        return INSIDE[0] * along, INSIDE[1] * (1 - up)

    taken: list[Box] = [(a - 6, b - 6, a + 6, b + 6) for a, b in map(at, found.networks)]
    notes: list[Mapping[str, Any]] = []
    for record in [r for r in found.networks if r.role == "baseline"] + _far(found, fit):
        words = short(network(record))
        left, middle = at(record)
        width = CHARACTER * len(words)
        near = [box for box in taken if abs(box[0] - left) < 3 * width and abs(box[1] - middle) < NEAR]
        (start, base), box = least_covered(beside(left, middle, width), width, near, (0, 0, *INSIDE))
        taken.append(box)
        where = {"x": x.at(record.values["macs"]), "y": y.at(record.values["latency_ms"]), "xanchor": "left"}
        shift = {"xshift": start - left, "yshift": middle + 4 - base}
        known = record.role == "baseline"
        colour = theme.known if known else theme.ink
        more = {} if known else {"name": "spare"}
        notes.append(note(theme, safe(words), **where, **shift, **more, font={"size": 11.5, "color": colour}))
    return notes


def _far(found: Tradeoff, fit: Fit | None) -> list[Record]:
    """The networks furthest off the line, of those that it was fitted to."""
    if fit is None:
        return []
    far = [r for r in found.networks if r.role != "baseline" and trusted(r) and fit.far(r)]
    return sorted(far, key=lambda r: -abs(math.log(fit.off(r))))[:MOST_NAMED]


def _budget(figure: go.Figure, aims: Aims, y: Span, theme: Theme) -> None:
    bound = aims.bound("latency_ms")
    if bound is None or not y.low < bound < y.high:
        return
    common = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": bound, "y1": bound}
    line = {"color": theme.edge, "width": 1.5, "dash": "4px,3px"}
    figure.add_shape(type="line", line=line, **common)
    text = next(budget_text(b) for b in aims.budgets if b.name == "latency_ms" and b.bound == bound)
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": y.at(bound), "yanchor": "bottom"}
    figure.add_annotation(note(theme, safe(text), **place, name="spare", font={"size": 12, "color": theme.known}))


def _summary(found: Tradeoff, fit: Fit | None) -> str:
    parts = [f"Latency of {plural(len(found.networks), 'measured network')} against MACs"]
    if math.isfinite(found.spearman):
        parts.append(f"rank correlation (Spearman) {found.spearman:.2f}")
    text = "; ".join(parts) + "."
    if fit is None:
        text += f" No line is fitted: that takes {FEWEST} trusted networks of different MACs."
    else:
        double = 2**fit.power
        width = fit.factor(math.exp(fit.mean))
        text += f" Twice the MACs go with {significant(double, 3)} times the latency; networks of equal MACs differ by"
        text += f" up to {significant(width, 3)} times either way ({LEVEL:.0%} band)."
        named = [f"{network(r)} ({_off_words(fit.off(r))})" for r in _far(found, fit)]
        text += f" Furthest off: {join(named)}." if named else ""
    if found.untrusted:
        verb = "is" if found.untrusted == 1 else "are"
        text += f" {plural(found.untrusted, 'latency').replace('latencys', 'latencies')} {verb} not to be trusted"
        text += " (hollow) and no part of the fit."
    return text
