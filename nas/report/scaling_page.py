"""What scaling found as one HTML file that opens offline: the verdict in words, then figures and the table."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nas.report.page import assembled, contents
from nas.report.scaling_rows import TRIPLE, finite, method_title
from nas.report.sections import figure_place, long_table, section
from nas.report.words import axis_label, bare, interval, kind_of, label, quantity

esc = html.escape
COLUMNS = ("name", "method", "depth", "width", "resolution", "side", "params", "macs", "latency_ms", "accuracy")
_TEXTS = {"name": "network", "method": "method", "s": "wanted factor of MACs", "side": "side (px)"}
_BOUNDS = {"accuracy": ("low", "high"), "latency_ms": ("latency_low", "latency_high")}
_DECISIONS = ("s", *TRIPLE, "depth", "width", "resolution", "side")
Document = Mapping[str, Any]
Make = Callable[[Document, dict[str, Any]], str]


def scaling_page(document: Document) -> str:
    """The whole page as text.

    `document` holds `title`, `said` (sentences of the verdict), `columns` (keys of the rows that the table shows),
    `rows` (as `nas scale` writes them), `kind` (`grid`, `compare`, `fit` or `apply`), and where there are any `best`
    (a row's name), `tied` (names that cannot be told from it) and `law`.
    """
    data: dict[str, Any] = {}
    sections = scaling_sections(document, data)
    sections |= {"Networks": _networks(document, data)}
    title = str(document.get("title") or "Scaling")
    sentences = "".join(f'<p class="sentence">{esc(str(sentence))}</p>\n' for sentence in document.get("said") or ())
    header = f"""<header>
<p class="name">Scaling report</p>
<h1>{esc(title)}</h1>
{sentences}{contents(list(sections))}
</header>"""
    return assembled(f"{title}: scaling report", header, sections, data)


def scaling_sections(document: Document, data: dict[str, Any]) -> dict[str, str]:
    """The sections with figures, by their names in the contents; their data is added to `data`.

    None for a kind that is unknown here, as one of a later version is.
    """
    makers = _KINDS.get(str(document.get("kind")), {})
    return {name: made for name, make in makers.items() if (made := make(document, data))}


def _grid(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_grid import scaling_grid

    figure = scaling_grid(_rows(document), best=document.get("best"), tied=document.get("tied") or ())
    lead = "Accuracy and MACs of each triple; one that was not trained has a blank cell. Point at a cell for the rest."
    body = _place("grid-figure", figure, data)
    return section("grid", "Accuracy over the grid", lead if figure.data else "", body)


def _triples(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_parallel import scaling_parallel

    figure = scaling_parallel(_rows(document))
    if not figure.data:
        return ""  # the section on the grid says so
    lead = "Drag along an axis to pick networks, with shift to add more; the table below then lists only these."
    body = _place("parallel", figure, data)  # by this name the page's script knows whose lines it draws again
    return section("triples", "What the accurate networks have in common", lead, body)


def _methods(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_curves import scaling_curves

    rows = _rows(document)
    body = _place("macs-figure", scaling_curves(rows, "macs"), data)
    if "macs-figure" in data:
        body += "<h3>Against latency</h3>" + _place("latency-figure", scaling_curves(rows, "latency_ms"), data)
        body += "<h3>Against parameters</h3>" + _place("params-figure", scaling_curves(rows, "params"), data)
    lead = "Bars are the intervals. Point at a mark for its factors and costs."
    return section("methods", "What each way of scaling brings", lead if "macs-figure" in data else "", body)


def _dimensions(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_curves import single_dimensions

    figure = single_dimensions(_rows(document))
    if not figure.data:
        return ""
    return section("dimensions", "One dimension at a time", "", _place("dimensions-figure", figure, data))


def _crossed(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_curves import crossed

    figure = crossed(_rows(document))
    if not figure.data:
        return ""
    title = "Width at other depths and resolutions"
    return section("crossed", title, "", _place("crossed-figure", figure, data))


def _fit(document: Document, data: dict[str, Any]) -> str:
    from nas.report.figures.scaling_fit import scaling_fit

    figure = scaling_fit(_rows(document), document.get("law") or {})
    lead = "Both axes of the upper panel are logarithmic. The lower panel shows what the law leaves over."
    return section("fit", "The fitted law", lead if figure.data else "", _place("fit-figure", figure, data))


def _fit_if_known(document: Document, data: dict[str, Any]) -> str:
    return _fit(document, data) if document.get("law") else ""


# by kind of document, then by the name in the contents, which in small letters is the section's id
_KINDS: Mapping[str, Mapping[str, Make]] = {
    "grid": {"Grid": _grid, "Triples": _triples},
    "compare": {"Methods": _methods, "Dimensions": _dimensions, "Crossed": _crossed},
    "fit": {"Fit": _fit},
    "apply": {"Fit": _fit_if_known},
}


def _rows(document: Document) -> Sequence[Mapping[str, Any]]:
    return document.get("rows") or ()


def _place(key: str, figure: Any, data: dict[str, Any]) -> str:
    return figure_place(key, figure, data, least_width=figure.layout.meta.get("least_width", 0))


def _networks(document: Document, data: dict[str, Any]) -> str:
    lead = "Open a row for its factors, its seeds and the rest of its costs."
    return long_table("networks", "All networks", lead, "No network was made so far.", table_rows(document), data)


def table_rows(document: Document) -> dict[str, Any]:
    """The table of networks as `nas.report.rows` makes those of a study; a row of it opens for what has no column."""
    rows = _rows(document)
    columns = [str(c) for c in document.get("columns") or COLUMNS if any(row.get(c) is not None for row in rows)]
    factors = [name for name in _DECISIONS if any(finite(row.get(name)) is not None for row in rows)]
    pairs = [[(name, f"{row[name]:g}") for name in factors if finite(row.get(name)) is not None] for row in rows]
    labels = list(dict.fromkeys(text for row in pairs for _, text in row))
    close = [document.get("best"), *(document.get("tied") or ())]
    same = [i for i, row in enumerate(rows) if row["name"] in close]
    return {
        "columns": [{"label": _TEXTS.get(name) or axis_label(name), "kind": _kind(name, rows)} for name in columns],
        "rows": [[_cell(name, row) for name in columns] for row in rows],
        "trials": [str(row["name"]) for row in rows],
        "decisions": [[i for name, text in row for i in (factors.index(name), labels.index(text))] for row in pairs],
        "notes": [_notes(row) for row in rows],
        "names": factors,
        "labels": labels,
        "toggles": [{"label": "the best and those not told from it", "rows": same}] if same else [],
        "sort": _sort(str(document["kind"]), columns),
        "noun": "network",
    }


def _kind(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if any(isinstance(row.get(name), str | list) for row in rows):
        return "text"
    if all(isinstance(row.get(name), int | None) for row in rows) and kind_of(name) == "number":
        return "integer"
    return kind_of(name)


def _cell(name: str, row: Mapping[str, Any]) -> Any:
    value = row.get(name)
    if isinstance(value, list):
        return ", ".join(bare("accuracy", item) for item in value if finite(item) is not None)
    if isinstance(value, str):
        return method_title(value) if name == "method" else value
    bounds = [finite(row.get(side)) for side in _BOUNDS.get(name, ())]
    return finite(value) if not bounds or None in bounds else [finite(value), *bounds]


def _notes(row: Mapping[str, Any]) -> list[list[str]]:
    """Label and text of the intervals, of the seeds and of costs."""
    facts = []
    for name, sides in _BOUNDS.items():
        bounds = [value for side in sides if (value := finite(row.get(side))) is not None]
        if len(bounds) == 2:
            facts.append([f"interval of {label(name)}", interval(name, bounds)])
    seeds = [bare("accuracy", value) for value in row.get("accuracies") or () if finite(value) is not None]
    facts += [["accuracy by seed (%)", ", ".join(seeds)]] if seeds else []
    return facts + [[label(n), quantity(n, row[n])] for n in _COSTS if finite(row.get(n)) is not None]


_COSTS = ("params", "macs", "activations")


def _sort(kind: str, columns: Sequence[str]) -> list[Any]:
    """The best first in a grid, else the cheapest."""
    wanted = "accuracy" if kind == "grid" else "macs"
    return [columns.index(wanted), kind != "grid"] if wanted in columns else [0, True]
