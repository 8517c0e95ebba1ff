"""The earlier studies that a search began with, as a section of the page: what their networks are here, what came."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import Aims
from nas.report.front import front
from nas.report.sections import section
from nas.report.words import join, plural
from nas.store.record import Record

esc = html.escape
HEADS = ("study", "finished", "the same here", "the nearest here", "left out", "with values", "tried first")


def earlier_section(studies: Sequence[Mapping[str, Any]], records: Sequence[Record], aims: Aims) -> str:
    """A sentence on the networks that were tried first, and a table of the studies that they are from.

    `studies` is what `warm_start.json` holds.
    """
    head = "".join(f'<th scope="col"{_kind(index)}>{text}</th>' for index, text in enumerate(HEADS))
    body = "".join(_row(study) for study in studies)
    title = "Begun with earlier studies"
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table class="standings">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    lead = "Where the space has not the same network, the nearest stands for it; with values: a sampler may learn them."
    return section("earlier", title, lead, f"<p>{esc(said(records, aims))}</p>{table}")


def said(records: Sequence[Record], aims: Aims) -> str:
    """How many networks of earlier studies were tried, and what became of them, in a sentence."""
    tried = [r for r in records if r.role == "candidate" and r.origin.get("by") == "warm start"]
    if not tried:
        return "No network of an earlier study was tried first."
    members = front(records, aims)
    here = {r.source if r.role == "finalist" else r.trial for r in members}
    rejected = sum(r.gate is not None for r in tried)
    kept = sum(r.trial in here for r in tried)
    parts = [f"{rejected} rejected by the gates"] if rejected else []
    parts.append(f"{kept} on the front, which has {plural(len(members), 'network')}")
    return f"Of {plural(len(tried), 'network')} of earlier studies tried first: {join(parts)}."


def _row(study: Mapping[str, Any]) -> str:
    reasons = join(f"{count} {reason}" for reason, count in study["left_out"].items())
    numbers = (study["finished"], study["exact"], study["near"], reasons or "0", study["with_values"])
    cells = [*numbers, len(study["tried_first"])]
    return (
        f'<tr><th scope="row">{esc(str(study["study"]))}</th>'
        + "".join(f'<td class="number">{esc(str(cell))}</td>' for cell in cells)
        + "</tr>"
    )


def _kind(index: int) -> str:
    return ' class="number"' if index else ""
