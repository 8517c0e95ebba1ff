"""The page's frame: what stands there before any script runs, and the parts that Dash fills."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from dash import dcc, html

from nas.report.browse.figures import Figure
from nas.report.browse.panel import dashed, empty_panel

SCRIPTS = ("table.js", "parallel.js")  # of the static report
OWN_SCRIPTS = (
    "state.js",
    "rows.js",
    "controls.js",
    "overlay.js",
    "front.js",
    "brush.js",
    "networks.js",
    "jobs.js",
    "app.js",
)


def stylesheet() -> str:
    """The report's styles, then the page's own."""
    return _asset("page.css") + _asset("browse.css", own=True)


def script() -> str:
    """All of the page's script in one."""
    return "\n".join([*(_asset(name) for name in SCRIPTS), *(_asset(name, own=True) for name in OWN_SCRIPTS)])


def index_string() -> str:
    """The document that Dash completes; front, table and controls stand in it, so that they need not wait for Dash."""
    return _asset("index.html", own=True)


def parts(figures: Mapping[str, Figure]) -> Any:
    """What Dash fills: the chosen network, and a place a figure that is drawn when it comes into sight."""
    sections = [
        html.Section(
            [
                dcc.Store(id={"kind": "wanted", "figure": name}),
                html.H2(figure.title, id=f"{name}-title"),
                *([html.P(figure.lead, className="lead")] if figure.lead else []),
                html.Div(className="figure-place", id={"kind": "figure", "figure": name}),
            ],
            id=f"section-{name}",
            className="server-figure",
            **dashed(aria_labelledby=f"{name}-title", data_figure_name=name),
        )
        for name, figure in figures.items()
    ]
    panel = html.Section(empty_panel(), id="panel", **dashed(aria_labelledby="panel-title"))
    return html.Div([dcc.Store(id="chosen"), panel, *sections], className="parts")


def _asset(name: str, *, own: bool = False) -> str:
    folder = files("nas.report") / "browse" / "assets" if own else files("nas.report") / "assets"
    return (folder / name).read_text(encoding="utf-8")
