"""What `nas finalize` came to, as a section of the page and as the cells of a table."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import read_aims
from nas.report.sections import section
from nas.report.words import axis_label, bare, kind_of, label, opening, plural

esc = html.escape
LATENCY = "latency_ms"
DASH = "\N{EN DASH}"


def finalized_section(document: Mapping[str, Any]) -> str:
    """Sentences, then a table of the networks in the search and now; `document` is what `finalized.json` holds."""
    heads, rows = finalized_cells(document)
    head = "".join(f'<th scope="col"{_kind(i)}>{esc(opening(text))}</th>' for i, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + f'<th scope="row">{esc(row[0])}</th>'
        + "".join(f'<td class="number">{esc(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    said = "".join(f"<p>{esc(opening(sentence))}.</p>" for sentence in document["said"])
    lead = f"Trained again for {plural(document['epochs'], 'epoch')}{_teacher(document)}; measured in fresh processes. "
    lead += "Behind \N{PLUS-MINUS SIGN} is half of a 95% interval."
    title = "Does the ranking hold?"
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table class="standings">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return section("finalized", title, esc(lead), said + table)


def finalized_cells(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of text: each network in the search and now, the networks best first, then the known ones.

    Behind `±` is half of the 95% interval; `in the search` stands before what was found again.
    """
    name = read_aims({"objectives": [document["objective"]]}).first.name
    heads = [
        "network",
        f"{label(name)} in the search",
        axis_label(name),
        "each seed",
        "latency in the search",
        axis_label(LATENCY),
        "in budget",
    ]
    return heads, [_cells(row, name) for row in (*document["networks"], *document["baselines"])]


def _cells(row: Mapping[str, Any], name: str) -> list[str]:
    search = row["search"]
    early = f" ({plural(search['epochs'], 'epoch')})" if search["state"] != "complete" else ""
    over = ", ".join(label(text.partition(" ")[0]) for text in row["over"])
    return [
        row["name"].removeprefix("zoo/"),
        _number(name, search["value"], search["interval"]) + early,
        _number(name, row["value"], row.get("interval")),
        " ".join(bare(name, value) for value in row["runs"].values()) if row["value"] is not None else DASH,
        _number(LATENCY, search[LATENCY], search["latency_interval"]),
        _number(LATENCY, row[LATENCY], row.get("latency_interval")) + ("" if row.get("trusted", True) else " ?"),
        DASH if row["value"] is None else "yes" if row["in_budget"] else f"no: {over}",
    ]


def _number(name: str, value: float | None, bounds: Sequence[float] | None) -> str:
    if value is None:
        return DASH
    text = bare(name, value)
    decimals = len(text.partition(".")[2])
    scale = 100 if kind_of(name) == "share" else 1
    half = f" ±{scale * (bounds[1] - bounds[0]) / 2:.{decimals}f}" if bounds else ""
    return text + half


def _teacher(document: Mapping[str, Any]) -> str:
    distill = document.get("distill")
    if not distill:
        return ""
    return f" with a teacher (temperature {distill['temperature']:g}, weight {distill['weight']:g})"


def _kind(index: int) -> str:
    return ' class="number"' if index else ""
