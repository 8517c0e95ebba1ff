"""Latency against MACs as an SVG, both axes logarithmic, with the fit and the band of 10% around it."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nas.report.theme import FONT, LIGHT

WIDTH, HEIGHT = 880.0, 560.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 24.0, 56.0, 54.0
NAMED = 14  # networks that are called by name: those farthest from the fit
BAND = 0.1
COLOURS = {"convolution": LIGHT.accent, "hybrid": LIGHT.edge, "attention": LIGHT.ink}


class Mark(NamedTuple):
    """One network: MACs and latency in milliseconds with its interval."""

    name: str
    kind: str
    macs: float
    ms: float
    low: float
    high: float


def figure(marks: Sequence[Mark], line: tuple[float, float]) -> str:
    """An SVG document; `line` is (a, b) of the fit latency = a * MACs ** b."""
    x = _log_scale([mark.macs for mark in marks], LEFT, WIDTH - RIGHT)
    heights = [bound for mark in marks for bound in (mark.low, mark.high)] + [ms for _, ms in _band(marks, line)]
    y = _log_scale(heights, HEIGHT - BOTTOM, TOP)
    parts = [*_axis(x, [mark.macs for mark in marks], "MACs", across=True)]
    parts += _axis(y, heights, "latency in ms", across=False)
    parts += _fit(marks, line, x, y)
    for mark in marks:
        at, look = x(mark.macs), f'stroke="{COLOURS[mark.kind]}"'
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y(mark.low):.1f}" y2="{y(mark.high):.1f}" {look}/>')
        parts.append(_symbol(mark.kind, at, y(mark.ms), mark.name))
    parts += _names(marks, line, x, y)
    at = LEFT
    for kind in COLOURS:
        parts.append(_symbol(kind, at + 5, 22, kind))
        parts.append(f'<text x="{at + 16:.0f}" y="26">{kind}</text>')
        at += 34 + 7 * len(kind)
    parts.append(f'<text x="{at + 6:.0f}" y="26" fill="{LIGHT.muted}">line and band: best fit on MACs, 10%</text>')
    size = f'width="{WIDTH:g}" height="{HEIGHT:g}"'
    text = f'font-family="{html.escape(FONT)}" font-size="12.5" fill="{LIGHT.ink}"'
    body = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" {size} role="img" {text}>
<title>Latency against MACs of {len(marks)} networks</title>
<rect {size} rx="6" fill="{LIGHT.paper}"/>
{body}
</svg>
"""


def _log_scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = math.log(min(values)) - 0.15, math.log(max(values)) + 0.15
    return lambda value: start + (math.log(value) - low) / (high - low) * (end - start)


def _axis(place: Callable[[float], float], values: Sequence[float], title: str, *, across: bool) -> list[str]:
    parts = []
    for power in range(-3, 15):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if not min(values) / 1.15 <= value <= max(values) * 1.15:
                continue
            at = place(value)
            ends = (at, at, TOP, HEIGHT - BOTTOM) if across else (LEFT, WIDTH - RIGHT, at, at)
            grid = 'x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"'.format(*ends)
            parts.append(f'<line {grid} stroke="{LIGHT.grid}"/>')
            where = (at, HEIGHT - BOTTOM + 18, "middle") if across else (LEFT - 8, at + 4, "end")
            label = f'<text x="{where[0]:.1f}" y="{where[1]:.1f}" text-anchor="{where[2]}" fill="{LIGHT.muted}">'
            parts.append(f"{label}{_short(value)}</text>")
    where = (WIDTH - RIGHT, HEIGHT - 14, "end") if across else (LEFT - 40, TOP - 12, "start")
    parts.append(f'<text x="{where[0]:.0f}" y="{where[1]:.0f}" text-anchor="{where[2]}">{title}</text>')
    return parts


def _short(value: float) -> str:
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"


def _band(marks: Sequence[Mark], line: tuple[float, float]) -> list[tuple[float, float]]:
    """The four corners, in MACs and ms, of the band around the fit over all marks."""
    ends = [min(mark.macs for mark in marks), max(mark.macs for mark in marks)]
    first, last = ((macs, line[0] * macs ** line[1]) for macs in ends)
    above = [(macs, ms * (1 + BAND)) for macs, ms in (first, last)]
    return above + [(macs, ms * (1 - BAND)) for macs, ms in (last, first)]


def _fit(
    marks: Sequence[Mark], line: tuple[float, float], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    corners = _band(marks, line)
    points = " ".join(f"{x(macs):.1f},{y(ms):.1f}" for macs, ms in corners)
    (start, top), (end, other) = [(x(macs), y(ms / (1 + BAND))) for macs, ms in corners[:2]]
    return [
        f'<polygon points="{points}" fill="{LIGHT.grid}"/>',
        f'<line x1="{start:.1f}" y1="{top:.1f}" x2="{end:.1f}" y2="{other:.1f}" stroke="{LIGHT.line}" '
        'stroke-width="1.5"/>',
    ]


def _symbol(kind: str, x: float, y: float, name: str) -> str:
    look = f'fill="{COLOURS[kind]}" stroke="{LIGHT.paper}"'
    title = f"<title>{html.escape(name)}</title>"
    if kind == "attention":
        return f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z" {look}>{title}</path>'
    if kind == "hybrid":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" {look}>{title}</rect>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {look}>{title}</circle>'


def _names(
    marks: Sequence[Mark], line: tuple[float, float], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    """The networks farthest from the fit, each named where no other name stands."""
    far = sorted(marks, key=lambda mark: -abs(math.log(mark.ms / (line[0] * mark.macs ** line[1]))))
    taken: list[tuple[float, float, float]] = []
    parts = []
    for mark in far:
        width = 6.4 * len(mark.name)
        left = x(mark.macs) + 8 if x(mark.macs) + 8 + width < WIDTH - RIGHT else x(mark.macs) - 8 - width
        top = y(mark.ms) + 4
        if any(left < end and start < left + width and abs(top - other) < 12 for start, end, other in taken):
            continue
        taken.append((left, left + width, top))
        parts.append(f'<text x="{left:.1f}" y="{top:.1f}" font-size="11">{html.escape(mark.name)}</text>')
        if len(parts) == NAMED:
            break
    return parts
