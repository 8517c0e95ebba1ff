"""The program `nas`: its commands, its exit codes, and how errors reach a person."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from nas import __version__
from nas.cli import (
    browse,
    calibrate,
    compare,
    explain,
    export,
    finalize,
    networks,
    proxies,
    scale,
    spaces,
    studies,
    zoo,
)
from nas.cli.console import err
from nas.errors import NasError

app = typer.Typer(
    name="nas",
    help="Find, measure and scale neural networks that are accurate and fast enough.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 bad input, 3 done but nothing met the budget (of an export: but a format is "
    "missing), 130 interrupted (resumable).",
)

app.command("search")(studies.search)
app.command("status")(studies.status)
app.command("show")(studies.show)
app.command("report")(studies.report)
app.command("compare")(compare.compare)
app.command("browse")(browse.browse)
app.command("finalize")(finalize.finalize)
app.command("space")(spaces.space)
app.command("sample")(spaces.sample)
app.command("schema")(spaces.schema)
app.command("profile")(networks.profile)
app.command("proxies")(proxies.proxies)
app.command("measure")(networks.measure)
app.command("export")(export.export)
app.command("predict")(export.predict)
app.command("explain")(explain.explain)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(scale.app, name="scale")
app.add_typer(zoo.app, name="zoo")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nas {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the command `nas`: errors a user can mend are printed without a traceback."""
    try:
        app()
    except NasError as error:
        err.print(f"[bold red]error:[/] {_plain(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
