"""The page's table of latencies three times over: predicted, measured in the search, measured again."""

from __future__ import annotations

import html
from collections.abc import Sequence

from nas.report.aims import Aims
from nas.report.latencies import HEADS, LATENCY, Latencies, Reading, compared_latencies
from nas.report.table import place
from nas.report.words import bare, interval, opening
from nas.store.record import Record

TITLE = "Predicted, measured, measured again"
esc = html.escape


def predicted_beside_measured(records: Sequence[Record], aims: Aims) -> str:
    """A heading, and a row for each network that the study ends with; empty without any."""
    rows = compared_latencies(records, aims)
    return f"<h3>{TITLE}</h3>{_table(rows)}" if rows else ""


def _table(rows: Sequence[Latencies]) -> str:
    head = "".join(f'<th scope="col" class="number">{esc(opening(text))}</th>' for text in HEADS)
    body = "".join(
        f'<tr><th scope="row">{esc(place(row.record))}</th>{"".join(map(_cell, row.readings))}</tr>' for row in rows
    )
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="{TITLE}">
<table class="standings"><thead><tr><th scope="col">Network</th>{head}</tr></thead><tbody>{body}</tbody></table>
</div>"""


def _cell(reading: Reading | None) -> str:
    if reading is None:
        return '<td class="number">\N{EN DASH}</td>'
    doubt = "" if reading.trusted else '<span class="interval over">not to be trusted</span>'
    bounds = interval(LATENCY, (reading.low, reading.high))
    return f'<td class="number">{bare(LATENCY, reading.ms)}<span class="interval">{bounds}</span>{doubt}</td>'
