"""Commands about the zoo: its networks, and a search space around one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from nas.cli.console import JsonOption, err, macs_words, out, print_json, si, write_to

app = typer.Typer(help="List the known networks that ship, or widen one to a search space.")


@app.callback(invoke_without_command=True)
def zoo(
    context: typer.Context,
    family: Annotated[str | None, typer.Option(help="Only the networks of this family.")] = None,
    notes: Annotated[bool, typer.Option("--notes", help="Show what is to be noted instead of the papers.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the known networks that ship, or widen one to a search space."""
    if context.invoked_subcommand is not None:
        return
    from nas.study.zoo import zoo_rows

    rows = zoo_rows(family)
    if as_json:
        print_json(rows)
        return
    table = Table(title=f"{len(rows)} networks", title_justify="left", expand=True)
    table.add_column("network", no_wrap=True)
    table.add_column("family", no_wrap=True)
    for column in ("params", "MACs", "pixels", "top-1"):
        table.add_column(column, justify="right", no_wrap=True)
    last = "note" if notes else "paper"
    table.add_column(last, overflow="fold" if notes else "ellipsis", no_wrap=not notes, ratio=1)
    for row in rows:
        top1 = "" if row["top1"] is None else f"{row['top1']:.1f}"
        numbers = (si(row["params"]), macs_words(row), str(row["resolution"]), top1)
        name = row["name"] + (" *" if row["note"] and not notes else "")
        table.add_row(name, row["family"] or "", *numbers, row[last] or "")
    out.print(table)
    said = (
        "top-1: published, ImageNet-1k, in percent, of one model and one crop at these pixels where no note says else"
    )
    out.print(said, style="dim", highlight=False)
    if not notes and any(row["note"] for row in rows):
        out.print("* there is a note on it: nas zoo --notes", style="dim", highlight=False)


@app.command()
def widen(
    network: Annotated[str, typer.Argument(help="A YAML path, zoo/NAME or STUDY:TRIAL.", metavar="NETWORK")],
    write: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Write a search space around a network, to edit: numbers become choices, the network stays inside."""
    from nas.study.widen import start_words, widen_network

    widened = widen_network(network)
    if write is None:
        typer.echo(widened.text, nl=False)
        return
    write_to(write, widened.text)
    size = widened.space.size()
    bound = "" if size.exact else "at most "
    err.print(
        f"wrote {write}: {len(widened.space.decisions)} decisions, {bound}{size.value:,} decision vectors",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    err.print(f"a study of this space tries the network first with {start_words(network)}", markup=False,
              highlight=False, soft_wrap=True)  # fmt: skip
