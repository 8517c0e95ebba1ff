"""The best networks beside the known ones, as a table of the page, with intervals drawn on a common scale."""

from __future__ import annotations

import html
from collections.abc import Sequence

from nas.report.aims import Aims, bounds_of
from nas.report.standing import Standing, best_baseline, standings, unlisted
from nas.report.table import columns, gap, trusted, unequal_epochs
from nas.report.words import axis_label, bare, interval, network, opening, quantity
from nas.store.record import Record

WIDTH = 132.0
HEIGHT = 13.0
TITLE = "The best networks beside the known ones"
esc = html.escape


def comparison(records: Sequence[Record], aims: Aims) -> str:
    """A section, empty where there is neither a best network nor a baseline."""
    rows = standings(records, aims)
    if not rows:
        return ""
    names = columns(records, aims)
    known = best_baseline(records, aims)
    scales = {name: _scale(name, rows, aims) for name in names}
    heads = [("Network", ""), *((opening(axis_label(name)), "number") for name in names)]
    epochs = unequal_epochs(rows)
    heads += [("Epochs", "number")] if epochs else []
    heads += [("In budget", "inside")]
    heads += [(f"Against {network(known)}" if known else "", "number")]
    head = "".join(f'<th scope="col" class="{kind}">{esc(text)}</th>' for text, kind in heads)
    body = "".join(
        _row(row, i == 0 or rows[i - 1].kind != row.kind == "baseline", names, scales, aims, epochs)
        for i, row in enumerate(rows)
    )
    return f"""<section id="comparison" aria-labelledby="comparison-title">
<h2 id="comparison-title">{TITLE}</h2>
<p class="lead">Bars are the intervals, on one scale a column; a dashed line is the budget.{esc(_equal(epochs))}\
{_others(unlisted(records, aims, rows))}</p>
<div class="scroll" tabindex="0" role="region" aria-label="{TITLE}">
<table class="standings"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
</div></section>
"""


def _equal(unequal: bool) -> str:
    return " Networks are compared with a baseline that was trained for as many epochs only." if unequal else ""


def _others(more: int) -> str:
    return f" {more} more on the front: see the table of all networks below." if more else ""


def _row(
    row: Standing,
    first: bool,
    names: Sequence[str],
    scales: dict[str, tuple[float, float] | None],
    aims: Aims,
    epochs: bool,
) -> str:
    tag = {"front": "on the front"}.get(row.kind, row.kind)
    cells = "".join(_cell(row.record, name, scales[name], aims) for name in names)
    cells += f'<td class="number">{row.record.epochs}</td>' if epochs else ""
    inside = esc(row.inside) if row.inside == "yes" else f'<span class="over">{esc(row.inside)}</span>'
    head = f'<th scope="row">{esc(network(row.record))}<span class="tag">{tag}</span></th>'
    return (
        f'<tr class="{row.kind}{" first" if first else ""}">{head}{cells}'
        f'<td class="inside">{inside}</td><td class="number">{esc(gap(row, aims))}</td></tr>'
    )


def _cell(record: Record, name: str, scale: tuple[float, float] | None, aims: Aims) -> str:
    value, bounds = aims.value(record, name), bounds_of(record, name)
    if value is None:
        return f'<td class="number">{quantity(name, None)}</td>'
    doubt = "" if name != "latency_ms" or trusted(record) else '<span class="interval over">not to be trusted</span>'
    drawn = _whisker(value, bounds, scale, aims.bound(name)) if scale and bounds else ""
    words = f'<span class="interval">{interval(name, bounds)}</span>' if bounds else ""
    return f'<td class="number">{bare(name, value)}{words}{drawn}{doubt}</td>'


def _scale(name: str, rows: Sequence[Standing], aims: Aims) -> tuple[float, float] | None:
    """The ends of a column's common scale; None where nothing in it has an interval."""
    pairs = [found for row in rows if (found := bounds_of(row.record, name)) and name in row.record.values]
    if not pairs:
        return None
    ends = [end for pair in pairs for end in pair]
    bound = aims.bound(name)
    ends += [bound] if bound is not None else []
    low, high = min(ends), max(ends)
    return (low, high) if high > low else None


def _whisker(value: float, bounds: tuple[float, float], scale: tuple[float, float], bound: float | None) -> str:
    def at(number: float) -> str:
        return f"{WIDTH * (min(max(number, scale[0]), scale[1]) - scale[0]) / (scale[1] - scale[0]):.1f}"

    middle = HEIGHT / 2
    limit = f'<line class="bound" x1="{at(bound)}" x2="{at(bound)}" y1="0" y2="{HEIGHT}"/>' if bound is not None else ""
    return (
        f'<svg class="whisker" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" aria-hidden="true">'
        f'<line class="rail" x1="0" x2="{WIDTH}" y1="{middle}" y2="{middle}"/>{limit}'
        f'<line class="range" x1="{at(bounds[0])}" x2="{at(bounds[1])}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="dot" cx="{at(value)}" cy="{middle}" r="3"/></svg>'
    )
