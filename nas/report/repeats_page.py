"""Compared studies as one HTML file that opens offline: the outcome in words, figures, numbers, what differs."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from nas.report.page import assembled, contents
from nas.report.repeats import NUMBERS, Compared, Group
from nas.report.sections import figure_place, section
from nas.report.words import duration, join, label, opening, quantity, significant

esc = html.escape
_WHOLE = {"trials_to_target", "trained", "proposed", "front_size"}


def repeats_page(found: Compared) -> str:
    """The whole page as text."""
    from nas.report.figures.repeats import repeats_figure

    data: dict[str, Any] = {}
    lead = "A line is the mean of the repeats, the shade lies between their extremes."
    figures = figure_place("trials-figure", repeats_figure(found, "trials"), data)
    figures += "<h3>Over time</h3>" + figure_place("time-figure", repeats_figure(found, "time"), data)
    sections = {
        "Hypervolume": section("hypervolume", "How the hypervolume grew", lead, figures),
        "Numbers": section("numbers", "The studies in numbers", _reading(found), _numbers(found)),
        "Differences": section("differences", "What differs", "", _differences(found)),
        "Studies": section("studies", "Every study", "", _studies(found)),
    }
    title = f"{join(group.label for group in found.groups)} compared"
    sentences = "".join(f'<p class="sentence">{esc(sentence)}</p>\n' for sentence in found.said)
    header = f"""<header>
<p class="name">Comparison of studies</p>
<h1>{esc(title)}</h1>
{sentences}{contents(list(sections))}
</header>"""
    return assembled(title, header, sections, data)


def cell(found: Compared, group: Group, name: str) -> str:
    """A number of a group with its interval, in words: `0.6212 [0.6190, 0.6234]`."""
    number = group.over(name)
    if number is None:
        return "\N{EN DASH}"
    text = _words(found, name, number.mean)
    some = f" ({number.count} of {len(group.runs)})" if number.count < len(group.runs) else ""
    if number.low is None or number.high is None or number.low == number.high:
        return text + some
    return f"{text} [{_words(found, name, number.low)}, {_words(found, name, number.high)}]{some}"


def _words(found: Compared, name: str, value: float | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    if "seconds" in name:
        return duration(value)
    if name == "fallback":
        return f"{value:.1%}"
    if name == "best":
        return quantity(found.aims.first.name, value)
    if name in _WHOLE:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    return significant(value, 4)


def _reading(found: Compared) -> str:
    return esc(
        f"Means over repeats with 95% intervals. Best is {label(found.aims.first.name)}; the target is the lowest mean "
        f"hypervolume, {significant(found.target, 4)}."
    )


def _numbers(found: Compared) -> str:
    heads = ["", "Repeats", *map(opening, NUMBERS.values())]
    rows = [[g.label, str(len(g.runs)), *(cell(found, g, name) for name in NUMBERS)] for g in found.groups]
    return _table("The studies in numbers", heads, rows)


def _differences(found: Compared) -> str:
    if not found.differences:
        return '<p class="empty">They differ in nothing but seeds.</p>'
    heads = ["", *(group.label for group in found.groups)]
    rows = [[k, *("" if v is None else str(v) for v in values.values())] for k, values in found.differences.items()]
    return _table("What differs", heads, rows)


def _studies(found: Compared) -> str:
    heads = ["", "Study", "Seed", *map(opening, NUMBERS.values())]
    rows = [
        [row["folder"], group.label, str(row["seed"]), *(_words(found, name, row[name]) for name in NUMBERS)]
        for group in found.groups
        for row in group.rows
    ]
    return _table("Every study", heads, rows)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{esc(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{esc(first)}</th>{"".join(f"<td>{esc(text)}</td>" for text in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table class="standings">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
