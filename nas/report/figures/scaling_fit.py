"""A fitted law of scaling: error against size with the curve and its band, and what the curve leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import Span, error_bars, nothing, scaled_card, span, spanned_axis
from nas.report.scaling_rows import Scaled, finite, scaled_networks
from nas.report.theme import LIGHT, Theme, axis, layout, note
from nas.report.words import amount, difference, interval, label, plural, quantity

HEIGHT = 580
SPLIT = (0.42, 0.26)  # lower end of the upper panel, upper end of the lower one
DODGE = 0.01  # part of the x axis by which prediction and outcome stand on either side of their size
SHARE = "accuracy"  # an error is written as an accuracy is, in percent


@dataclass(frozen=True)
class Point:
    """A trained network that the law was fitted to; `residual` is its error minus the fitted one."""

    size: float
    error: float
    residual: float | None
    network: Scaled | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the error."""
        found = self.network.bounds.get(SHARE) if self.network else None
        return (1 - found[1], 1 - found[0]) if found else None


def scaling_fit(rows: Sequence[Mapping[str, Any]], law: Mapping[str, Any], theme: Theme = LIGHT) -> go.Figure:
    """Points, fitted curve and band on log axes; below them the residuals about a line at zero.

    Errors, also those in the optional `law["predicted"]`, are one minus accuracy. A point has the interval and the
    hover text of the row of its size.
    """
    of = str(law.get("of", "macs"))
    points = _points(rows, law, of)
    if not points:
        return nothing(theme, "No law was fitted, so there is no curve to show.")
    curve, foretold = _curve(law), law.get("predicted") or {}
    sizes = [*(p.size for p in points), *(size for size, *_ in curve), *_positive(foretold, "size")]
    errors = [*(p.error for p in points), *(middle for _, middle, *_ in curve)]
    errors += [end for p in points for end in p.bounds or () if end > 0]  # a log axis has no zero
    errors += _positive(foretold, "predicted", "low", "high", "trained", "trained_low", "trained_high")
    x, y = span(sizes, log=True), span(errors, log=True)
    figure = go.Figure(
        layout=layout(
            theme,
            HEIGHT,
            _summary(points, law, foretold, of),
            xaxis=spanned_axis(theme, of, x, anchor="y2"),
            yaxis=spanned_axis(theme, SHARE, y, title="error (%)", domain=[SPLIT[0], 1]),
            yaxis2=axis(theme, "points", domain=[0, SPLIT[1]], range=_around_zero(points), nticks=5),
            annotations=[_title(theme, "error minus fitted error", SPLIT[1])],
            shapes=[_zero_line(theme)],
            showlegend=True,
        )
    )
    for trace in (*_fitted(curve, y, theme), _measured(points, theme), _residuals(points, theme)):
        figure.add_trace(trace)
    for trace in _pair(foretold, x, of, theme):
        figure.add_trace(trace)
    return figure


def _points(rows: Sequence[Mapping[str, Any]], law: Mapping[str, Any], of: str) -> list[Point]:
    """Those that a log axis can show, each with the row of its size whose accuracy is the nearest."""
    networks = scaled_networks(rows, of, SHARE)
    residuals = [finite(r) for r in law.get("residuals") or ()]
    found = []
    for i, (size, error) in enumerate(zip(law.get("sizes") or (), law.get("errors") or (), strict=False)):
        if (finite(size) or 0) > 0 and (finite(error) or 0) > 0:
            same = [n for n in networks if n.values[of] == size]
            network = min(same, key=lambda n: abs(1 - n.values[SHARE] - error), default=None)
            found.append(Point(size, error, residuals[i] if i < len(residuals) else None, network))
    return found


def _curve(law: Mapping[str, Any]) -> list[tuple[float, float, float | None, float | None]]:
    """Size, middle, low and high of the fitted curve, from small to large."""
    curve = law.get("curve") or {}
    middles = zip(curve.get("sizes") or (), curve.get("middle") or (), strict=False)
    lows, highs = ([finite(v) for v in curve.get(side) or ()] for side in ("low", "high"))
    found = [
        (size, middle, lows[i] if i < len(lows) else None, highs[i] if i < len(highs) else None)
        for i, (size, middle) in enumerate(middles)
        if (finite(size) or 0) > 0 and (finite(middle) or 0) > 0
    ]
    return sorted(found, key=lambda point: point[0])


def _positive(values: Mapping[str, Any], *names: str) -> list[float]:
    """Those of the values that a log axis can show."""
    return [value for name in names if (value := finite(values.get(name))) is not None and value > 0]


def _around_zero(points: Sequence[Point]) -> list[float]:
    """Ends of the lower panel in points, as far above zero as below it."""
    reach = 125 * max((abs(p.residual) for p in points if p.residual is not None), default=0.0) or 1.0
    return [-reach, reach]


def _title(theme: Theme, text: str, top: float) -> Mapping[str, Any]:
    where = {"x": 0, "xref": "paper", "y": top, "yref": "paper", "xanchor": "left", "yanchor": "bottom", "yshift": 5}
    return note(theme, text, **where)


def _zero_line(theme: Theme) -> dict[str, Any]:
    line = {"color": theme.line, "width": 1.2}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": 0, "y1": 0, "line": line}


def _fitted(
    curve: Sequence[tuple[float, float, float | None, float | None]], y: Span, theme: Theme
) -> list[go.Scatter]:
    """The band where it is known, and the curve on top of it."""
    if not curve:
        return []
    band = [(size, low, high) for size, _, low, high in curve if low is not None and high is not None]
    traces = []
    if len(band) > 1:
        floor = y.low / 10  # a log axis has no zero
        lows, highs = [max(low, floor) for _, low, _ in band], [max(high, floor) for *_, high in band]
        sizes = [size for size, *_ in band]
        traces.append(
            go.Scatter(
                name="band of the law",
                x=[*sizes, *reversed(sizes)],
                y=[*highs, *reversed(lows)],
                mode="lines",
                fill="toself",
                fillcolor=theme.grid,
                line={"color": theme.grid, "width": 0},
                hoverinfo="skip",
            )
        )
    middle = {"x": [point[0] for point in curve], "y": [point[1] for point in curve]}
    line = {"color": theme.accent, "width": 2}
    return [*traces, go.Scatter(name="fitted law", mode="lines", line=line, hoverinfo="skip", **middle)]


def _measured(points: Sequence[Point], theme: Theme) -> go.Scatter:
    errors = [p.error for p in points]
    bars = error_bars(errors, [p.bounds for p in points], theme.ink)
    return go.Scatter(name="trained", x=[p.size for p in points], y=errors, error_y=bars, **_dots(points, theme))


def _residuals(points: Sequence[Point], theme: Theme) -> go.Scatter:
    known = [p for p in points if p.residual is not None]
    heights = [100 * p.residual for p in known if p.residual is not None]
    return go.Scatter(x=[p.size for p in known], y=heights, yaxis="y2", showlegend=False, **_dots(known, theme))


def _dots(points: Sequence[Point], theme: Theme) -> dict[str, Any]:
    marker = {"symbol": "circle", "size": 9, "color": theme.ink, "line": {"color": theme.paper, "width": 0.8}}
    cards = []
    for p in points:
        lines = [scaled_card(p.network)] if p.network else []
        lines.append(f"error {quantity(SHARE, p.error)}")
        lines += [f"{difference(SHARE, p.residual)} from the law"] if p.residual is not None else []
        cards.append("<br>".join(lines))
    return {"mode": "markers", "marker": marker, "hovertext": cards, "hoverinfo": "text", "cliponaxis": False}


def _pair(foretold: Mapping[str, Any], x: Span, of: str, theme: Theme) -> list[go.Scatter]:
    """What was predicted, hollow, and what came out, filled, side by side about their size."""
    size = next(iter(_positive(foretold, "size")), None)
    if size is None:
        return []
    step = (x.high / x.low) ** DODGE
    name = f"<b>{safe(str(foretold.get('name', '')))}</b><br>{safe(amount(of, size))}"
    looks = [
        ("predicted", ("low", "high"), size / step, "diamond-open", "predicted before training"),
        ("trained", ("trained_low", "trained_high"), size * step, "diamond", "the same network, trained"),
    ]
    traces = []
    for key, sides, place, symbol, title in looks:
        for value in _positive(foretold, key):
            ends = [end for side in sides if (end := finite(foretold.get(side))) is not None]
            bounds = (ends[0], ends[1]) if len(ends) == 2 else None
            bars = error_bars([value], [bounds], theme.known)
            words = f"{name}<br>{key}: error {quantity(SHARE, value)} {interval(SHARE, bounds)}".rstrip()
            marker = {"symbol": symbol, "size": 11, "color": theme.known, "line": {"color": theme.known, "width": 1.6}}
            traces.append(
                go.Scatter(
                    name=title,
                    x=[place],
                    y=[value],
                    mode="markers",
                    marker=marker,
                    error_y=bars and bars | {"thickness": 1.4, "width": 3},
                    hovertext=[words],
                    hoverinfo="text",
                    cliponaxis=False,
                )
            )
    return traces


def _summary(points: Sequence[Point], law: Mapping[str, Any], foretold: Mapping[str, Any], of: str) -> str:
    said = str(law.get("said") or "").strip()
    parts = [f"{said.rstrip('.')}." if said else ""]
    left = [abs(p.residual) for p in points if p.residual is not None]
    most = f"; the law misses them by at most {100 * max(left):.2f} points" if left else ""
    parts.append(f"Error against {label(of)} of {plural(len(points), 'network')}{most}.")
    without = sum(error == 0 for error in law.get("errors") or ())
    parts.append(f"{plural(without, 'network')} without any error cannot be drawn on a log axis." if without else "")
    predicted, trained = (next(iter(_positive(foretold, key)), None) for key in ("predicted", "trained"))
    if predicted is not None:
        name = str(foretold.get("name") or "a larger network")
        came = f", {quantity(SHARE, trained)} when it was trained" if trained is not None else ", not trained so far"
        parts.append(f"For {name} the law predicted an error of {quantity(SHARE, predicted)}{came}.")
    return " ".join(part for part in parts if part)
