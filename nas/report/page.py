"""The report as one HTML file that opens offline: words first, then figures, tables, environment and the study."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.best_network import Drawn, best_section
from nas.report.earlier import earlier_section
from nas.report.finalized import finalized_section
from nas.report.maps import maps_section
from nas.report.provenance import within_budgets
from nas.report.rows import is_trained
from nas.report.sections import SECTIONS, environment_section, study_section
from nas.report.standing import verdict
from nas.report.theme import swaps
from nas.report.words import budgets_text, duration, join, label, opening, plural
from nas.store.record import Record

esc = html.escape


def page(
    records: Sequence[Record],
    study: Mapping[str, Any] | Aims,
    env: Mapping[str, Any],
    networks: Mapping[str, Drawn] | None = None,
    scaling: Sequence[Mapping[str, Any]] = (),
    finalized: Mapping[str, Any] | None = None,
    maps: Sequence[Mapping[str, Any]] = (),
    earlier: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The whole page as text; `networks` has the blocks of those that it draws (`drawn_networks`), by reference.

    `finalized` is the document that `nas finalize` leaves, `maps` those of `nas explain`, `scaling` those that `nas
    scale` left beside the study, whose figures are shown too. A grid's triples
    are what its networks decided, so they stand in the place of decisions. `earlier` are the studies that the search
    began with.
    """
    from nas.report.scaling_page import scaling_sections

    aims = read_aims(study)
    data: dict[str, Any] = {}
    scaled = {name: made for document in scaling for name, made in scaling_sections(document, data).items()}
    made = {
        name: make(records, aims, data)
        for name, make in SECTIONS.items()
        if not (name == "Decisions" and "Triples" in scaled)
    }
    best = {
        "Best": best_section(records, aims, env, networks or {}, data, searched=bool((finalized or {}).get("best")))
    }
    first = {name: made.pop(name) for name in ("Front", "Comparison")}
    first |= {"Finalized": finalized_section(finalized)} if finalized is not None else {}
    made |= {"Earlier": earlier_section(earlier, records, aims)} if earlier else {}
    last = {"Maps": maps_section(maps, data)} if maps else {}
    sections = {name: text for name, text in {**first, **scaled, **best, **made, **last}.items() if text}
    sections |= {"Environment": environment_section(env), "Study": study_section(aims)}
    return assembled(f"{aims.name}: search report", _header(records, aims, list(sections), env), sections, data)


def assembled(title: str, header: str, sections: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """A page from its header and its sections, by their names in the contents, with the data of figures and tables.

    It fetches nothing, and its content policy forbids to fetch or run anything else.
    """
    data = {"swaps": swaps(), **data}
    first = next(iter(sections)).lower()
    plotly = _plotly() if any(f'data-figure="{key}"' in made for key in data for made in sections.values()) else ""
    own = _asset("table.js") + _asset("parallel.js") + _asset("page.js")
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
<title>{esc(title)}</title>
<link rel="icon" href="data:,">
<style>{_asset("page.css")}</style>
</head>
<body>
<a class="skip" href="#{first}">Skip to the {first}</a>
<div class="page">
{header}
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


def _header(records: Sequence[Record], aims: Aims, sections: Sequence[str], env: Mapping[str, Any]) -> str:
    found = verdict(records, aims)
    budget = f", {esc(budgets_text(aims))}" if aims.budgets else ""
    return f"""<header>
<p class="name">Search report: <strong>{esc(aims.name)}</strong>{budget}</p>
<h1>{esc(found.headline)}</h1>
<p class="sentence">{"<br>".join(map(esc, (found.sentence, *found.met)))}</p>
<p class="facts">{esc(_facts(records, aims, env)) if records else ""}</p>
{contents(sections)}
</header>"""


def contents(sections: Sequence[str]) -> str:
    """The names of the sections with links to them."""
    items = "".join(f'<li><a href="#{name.lower()}">{name}</a></li>' for name in sections)
    return f'<nav aria-label="Sections"><ul>{items}</ul></nav>'


def _facts(records: Sequence[Record], aims: Aims, env: Mapping[str, Any]) -> str:
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
    parts += [words] if (words := within_budgets(env)) else []
    return f"{opening(objectives)}. {'; '.join(parts)}."
