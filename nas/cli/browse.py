"""The command that opens results as a local page."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from nas.cli.console import JsonOption, err, out
from nas.cli.stopping import stoppable


def browse(
    results: Annotated[
        list[str] | None,
        typer.Argument(help="Results of studies, or folders of such; without any, ./results.", metavar="RESULTS..."),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = None,
    host: Annotated[str, typer.Option(help="Address to serve on; another than this machine needs a password.")] = (
        "127.0.0.1"
    ),
    password: Annotated[
        str | None,
        typer.Option(
            help="Asked of everyone who opens the page; asked for here where it is '-'.", envvar="NAS_BROWSE_PASSWORD"
        ),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look through the front of one study or several in a browser, live while a search runs; Ctrl-C ends it."""
    from importlib.util import find_spec

    from nas.errors import NasError

    if find_spec("dash") is None:
        raise NasError("nas browse needs Dash, which is not installed: pip install 'nas[browse]'")
    from nas.report.browse.guard import is_loopback
    from nas.report.browse.jobs import Jobs
    from nas.report.browse.serve import Running, serve
    from nas.report.browse.sources import find_sources
    from nas.study.browse import PROGRAM, browse_details

    sources = find_sources(results or [])
    if password == "-" or (password is None and not is_loopback(host) and sys.stdin.isatty()):
        password = typer.prompt("Password of the page", hide_input=True, confirmation_prompt=True, err=True)

    def ready(running: Running) -> None:
        if running.taken is not None:
            err.print(f"port {running.taken} is in use; taking {running.port}", highlight=False)
        if as_json:
            print_line(
                {
                    "url": running.url,
                    "port": running.port,
                    "token": running.token,
                    "studies": [s.key for s in sources.all()],
                }
            )
        else:
            out.print(f"browse {running.url}", highlight=False, soft_wrap=True)
            err.print("Ctrl-C ends it")
        if not no_open and not as_json and _has_display():
            import webbrowser

            webbrowser.open(running.url)

    try:
        with stoppable():
            serve(sources, browse_details(), Jobs(PROGRAM), host=host, port=port, password=password or "", ready=ready)
    except KeyboardInterrupt:
        pass  # before it was served; while it is, the server takes it as its end
    err.print("stopped")


def print_line(document: dict[str, Any]) -> None:
    """One JSON document on a line, at once, since the command goes on."""
    import json

    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
