"""The command that sets finished studies beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from nas.cli.console import JsonOption, out, print_json, write_to


def compare(
    studies: Annotated[
        list[str],
        typer.Argument(help="Results folders, names of studies, or LABEL=FOLDER,FOLDER for repeats.", metavar="STUDY"),
    ],
    page: Annotated[Path | None, typer.Option("--out", help="Write a page with figures.", metavar="FILE.html")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare finished studies: hypervolume over seeds, best within budget, trials, time, and what differs in them."""
    from nas.report.repeats import NUMBERS
    from nas.report.repeats_page import cell, repeats_page
    from nas.study.comparing import compare_studies

    found = compare_studies(studies)
    if page is not None:
        write_to(page, repeats_page(found))
    if as_json:
        print_json(found.to_json())
        return
    table = Table(title="studies (means over repeats, 95% intervals)", title_justify="left")
    table.add_column("")
    for group in found.groups:
        table.add_column(escape(group.label), justify="right")
    table.add_row("repeats", *(str(len(group.runs)) for group in found.groups))
    for name, title in NUMBERS.items():
        table.add_row(title, *(escape(cell(found, group, name)) for group in found.groups))
    out.print(table)
    if found.differences:
        table = Table(title="what differs", title_justify="left")
        table.add_column("")
        for group in found.groups:
            table.add_column(escape(group.label), overflow="fold")
        for key, values in found.differences.items():
            table.add_row(key, *(escape("" if value is None else str(value)) for value in values.values()))
        out.print(table)
    for sentence in found.said:
        out.print(sentence, highlight=False, markup=False, soft_wrap=True)
    if page is not None:
        out.print(f"page {page}", highlight=False)
