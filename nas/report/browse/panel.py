"""The chosen network at the side: what is known of it, how it learned, what it is built of, what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dash import dcc, html

from nas.errors import NasError
from nas.report.aims import Aims, bounds_of
from nas.report.browse.columns import HIDDEN
from nas.report.browse.details import Details, Stages
from nas.report.browse.sources import Source
from nas.report.differing import differences
from nas.report.figures.maps import maps_figure
from nas.report.figures.stages import stages_figure
from nas.report.latencies import latencies_of
from nas.report.maps import with_sources
from nas.report.provenance import provenance
from nas.report.rows import outcome
from nas.report.standing import best_baseline, inside
from nas.report.theme import Theme, axis, layout
from nas.report.words import (
    axis_label,
    interval,
    kind_of,
    label,
    network,
    quantity,
    reference,
    significant,
    worth_showing,
)
from nas.store.files import read_json
from nas.store.record import Record
from nas.store.results import MAPS

BOUNDS = {"latency_low_ms", "latency_high_ms"}  # stand beside the latency
GRAPH: Any = {"displayModeBar": False, "responsive": True}
Component = Any


def dashed(**values: Any) -> dict[str, Any]:
    """Attributes whose names have dashes: `aria_label` as `aria-label`."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def empty_panel() -> list[Component]:
    """What stands there before anything is chosen."""
    return [
        html.H2("No network chosen", id="panel-title", tabIndex="-1"),
        html.P("Click a mark of the front, or press Enter on a row of the table.", className="lead"),
    ]


def network_panel(
    source: Source, record: Record, other: tuple[Source, Record] | None, details: Details, theme: Theme
) -> list[Component]:
    """Everything about one network; `other` is the one it is compared with, by default the best baseline."""
    snapshot = source.snapshot()
    aims, records = snapshot.aims, snapshot.records
    if other is None and (known := best_baseline(records, aims)) is not None and known is not record:
        other = (source, known)
    peer = other[1] if other else None
    stages, why = _stages(source, record, details)
    beside = _stages(*other, details)[0] if other else ()
    return [
        html.H2(network(record), id="panel-title", tabIndex="-1"),
        html.P([html.Code(record.arch_id or "no network"), f" {source.key}, {outcome(record)}"], className="lead"),
        *([html.P(record.reason, className="reason")] if record.reason else []),
        _buttons(details, record),
        _section("Values", _table(_values(record, aims, records))),
        *_compared(source, record, other, (stages, beside), aims),
        *_curve(record, peer, aims, theme),
        *_maps(source, record, theme),
        _section("Stages", *_stage_parts(stages, why, theme)),
        _section("Decisions", _table([(name, str(value)) for name, value in record.decisions.items()]))
        if record.decisions
        else _section("Decisions", html.P("A known network: nothing was decided.", className="lead")),
        _section("Provenance", _table(_provenance(source, record))),
    ]


def _section(title: str, *children: Component) -> Component:
    return html.Details([html.Summary(html.H3(title)), *children], open=True)


def _table(rows: Iterable[tuple[str, str]]) -> Component:
    return html.Table(
        html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(text)]) for name, text in rows]),
        className="facts-table",
    )


def _buttons(details: Details, record: Record) -> Component:
    """The buttons that copy and act; the page's script listens to their data attributes."""
    missing = "" if record.folder else "It was turned away before any training, so its architecture is not kept."
    texts = [
        html.Button(
            text.label, type="button", title=missing or text.about, disabled=bool(missing), **dashed(data_text=name)
        )
        for name, text in details.texts.items()
    ]
    actions = [
        html.Button(
            each.label, type="button", title=missing or each.about, disabled=bool(missing), **dashed(data_action=name)
        )
        for name, each in details.actions.items()
    ]
    compare = html.Button("Compare with ...", type="button", **dashed(data_compare=reference(record)))
    return html.Div([*texts, *actions, compare], className="actions", role="group", **dashed(aria_label="Actions"))


def _values(record: Record, aims: Aims, records: Sequence[Record]) -> list[tuple[str, str]]:
    names = dict.fromkeys([*(o.name for o in aims.objectives), *worth_showing(record.values)])
    names = {name: None for name in names if name not in HIDDEN | BOUNDS}
    rows = [(label(name), _value(record, name, aims)) for name in names if aims.value(record, name) is not None]
    again = latencies_of(record, records)
    titles = ("predicted latency", "latency in the search", "latency measured again")
    known = {title: str(found) for title, found in zip(titles, again.readings, strict=True) if found}
    rows = [row for row in rows if row[0] not in known] + [(title, f"{text} ms") for title, text in known.items()]
    return [*rows, ("in the budget", inside(record, aims))]


def _value(record: Record, name: str, aims: Aims) -> str:
    bounds = bounds_of(record, name)
    text = quantity(name, aims.value(record, name))
    return f"{text} {interval(name, bounds)}" if bounds else text


def _compared(
    source: Source,
    record: Record,
    other: tuple[Source, Record] | None,
    stages: tuple[Stages, Stages],
    aims: Aims,
) -> list[Component]:
    if other is None:
        return []
    where, peer = other
    title = f"Beside {network(peer)}" + (f" of {where.key}" if where is not source else "")
    head = html.Thead(html.Tr([html.Th(text, scope="col") for text in ("", "this", network(peer))]))
    rows = differences(record, peer, stages)
    body = html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(a), html.Td(b)]) for name, a, b in rows])
    if not rows:
        return [_section(title, html.P("They do not differ in anything that is recorded.", className="lead"))]
    return [_section(title, html.Div(html.Table([head, body], className="facts-table"), className="scroll"))]


def _curve(record: Record, peer: Record | None, aims: Aims, theme: Theme) -> list[Component]:
    if not record.curve:
        return [_section("Learning curve", html.P("It was not trained.", className="lead"))]
    name = next((n for n in (aims.first.name, "accuracy", "loss") if n in record.curve[0]), "")
    figure = curve_figure(record, peer if peer is not None and peer.curve else None, name, theme)
    text = figure["layout"]["meta"]["summary"]
    graph = dcc.Graph(figure=figure, config=GRAPH, style={"height": "220px"})
    return [_section("Learning curve", html.Figure([html.Div(graph, role="group", **dashed(aria_label=text))]))]


def curve_figure(record: Record, peer: Record | None, name: str, theme: Theme) -> dict[str, Any]:
    """How one network learned, and beside it another."""
    from nas.report.figures.hover import safe

    traces = []
    for each, colour, dash in ((peer, theme.known, "dash"), (record, theme.accent, "solid")):
        if each is None:
            continue
        points = [(row.get("epoch", i), row.get(name)) for i, row in enumerate(each.curve, 1)]
        known = [(x, y) for x, y in points if isinstance(x, int | float) and isinstance(y, int | float) and y == y]
        words = [f"epoch {x:g}: {safe(quantity(name, y))}" for x, y in known]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": safe(network(each)),
                "x": [x for x, _ in known],
                "y": [y for _, y in known],
                "hovertext": words,
                "hoverinfo": "text",
                "line": {"color": colour, "dash": dash, "width": 2},
                "marker": {"size": 4},
            }
        )
    percent = ".1~%" if kind_of(name) == "share" else None
    last = quantity(name, record.values.get(name))
    return {
        "data": traces,
        "layout": layout(
            theme,
            220,
            f"{label(name)} by epoch over {record.epochs} epochs, at the end {last}.",
            xaxis=axis(theme, "epoch"),
            yaxis=axis(theme, label(name) if percent else axis_label(name), tickformat=percent),
            margin={"l": 56, "r": 8, "t": 26, "b": 40},
            showlegend=len(traces) > 1,
        ),
    }


def _stages(source: Source, record: Record, details: Details) -> tuple[Stages, str]:
    if source.results is None:
        return [], "Its folder could not be read."
    try:
        return details.stages(source.results, record), ""
    except NasError as error:
        return [], str(error)


def _stage_parts(stages: Stages, why: str, theme: Theme) -> list[Component]:
    if not stages:
        return [html.P(why or "Nothing is known of its stages.", className="lead")]
    figure = stages_figure(stages, theme)
    text = figure.layout.meta["summary"]
    width = {"minWidth": f"{figure.layout.meta['least_width']}px"}
    graph = html.Div(dcc.Graph(figure=figure, config=GRAPH), role="group", style=width, **dashed(aria_label=text))
    wide = html.Div(graph, className="wide", tabIndex="0", role="region", **dashed(aria_label="Drawn stages"))
    parts: list[Component] = [html.Figure([wide, html.Figcaption(text)])]
    total = sum(row["macs"] for row in stages) or 1
    timed = any(row.get("ms") is not None for row in stages)
    heads = ("stage", "block", "output", "params", "MACs", "share", *(["latency alone"] if timed else []))
    rows = [
        html.Tr(
            [
                *(html.Td(str(row[key])) for key in ("stage", "block", "output")),
                *(html.Td(quantity(key, row[key]), className="number") for key in ("params", "macs")),
                html.Td(f"{100 * row['macs'] / total:.0f}%", className="number"),
                *([html.Td(quantity("latency_ms", row.get("ms")), className="number")] if timed else []),
            ]
        )
        for row in stages
    ]
    head = html.Thead(html.Tr([html.Th(text, scope="col") for text in heads]))
    table = html.Table([head, html.Tbody(rows)], className="stages-table")
    return [*parts, html.Div(table, className="scroll", tabIndex="0", role="region", **dashed(aria_label="Stages"))]


def _maps(source: Source, record: Record, theme: Theme) -> list[Component]:
    """What the network looks at in images, where that was kept with the trial."""
    if source.results is None or not record.folder:
        return []
    file = source.results.trial_file(record.folder, f"{MAPS}/{MAPS}.json")
    if not file.is_file():
        return []
    figure = maps_figure(with_sources(read_json(file), file.parent), theme)
    text = figure.layout.meta["summary"]
    graph = html.Div(dcc.Graph(figure=figure, config=GRAPH), role="group", **dashed(aria_label=text))
    return [_section("What it looks at", html.Figure([graph, html.Figcaption(text)]))]


def _provenance(source: Source, record: Record) -> list[tuple[str, str]]:
    """Where the network comes from, then where and how well its latency was measured."""
    rows = [("study", source.key), ("folder", f"trials/{record.folder}" if record.folder else "none")]
    snapshot = source.snapshot()
    rows += provenance(record, snapshot.records, snapshot.aims, snapshot.env)
    rows += [(f"over {text}", significant(excess)) for text, excess in record.constraints.items() if excess > 0]
    if latency := record.latency:
        rows.append(("latency trusted", "yes" if latency.get("trusted", True) else "no"))
        rows.append(("flags", ", ".join(map(str, latency.get("flags") or ())) or "none"))
        rows.append(("pairs", str(latency.get("pairs", "\N{EN DASH}"))))
        measured = latency.get("environment")
        rows += [(str(k), _plain(v)) for k, v in measured.items()] if isinstance(measured, Mapping) else []
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
