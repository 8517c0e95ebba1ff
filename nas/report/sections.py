"""The sections of the page: a title, a line on how to read it, a figure or a table, or why there is none."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nas.report.aims import Aims
from nas.report.compared import comparison
from nas.report.fallback import fallback
from nas.report.informed import informed
from nas.report.predictions import predicted_beside_measured
from nas.report.rows import latency_rows, network_rows
from nas.report.theme import LIGHT
from nas.report.words import opening
from nas.store.record import Record

esc = html.escape


def figure_place(key: str, figure: Any, data: dict[str, Any], *, least_width: int = 0) -> str:
    """A figure's place, its words for those who cannot see it, and its data on the side; `least_width` in pixels."""
    summary = esc(figure.layout.meta["summary"])
    if not figure.data:
        return f'<p class="empty">{summary}</p>'
    data[key] = figure.to_json(validate=False)
    width = f";min-width:{least_width}px" if least_width else ""
    region = ' tabindex="0" role="region" aria-label="Scrolls sideways"' if least_width else ""
    style = f"min-height:{figure.layout.height}px{width}"
    return f"""<figure><div class="wide"{region}>
<div class="plot" data-figure="{key}" role="group" aria-label="{summary}" style="{style}"></div>
</div><figcaption>{summary}</figcaption></figure>"""


def section(key: str, title: str, lead: str, body: str) -> str:
    """One section of the page; `lead` is the line under its title, empty where there is none."""
    words = f'<p class="lead">{lead}</p>' if lead else ""
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>{words}{body}</section>\n'
    )


def _front(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.front import front_figure

    lead = "Point at a mark for its architecture. A hollow mark has a latency that is not to be trusted."
    figure = front_figure(records, aims, LIGHT)
    body = figure_place("front-figure", figure, data)
    return section(
        "front",
        "What accuracy costs" if aims.first.name == "accuracy" else "The front",
        lead if figure.data else "",
        body,
    )


def _compared(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    return comparison(records, aims)


def _search(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.gates import gates_figure
    from nas.report.figures.progress import progress_figure

    if not any(r.role == "candidate" for r in records):
        return section("search", "How the search went", "", '<p class="empty">No candidate was asked for so far.</p>')
    left = figure_place("gates", gates_figure(records, LIGHT), data)
    right = figure_place("progress", progress_figure(records, aims, LIGHT), data)
    pair = f"""<div class="pair">
<div><p class="lead">What each gate let through and, hatched, what it rejected.</p>{left}</div>
<div><p class="lead">What was found by when.</p>{right}</div>
</div>"""
    drawn = fallback(records)
    return section("search", "How the search went", esc(f"{opening(drawn.words)}.") if drawn else "", pair)


def _curves(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.curves import curves_figure

    return section(
        "curves", "Learning curves", "", figure_place("curves-figure", curves_figure(records, aims, LIGHT), data)
    )


def _decisions(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.parallel import parallel_figure

    figure = parallel_figure(records, aims, LIGHT)
    lead = "Drag along an axis to pick networks, with shift to add more; the table below then lists only these."
    axes = len(figure.layout.shapes) if figure.data else 0
    title = "What the good networks have in common"
    body = figure_place("parallel", figure, data, least_width=92 * axes)
    if axes:
        body += _importance(records, aims, data)
    return section("decisions", title, lead if axes else "", body)


def _importance(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.importance import importance_figure

    lead = "How much of the differences each decision accounts for; what chance explains as well is hatched."
    figure = importance_figure(records, aims, LIGHT)
    words = f'<p class="lead">{lead}</p>' if figure.data else ""
    return f"<h3>Which decisions matter</h3>{words}{figure_place('importance', figure, data)}"


def _tradeoff(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.tradeoff import tradeoff_figure
    from nas.report.tradeoff import tradeoff

    figure = tradeoff_figure(records, aims, LIGHT)
    if not figure.data:
        return ""  # the section on latencies says so
    lead = "Both axes are logarithmic."
    if tradeoff(records).fit is not None:
        lead += " The lower panel shows how much slower or faster than the line a network is."
    return section("macs", "Latency against MACs", lead, figure_place("tradeoff", figure, data))


def _proxies(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.proxies import proxies_figure
    from nas.report.proxies import ranking_table, rankings

    found = rankings(records, aims)
    figure = proxies_figure(records, aims, found, LIGHT)
    if not figure.data:
        return ""
    lead = (
        "From left to right the networks as each number places them, the lowest first. Below: Spearman's rank "
        "correlation with its 95% interval."
    )
    if told := informed(records):
        lead += esc(f" {opening(told.words)}.")
    body = figure_place("proxies-figure", figure, data, least_width=130 * len(figure.data) // len(aims.objectives))
    return section("proxies", "What untrained networks tell", lead, body + ranking_table(found, aims))


def _networks(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    rows = network_rows(records, aims)
    lead = "Open a row for every decision of that network."
    return long_table("networks", "All trained networks", lead, "No network was trained so far.", rows, data)


def _latency(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    rows = latency_rows(records)
    lead = (
        "The median with its interval, then the slower tail. A measurement that did not converge or was disturbed "
        "is not to be trusted; its flags say why."
    )
    made = long_table("latency", "Latency measurements", lead, "No latency was measured.", rows, data)
    return made.replace("</section>", _predicted(records, aims, data) + "</section>")


def _predicted(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.predicted import predicted_figure

    table = predicted_beside_measured(records, aims)
    if not any(record.predicted for record in records):
        return table
    figure = figure_place("predicted", predicted_figure(records, aims, LIGHT), data)
    return f"<h3>Predicted against measured</h3>{figure}{table}"


def long_table(key: str, title: str, lead: str, empty: str, rows: dict[str, Any], data: dict[str, Any]) -> str:
    """A section with a table that sorts and filters, or the words of `empty`; `rows` as in `nas.report.rows`."""
    if not rows["rows"]:
        return section(key, title, "", f'<p class="empty">{empty}</p>')
    data[f"{key}-rows"] = rows
    body = (
        f'<div data-table="{key}-rows" data-caption="{title}"><noscript>This table needs JavaScript.</noscript></div>'
    )
    return section(key, title, lead, body)


def environment_section(env: Mapping[str, Any]) -> str:
    """Host, device and versions as they were recorded."""
    if not env:
        return section("environment", "Environment", "", '<p class="empty">No environment was recorded.</p>')
    rows = "".join(f'<tr><th scope="row">{esc(str(k))}</th><td>{esc(_words(v))}</td></tr>' for k, v in env.items())
    return section("environment", "Environment", "", f'<table class="environment"><tbody>{rows}</tbody></table>')


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return "yes" if value is True else "no" if value is False else "\N{EN DASH}" if value is None else str(value)


def study_section(aims: Aims) -> str:
    """The resolved study as YAML."""
    from nas.space.text import write

    text = write(plain(aims.study)) if aims.study else ""
    body = (
        f'<pre tabindex="0"><code>{esc(text)}</code></pre>' if text else '<p class="empty">No study was recorded.</p>'
    )
    return section("study", "The study", "As it was run, everything spelled out." if text else "", body)


def plain(value: Any) -> Any:
    """Mappings as dicts, sequences as lists, anything unknown as its text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


# by the name in the contents, which in small letters is the section's id
SECTIONS: Mapping[str, Callable[[Sequence[Record], Aims, dict[str, Any]], str]] = {
    "Front": _front,
    "Comparison": _compared,
    "Search": _search,
    "Curves": _curves,
    "Decisions": _decisions,
    "Networks": _networks,
    "MACs": _tradeoff,
    "Proxies": _proxies,
    "Latency": _latency,
}
