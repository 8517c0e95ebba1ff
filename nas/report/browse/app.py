"""The application: pages and data for reading, and the two requests that change something, behind the guard."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import dash
import flask
import pandas  # noqa: F401 - plotly takes it as it finds it, and must not find it while another thread imports it
from dash import MATCH, Input, Output, dcc
from dash import html as tags
from plotly.offline import get_plotlyjs

from nas.errors import NasError
from nas.report.browse.columns import columns_document
from nas.report.browse.details import Details
from nas.report.browse.figures import FIGURES
from nas.report.browse.guard import COOKIE, TOKEN_HEADER, Guard, headers
from nas.report.browse.jobs import Jobs
from nas.report.browse.layout import index_string, parts, script, stylesheet
from nas.report.browse.panel import dashed, empty_panel, network_panel
from nas.report.browse.sources import Source, Sources
from nas.report.page import embedded
from nas.report.theme import DARK, LIGHT, Theme
from nas.report.words import network
from nas.store.record import Record

GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage"], ["zoom2d", "pan2d"], ["resetScale2d"]],
}
STAMP_HEADER = "Nas-Stamp"  # of the files that the columns are from, as `/state` tells it
OPEN_TO_ALL = ("/login", "/own/browse.css")  # of what a password guards


def make_app(sources: Sources, details: Details, jobs: Jobs, guard: Guard) -> flask.Flask:
    """The web application of one run of `nas browse`, ready to be served."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = flask.Flask("nas.browse", static_folder=None)
    server.config["MAX_CONTENT_LENGTH"] = 1 << 20
    app = dash.Dash(
        "nas.browse",
        server=server,  # type: ignore[arg-type]
        assets_ignore=".*",
        index_string=index_string(),
        title="nas browse",
        update_title="",
        compress=False,
        suppress_callback_exceptions=True,
    )
    app.layout = parts(FIGURES)
    _add_callbacks(app, sources, details)
    _add_reading(server, sources, details, jobs, guard)
    _add_changing(server, sources, details, jobs, guard)
    _add_guard(server, guard, headers(app.csp_hashes()))
    return server


def _add_guard(server: flask.Flask, guard: Guard, sent: Mapping[str, str]) -> None:
    def check() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        if not guard.host_allowed(request.host):
            return _refused(421, f"ask for http://127.0.0.1:{guard.port}/: this is not the name of this server")
        if request.method not in ("GET", "HEAD"):
            origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
            if not guard.origin_allowed(origin, site, request.host):
                return _refused(403, "the request comes from another page")
        if not guard.session_allowed(request.cookies.get(COOKIE)) and request.path not in OPEN_TO_ALL:
            if request.method == "GET" and request.path == "/":
                return flask.redirect("/login")
            return _refused(401, "a password is needed: open the page and give it")
        if request.url_rule is not None and request.url_rule.rule == "/<path:path>":  # Dash gives its page for any path
            return _refused(404, "there is nothing here")
        return None

    def complete(answer: flask.Response) -> flask.Response:
        answer.headers.update(sent)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    server.before_request_funcs.setdefault(None, []).insert(0, check)
    server.after_request(complete)


def _add_reading(server: flask.Flask, sources: Sources, details: Details, jobs: Jobs, guard: Guard) -> None:
    own = {
        "browse.js": (script(), "text/javascript"),
        "browse.css": (stylesheet(), "text/css"),
        "plotly.js": (get_plotlyjs(), "text/javascript"),
    }
    kept: dict[tuple[str, str], bytes] = {}

    def own_file(name: str) -> flask.typing.ResponseReturnValue:
        if name not in own:
            flask.abort(404)
        text, kind = own[name]
        answer = flask.Response(text, mimetype=kind, headers={"Cache-Control": "no-cache"})
        answer.add_etag()
        return answer.make_conditional(flask.request)

    def state() -> flask.Response:
        studies = [{"key": s.key, "title": s.key, "stamp": s.stamp()} for s in sources.all()]
        return flask.jsonify({"studies": studies, "jobs": jobs.list()})

    def columns(key: str) -> flask.Response:
        source = _source(sources, key)
        stamp, snapshot = source.stamp(), source.snapshot()
        version = snapshot.version
        if (key, version) not in kept:
            for old in [old for old in kept if old[0] == key]:
                del kept[old]
            figures = [name for name, figure in FIGURES.items() if figure.applies(snapshot)]
            document = columns_document(key, snapshot) | {"figures": figures}
            kept[key, version] = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        return flask.Response(kept[key, version], mimetype="application/json", headers={STAMP_HEADER: stamp})

    def parallel(key: str) -> flask.Response:
        from nas.report.figures.parallel import parallel_figure

        snapshot = _source(sources, key).snapshot()
        figure = parallel_figure(snapshot.records, snapshot.aims, _theme(flask.request.args.get("theme")))
        return flask.Response(figure.to_json(validate=False), mimetype="application/json")

    def text(name: str) -> flask.Response:
        if name not in details.texts:
            flask.abort(404)
        source, record = _asked(sources, flask.request.args)
        try:
            assert source.results is not None
            return flask.Response(details.texts[name].make(source.results, record), mimetype="text/plain")
        except NasError as error:
            return _refused(409, str(error))

    def login() -> str:
        return _login_page("")

    def token() -> flask.Response:
        return flask.jsonify({"token": guard.token})

    _route(server, "/own/<name>", own_file)
    _route(server, "/state", state)
    _route(server, "/columns/<key>", columns)
    _route(server, "/parallel/<key>", parallel)
    _route(server, "/text/<name>", text)
    _route(server, "/login", login)
    _route(server, "/token", token)


def _add_changing(server: flask.Flask, sources: Sources, details: Details, jobs: Jobs, guard: Guard) -> None:
    """Logging in, and what the token guards: starting a job and cancelling one."""

    def enter() -> flask.typing.ResponseReturnValue:
        session = guard.enter(flask.request.form.get("password", ""))
        if session is None:
            return _login_page("That is not the password."), 403
        answer = flask.redirect("/", 303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="Strict")
        return answer

    def start() -> flask.Response:
        _check_token(guard)
        asked = flask.request.get_json(silent=True)
        asked = asked if isinstance(asked, dict) else {}
        action = details.actions.get(str(asked.get("action")))
        if action is None:
            return _refused(404, "there is no such action")
        source, record = _asked(sources, asked)
        try:
            command = action.command(source.folder, str(asked["trial"]))
        except NasError as error:
            return _refused(409, str(error))
        job = jobs.add(f"{action.label}: {source.key}, {network(record)}", command, source.folder.parent)
        return flask.jsonify(job.to_json())

    def cancel(number: int) -> flask.Response:
        _check_token(guard)
        return flask.jsonify({"cancelled": jobs.cancel(number)})

    _route(server, "/login", enter, "POST")
    _route(server, "/jobs", start, "POST")
    _route(server, "/jobs/<int:number>/cancel", cancel, "POST")


def _add_callbacks(app: dash.Dash, sources: Sources, details: Details) -> None:
    def panel(chosen: Any) -> list[Any]:
        found = _chosen(sources, chosen)
        if found is None:
            return empty_panel()
        other = _chosen(sources, chosen.get("other"))
        try:
            return network_panel(*found, other, details, _theme(chosen.get("theme")))
        except Exception as error:  # records of any origin: the page goes on
            why = f"This network could not be shown: {type(error).__name__}: {error}"
            return [tags.H2(network(found[1]), id="panel-title", tabIndex="-1"), tags.P(why, className="empty")]

    def figure(wanted: Any) -> list[Any]:
        source = sources.get(str(wanted.get("study"))) if isinstance(wanted, dict) else None
        drawn = FIGURES.get(str(wanted.get("figure"))) if source else None
        try:
            made = drawn.make(source.snapshot(), _theme(wanted.get("theme"))) if source and drawn else None
        except Exception as error:  # records of any origin: the other figures are drawn all the same
            return [tags.P(f"This figure could not be drawn: {type(error).__name__}: {error}", className="empty")]
        if source is None or made is None:
            return [tags.Span(className="nothing")]
        summary = made.layout.meta["summary"]
        if not made.data:
            return [tags.P(summary, className="empty")]
        made.update_layout(uirevision=source.key)
        graph = dcc.Graph(figure=made, config=GRAPH, style={"minHeight": f"{made.layout.height}px"})
        least = made.layout.meta.get("least_width")
        wide: dict[str, Any] = {"style": {"minWidth": f"{least}px"}} if least else {}
        inner = tags.Div(graph, role="group", **dashed(aria_label=summary), **wide)
        scrolled = dashed(tabIndex="0", role="region", aria_label="Scrolls sideways") if least else {}
        return [tags.Figure([tags.Div(inner, className="wide", **scrolled), tags.Figcaption(summary)])]

    app.callback(Output("panel", "children"), Input("chosen", "data"), prevent_initial_call=True)(panel)
    match = {"figure": MATCH}
    app.callback(
        Output({"kind": "figure"} | match, "children"),
        Input({"kind": "wanted"} | match, "data"),
        prevent_initial_call=True,
    )(figure)


def _chosen(sources: Sources, chosen: Any) -> tuple[Source, Record] | None:
    if not isinstance(chosen, dict):
        return None
    source = sources.get(str(chosen.get("study")))
    record = source.record(str(chosen.get("trial"))) if source else None
    return (source, record) if source and record else None


def _asked(sources: Sources, asked: Mapping[str, Any]) -> tuple[Source, Record]:
    found = _chosen(sources, dict(asked))
    if found is None:
        flask.abort(_refused(404, "there is no such study or trial"))
    return found


def _source(sources: Sources, key: str) -> Source:
    source = sources.get(key)
    if source is None:
        flask.abort(_refused(404, "there is no such study"))
    return source


def _check_token(guard: Guard) -> None:
    if not guard.token_allowed(flask.request.headers.get(TOKEN_HEADER)):
        flask.abort(_refused(403, "the token of this page is missing or of an earlier run: load the page again"))


def _refused(code: int, why: str) -> flask.Response:
    return flask.Response(embedded({"error": why}), code, mimetype="application/json")


def _theme(name: Any) -> Theme:
    return DARK if name == "dark" else LIGHT


def _route(server: flask.Flask, rule: str, view: Callable[..., Any], method: str = "GET") -> None:
    server.add_url_rule(rule, f"{method} {rule}", view, methods=[method])


def _login_page(message: str) -> str:
    said = f'<p role="alert">{html.escape(message)}</p>' if message else ""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>nas browse: password</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/own/browse.css"></head>
<body><main class="page"><h1>nas browse</h1>{said}
<form method="post" action="/login"><label>Password <input type="password" name="password" autofocus
autocomplete="current-password"></label> <button class="plain" type="submit">Open</button></form>
</main></body></html>
"""
