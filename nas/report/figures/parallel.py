"""Parallel coordinates: what the accurate networks have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.aims import Aims, read_aims
from nas.report.figures.hover import safe
from nas.report.figures.parallel_lines import parallel_lines
from nas.report.parallel import Coordinate, Coordinates, coordinates
from nas.report.theme import LIGHT, Theme
from nas.report.words import join, label, network, plural, reference
from nas.store.record import Record

HEIGHT = 440


def parallel_figure(records: Sequence[Record], study: Mapping[str, Any] | Aims, theme: Theme = LIGHT) -> go.Figure:
    """One line a candidate trained to the end, coloured by the fifth of the first objective that it falls in."""
    aims = read_aims(study)
    found = coordinates(records, aims)

    def card(i: int, axis: Coordinate) -> str:
        record, last = found.networks[i], found.axes[-1]
        here = "" if axis is last else f"<br>{safe(axis.name)}: {safe(axis.words[i])}"
        result = f"{safe(label(last.name))} {safe(last.words[i])}"
        return f"<b>{safe(network(record))}</b>  {safe(record.arch_id[:8])}{here}<br>{result}"

    names = [reference(record) for record in found.networks]
    return parallel_lines(theme, HEIGHT, _summary(found, aims), found.axes, names, card)


def _summary(found: Coordinates, aims: Aims) -> str:
    if not found.networks:
        return "No candidate was trained to the end so far."
    names = [axis.name for axis in found.axes if axis.name in found.networks[0].decisions]
    shown = sum(any(axis.name in r.decisions for r in found.networks) for axis in found.axes)
    drawn = plural(len(found.networks), "network")
    if len(found.networks) < found.trained:
        drawn = f"{len(found.networks):,} of {plural(found.trained, 'network')}, from best to worst"
    which = f"the {shown} of {plural(found.decisions, 'decision')} that account for most of the differences"
    first = f", first of all {join(names[:2])}" if names else ""
    return f"{drawn}; {which} in {label(aims.first.name)}{first}, then costs and results." if shown else f"{drawn}."
