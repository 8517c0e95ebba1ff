"""The front as a small picture without a browser, laid out by hand: for a README or a slide."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.front import best
from nas.report.labelling import Box, beside, least_covered
from nas.report.marks import Axis, Kind, Mark, Picture, picture
from nas.report.table import trusted
from nas.report.theme import FONT, LIGHT, Theme
from nas.report.ticks import ticks
from nas.report.words import amount, axis_label, bare, budget_text, interval, label, network, opening, quantity, short
from nas.store.record import Record

WIDTH, HEIGHT = 880.0, 480.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 20.0, 74.0, 54.0
CHARACTER = 6.6
CROWDED = 300
LEGEND: tuple[tuple[Kind, str], ...] = (
    ("dominated", "trained, dominated"),
    ("outside", "outside the budget"),
    ("front", "front"),
    ("finalist", "finalist, retrained"),
    ("baseline", "known network"),
)
Place = Callable[[float], float]


def front_svg(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> str:
    """An SVG document of the front with budget, known networks, finalists and intervals, on a paper of its own."""
    aims = read_aims(study)
    shown = picture(records, aims)
    if shown is None:
        words = "No network was trained so far."
        return _document(
            [f'<text x="{WIDTH / 2:g}" y="{HEIGHT / 2:g}" text-anchor="middle">{words}</text>'], words, theme
        )
    x, y = _scale(shown.x, LEFT, WIDTH - RIGHT), _scale(shown.y, HEIGHT - BOTTOM, TOP)
    marks = [m for m in shown.marks if m.kind in dict(LEGEND)]
    order = [kind for kind, _ in LEGEND]
    parts = [*_budgets(shown, aims, x, y, theme), *_axes(shown, x, y, theme), *_line(shown.line, x, y, theme)]
    crowded = len(marks) > CROWDED
    for mark in sorted(marks, key=lambda m: order.index(m.kind)):
        parts += _mark(mark, x, y, theme, crowded=crowded)
    leader = best(records, aims)
    parts += _labels(shown, marks, leader, x, y, theme)
    parts += _legend([kind for kind, _ in LEGEND if any(m.kind == kind for m in marks)], theme)
    return _document(parts, _words(shown, leader), theme)


def _document(parts: Sequence[str], words: str, theme: Theme) -> str:
    body = "\n".join(parts)
    size = f'width="{WIDTH:g}" height="{HEIGHT:g}"'
    text = f'font-family="{html.escape(FONT)}" font-size="12.5" fill="{theme.ink}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" {size} role="img" {text}>
<title>{html.escape(words)}</title>
<rect {size} rx="6" fill="{theme.paper}"/>
{body}
</svg>
"""


def _words(shown: Picture, leader: Record | None) -> str:
    text = f"{opening(label(shown.y.name))} against {label(shown.x.name)} of the trained networks"
    if leader is None:
        return text
    numbers = [
        f"{write(name, leader.values.get(name))} {interval(name, leader.interval.get(name))}".strip()
        for write, name in ((quantity, shown.y.name), (amount, shown.x.name))
    ]
    return f"{text}; best within the budget: {' at '.join(numbers)}"


def _scale(axis: Axis, start: float, end: float) -> Place:
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)

    def place(value: float) -> float:
        inner = math.log(value) if axis.log else value
        return start + (end - start) * (inner - low) / (high - low)

    return place


def _axes(shown: Picture, x: Place, y: Place, theme: Theme) -> list[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    muted = f'fill="{theme.muted}"'
    parts = []
    for value in ticks(shown.y.low, shown.y.high, 7, log=shown.y.log):
        at = f"{y(value):.1f}"
        parts.append(f'<line x1="{left}" x2="{right}" y1="{at}" y2="{at}" stroke="{theme.grid}"/>')
        parts.append(
            f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end" {muted}>{_tick(shown.y, value)}</text>'
        )
    for value in ticks(shown.x.low, shown.x.high, 9, log=shown.x.log):
        at = f"{x(value):.1f}"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{bottom}" y2="{bottom + 5}" stroke="{theme.line}"/>')
        parts.append(f'<text x="{at}" y="{bottom + 19}" text-anchor="middle" {muted}>{_tick(shown.x, value)}</text>')
    parts.append(f'<line x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="{theme.line}"/>')
    parts.append(
        f'<text x="{right}" y="{bottom + 40}" text-anchor="end">{html.escape(axis_label(shown.x.name))}</text>'
    )
    parts.append(f'<text x="{left}" y="{top - 14}">{html.escape(axis_label(shown.y.name))}</text>')
    return parts


def _tick(axis: Axis, value: float) -> str:
    text = bare(axis.name, value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _budgets(shown: Picture, aims: Aims, x: Place, y: Place, theme: Theme) -> list[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    dash = f'stroke="{theme.edge}" stroke-width="1.5" stroke-dasharray="4 3"'
    parts = []
    for axis in (shown.x, shown.y):
        if axis.bound is None:
            continue
        text = html.escape(next(budget_text(b) for b in aims.budgets if b.name == axis.name and b.bound == axis.bound))
        if axis is shown.x:
            at = x(axis.bound)
            start, end = (at, right) if axis.upper else (left, at)
            box, ends, place = (start, top, end - start, bottom - top), (at, at, top, bottom), (at + 6, top + 14)
        else:
            at = y(axis.bound)
            start, end = (top, at) if axis.upper else (at, bottom)
            box, ends, place = (left, start, right - left, end - start), (left, right, at, at), (left + 6, at - 5)
        fill = 'x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"'.format(*box)
        line = 'x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"'.format(*ends)
        parts.append(f'<rect {fill} fill="{theme.shade}"/><line {line} {dash}/>')
        anchor = ""
        if place[0] > 0.75 * WIDTH:  # near the right edge the words stand before the line
            place, anchor = (place[0] - 12, place[1]), ' text-anchor="end"'
        parts.append(f'<text x="{place[0]:.1f}" y="{place[1]:.1f}"{anchor} fill="{theme.known}">{text}</text>')
    return parts


def _line(line: Sequence[Mark], x: Place, y: Place, theme: Theme) -> list[str]:
    if not line:
        return []
    path = f"M{x(line[0].x):.1f} {y(line[0].y):.1f}" + "".join(f"H{x(m.x):.1f}V{y(m.y):.1f}" for m in line[1:])
    return [f'<path d="{path}H{WIDTH - RIGHT}" fill="none" stroke="{theme.accent}" stroke-width="1.5" opacity="0.55"/>']


def _mark(mark: Mark, x: Place, y: Place, theme: Theme, *, crowded: bool) -> list[str]:
    at_x, at_y = x(mark.x), y(mark.y)
    colour = _colour(mark.kind, theme)
    if crowded and mark.kind == "dominated":
        return [f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="2" fill="{colour}" opacity="0.55"/>']
    parts = []
    if mark.kind in ("front", "finalist", "baseline"):
        whisker = f'stroke="{colour}" stroke-width="1"'
        if mark.x_bounds:
            low, high = (f"{x(b):.1f}" for b in mark.x_bounds)
            parts.append(f'<line x1="{low}" x2="{high}" y1="{at_y:.1f}" y2="{at_y:.1f}" {whisker}/>')
        if mark.y_bounds:
            low, high = (f"{y(b):.1f}" for b in mark.y_bounds)
            parts.append(f'<line x1="{at_x:.1f}" x2="{at_x:.1f}" y1="{low}" y2="{high}" {whisker}/>')
    return [*parts, _symbol(mark.kind, at_x, at_y, colour, theme, hollow=not trusted(mark.record))]


def _colour(kind: Kind, theme: Theme) -> str:
    roles = {"front": theme.accent, "finalist": theme.final, "baseline": theme.known, "outside": theme.line}
    return roles.get(kind, theme.faint)


def _symbol(kind: Kind, x: float, y: float, colour: str, theme: Theme, *, hollow: bool = False) -> str:
    inside, edge = (theme.paper, colour) if hollow else (colour, theme.paper)
    look = f'fill="{inside}" stroke="{edge}" stroke-width="{1.3 if hollow else 1}"'
    if kind == "outside":
        return f'<path d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6" stroke="{colour}" stroke-width="1.4"/>'
    if kind == "baseline":
        return f'<path d="M{x:.1f} {y - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z" {look}/>'
    if kind == "finalist":
        turns = [(math.radians(36 * i - 90), 8.5 if i % 2 == 0 else 3.8) for i in range(10)]
        points = " ".join(f"{x + r * math.cos(t):.1f},{y + r * math.sin(t):.1f}" for t, r in turns)
        return f'<polygon points="{points}" {look}/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5.5 if kind == "front" else 3.5}" {look}/>'


def _labels(
    shown: Picture, marks: Sequence[Mark], leader: Record | None, x: Place, y: Place, theme: Theme
) -> list[str]:
    """Names of known networks and of the best one, each where it covers the least."""
    solid = {kind for kind, _ in LEGEND if kind != "dominated" or len(marks) <= CROWDED}
    taken: list[Box] = [(x(m.x) - 6, y(m.y) - 6, x(m.x) + 6, y(m.y) + 6) for m in marks if m.kind in solid]
    for m in marks:
        if m.y_bounds and m.kind in ("front", "finalist", "baseline"):
            taken.append((x(m.x) - 1, y(m.y_bounds[1]), x(m.x) + 1, y(m.y_bounds[0])))
    if shown.x.bound is not None:
        taken.append((x(shown.x.bound) - 1, TOP, x(shown.x.bound) + 1, HEIGHT - BOTTOM))
    parts = []
    for mark in sorted(marks, key=lambda m: m.record is not leader):
        if mark.record is leader:
            text = f"best: {quantity(shown.y.name, mark.y)} at {amount(shown.x.name, mark.x)}"
            colour, weight = theme.ink, 650
        elif mark.kind == "baseline":
            text, colour, weight = short(network(mark.record)), theme.known, 400
        else:
            continue
        width = CHARACTER * len(text)
        frame = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)
        (at_x, at_y), box = least_covered(beside(x(mark.x), y(mark.y), width), width, taken, frame)
        taken.append(box)
        halo = f'stroke="{theme.paper}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
        look = f'fill="{colour}" font-weight="{weight}" {halo}'
        parts.append(f'<text x="{at_x:.1f}" y="{at_y:.1f}" {look}>{html.escape(text)}</text>')
    return parts


def _legend(kinds: Sequence[Kind], theme: Theme) -> list[str]:
    parts, at = [], float(LEFT + 6)
    for kind in kinds:
        parts.append(_symbol(kind, at, 20, _colour(kind, theme), theme))
        text = dict(LEGEND)[kind]
        parts.append(f'<text x="{at + 12:.1f}" y="24.5">{text}</text>')
        at += 12 + CHARACTER * len(text) + 26
    return parts
