"""The report as one HTML file that opens offline: words first, then figures, tables, environment and the study."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.compared import comparison
from nas.report.rows import is_trained, latency_rows, network_rows
from nas.report.standing import verdict
from nas.report.theme import LIGHT, swaps
from nas.report.words import budgets_text, duration, join, label, opening, plural
from nas.store.record import Record

esc = html.escape


def page(records: Sequence[Record], study: Mapping[str, Any] | Aims, env: Mapping[str, Any]) -> str:
    """The whole page as text. It fetches nothing, and its content policy forbids to fetch or run anything else."""
    aims = read_aims(study)
    data: dict[str, Any] = {"swaps": swaps()}
    sections = {name: made for name, make in _SECTIONS.items() if (made := make(records, aims, data))}
    sections |= {"Environment": _environment(env), "Study": _study(aims)}
    plotly = _plotly() if any(f'data-figure="{key}"' in made for key in data for made in sections.values()) else ""
    own = _asset("table.js") + _asset("page.js")
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(plotly)} {_hash(own)}"
    )
    blocks = "\n".join(
        f'<script type="application/json" id="{key}">{embedded(value)}</script>' for key, value in data.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(aims.name)}: search report</title>
<link rel="icon" href="data:,">
<style>{_asset("page.css")}</style>
</head>
<body>
<a class="skip" href="#front">Skip to the front</a>
<div class="page">
{_header(records, aims, list(sections))}
<main>
{"".join(sections.values())}
</main>
</div>
{blocks}
<script>{plotly}</script>
<script>{own}</script>
</body>
</html>
"""


def embedded(value: Any) -> str:
    """JSON that may stand inside a script element whatever its texts say."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return (files("nas.report") / "assets" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text.replace("</script", "<\\/script")


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _header(records: Sequence[Record], aims: Aims, sections: Sequence[str]) -> str:
    found = verdict(records, aims)
    items = "".join(f'<li><a href="#{name.lower()}">{name}</a></li>' for name in sections)
    budget = f", {esc(budgets_text(aims))}" if aims.budgets else ""
    return f"""<header>
<p class="name">Search report: <strong>{esc(aims.name)}</strong>{budget}</p>
<h1>{esc(found.headline)}</h1>
<p class="sentence">{esc(found.sentence)}</p>
<p class="facts">{esc(_facts(records, aims)) if records else ""}</p>
<nav aria-label="Sections"><ul>{items}</ul></nav>
</header>"""


def _facts(records: Sequence[Record], aims: Aims) -> str:
    candidates = [r for r in records if r.role == "candidate"]
    rejected = sum(r.gate is not None or r.state == "duplicate" for r in candidates)
    trained = sum(is_trained(r) for r in candidates)
    parts = [f"{plural(len(candidates), 'candidate')}: {rejected:,} rejected before any training, {trained:,} trained"]
    baselines = sum(r.role == "baseline" for r in records)
    finalists = sum(r.role == "finalist" for r in records)
    known = [plural(n, word) for n, word in ((finalists, "finalist retrained"), (baselines, "baseline")) if n]
    parts += [join(known).replace("finalist retraineds", "finalists retrained")] if known else []
    running = sum(r.state == "running" for r in records)
    parts += [f"{plural(running, 'trial')} still running"] if running else []
    starts = [r.started for r in records if r.started is not None]
    ends = [r.finished for r in records if r.finished is not None]
    parts += [f"{duration(max(ends) - min(starts))} from first to last"] if starts and ends else []
    objectives = join(o.text.replace(o.name, label(o.name)) for o in aims.objectives)
    return f"{opening(objectives)}. {'; '.join(parts)}."


def _figure(key: str, figure: Any, data: dict[str, Any], *, axes: int = 0) -> str:
    """A figure's place, its words for those who cannot see it, and its data on the side."""
    summary = esc(figure.layout.meta["summary"])
    if not figure.data:
        return f'<p class="empty">{summary}</p>'
    data[key] = figure.to_json(validate=False)
    width = f";min-width:{92 * axes}px" if axes else ""
    region = ' tabindex="0" role="region" aria-label="Scrolls sideways"' if axes else ""
    style = f"min-height:{figure.layout.height}px{width}"
    return f"""<figure><div class="wide"{region}>
<div class="plot" data-figure="{key}" role="img" aria-label="{summary}" style="{style}"></div>
</div><figcaption>{summary}</figcaption></figure>"""


def _section(key: str, title: str, lead: str, body: str) -> str:
    words = f'<p class="lead">{lead}</p>' if lead else ""
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>{words}{body}</section>\n'
    )


def _front(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.front import front_figure

    lead = "Point at a mark for its architecture. A hollow mark has a latency that is not to be trusted."
    figure = front_figure(records, aims, LIGHT)
    body = _figure("front-figure", figure, data)
    return _section(
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
        return _section("search", "How the search went", "", '<p class="empty">No candidate was asked for so far.</p>')
    left = _figure("gates", gates_figure(records, LIGHT), data)
    right = _figure("progress", progress_figure(records, aims, LIGHT), data)
    pair = f"""<div class="pair">
<div><p class="lead">What each gate let through and, hatched, what it rejected.</p>{left}</div>
<div><p class="lead">What was found by when.</p>{right}</div>
</div>"""
    return _section("search", "How the search went", "", pair)


def _curves(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.curves import curves_figure

    return _section(
        "curves", "Learning curves", "", _figure("curves-figure", curves_figure(records, aims, LIGHT), data)
    )


def _decisions(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    from nas.report.figures.parallel import parallel_figure

    figure = parallel_figure(records, aims, LIGHT)
    lead = "Drag along an axis to pick networks, with shift to add more; the table below then lists only these."
    axes = len(figure.layout.shapes) if figure.data else 0
    title = "What the good networks have in common"
    return _section("decisions", title, lead if axes else "", _figure("parallel", figure, data, axes=axes))


def _networks(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    rows = network_rows(records, aims)
    lead = "Open a row for every decision of that network."
    return _table("networks", "All trained networks", lead, "No network was trained so far.", rows, data)


def _latency(records: Sequence[Record], aims: Aims, data: dict[str, Any]) -> str:
    rows = latency_rows(records)
    lead = (
        "The median with its interval, then the slower tail. A measurement that did not converge or was disturbed "
        "is not to be trusted; its flags say why."
    )
    return _table("latency", "Latency measurements", lead, "No latency was measured.", rows, data)


def _table(key: str, title: str, lead: str, empty: str, rows: dict[str, Any], data: dict[str, Any]) -> str:
    if not rows["rows"]:
        return _section(key, title, "", f'<p class="empty">{empty}</p>')
    data[f"{key}-rows"] = rows
    body = (
        f'<div data-table="{key}-rows" data-caption="{title}"><noscript>This table needs JavaScript.</noscript></div>'
    )
    return _section(key, title, lead, body)


def _environment(env: Mapping[str, Any]) -> str:
    if not env:
        return _section("environment", "Environment", "", '<p class="empty">No environment was recorded.</p>')
    rows = "".join(f'<tr><th scope="row">{esc(str(k))}</th><td>{esc(_words(v))}</td></tr>' for k, v in env.items())
    return _section("environment", "Environment", "", f'<table class="environment"><tbody>{rows}</tbody></table>')


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return "yes" if value is True else "no" if value is False else "\N{EN DASH}" if value is None else str(value)


def _study(aims: Aims) -> str:
    from nas.space.text import write

    text = write(plain(aims.study)) if aims.study else ""
    body = (
        f'<pre tabindex="0"><code>{esc(text)}</code></pre>' if text else '<p class="empty">No study was recorded.</p>'
    )
    return _section("study", "The study", "As it was run, everything spelled out." if text else "", body)


def plain(value: Any) -> Any:
    """Mappings as dicts, sequences as lists, anything unknown as its text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


# by the name in the contents, which in small letters is the section's id
_SECTIONS: Mapping[str, Callable[[Sequence[Record], Aims, dict[str, Any]], str]] = {
    "Front": _front,
    "Comparison": _compared,
    "Search": _search,
    "Curves": _curves,
    "Decisions": _decisions,
    "Networks": _networks,
    "Latency": _latency,
}
