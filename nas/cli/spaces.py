"""Commands about search spaces: what they hold, samples of them, and a schema for editors."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from nas.cli.console import JsonOption, err, macs_words, out, print_json, si, write_to

FileArgument = Annotated[str, typer.Argument(help="A search space: a YAML file or a shipped name.", metavar="FILE")]


def space(
    file: FileArgument,
    samples: Annotated[int, typer.Option(min=1, help="Samples drawn for the feasible share.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Print a search space: decisions, conditions, exact size, the share that is feasible, ten samples with costs."""
    from nas.study.spaces import describe, open_space

    description = describe(open_space(file), samples=samples, seed=seed)
    if as_json:
        print_json({key: description[key] for key in ("name", "size", "decisions", "feasible_fraction")})
        return
    table = Table(title=f"{description['name']}: decisions", title_justify="left")
    for column in ("decision", "kind", "values", "when"):
        table.add_column(column, overflow="fold")
    for decision in description["decisions"]:
        values = ", ".join(str(value) for value in decision["values"])
        table.add_row(decision["name"], decision["kind"], values, decision["when"] or "")
    out.print(table)
    bound, why = ("", "") if description["exact"] else ("at most ", " (not every constraint could be counted)")
    share = description["feasible_fraction"]
    out.print(f"size: {bound}{int(description['size']):,} decision vectors{why}")
    out.print(
        f"feasible: {share['value']:.1%} of {share['samples']} vectors build and meet the space's cost constraints "
        f"(95% interval {share['low']:.1%} to {share['high']:.1%})"
    )
    if not share["value"]:
        out.print(f"nothing was feasible among {share['samples']} vectors: a search of this space may find no network")
    for text, count in description["unmet"].items():
        out.print(f"does not hold, {count} of {share['samples']}: {text}", highlight=False, markup=False)
    for reason, count in description["unbuildable"].items():
        out.print(f"cannot be built, {count} of {share['samples']}: {reason}", highlight=False, markup=False)
    out.print(_samples_table(description["examples"]))


def sample(
    file: FileArgument,
    n: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same list.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Draw networks of a search space, all decision vectors with the same chance, with their costs."""
    from nas.study.spaces import draw, open_space

    rows = draw(open_space(file), n, random.Random(seed))
    if as_json:
        print_json(rows)
    else:
        out.print(_samples_table(rows))


def schema(
    what: Annotated[Literal["space", "study"], typer.Argument(help="What the schema is for.")] = "space",
    write: Annotated[Path | None, typer.Option(help="Write it to this file instead of standard output.")] = None,
) -> None:
    """Write a JSON Schema, so that an editor completes and checks spaces and studies."""
    from nas.study.schema import json_schema

    document = json_schema(what)
    if write is None:
        print_json(document)
        return
    import json

    write_to(write, json.dumps(document, indent=2) + "\n")
    err.print(f"wrote {write}; put this line on top of a file: # yaml-language-server: $schema={write}", soft_wrap=True)


def _samples_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="samples", title_justify="left")
    table.add_column("arch_id")
    table.add_column("params", justify="right")
    table.add_column("MACs", justify="right")
    table.add_column("decisions", overflow="fold")
    for row in rows:
        decisions = " ".join(f"{name}={value}" for name, value in row["decisions"].items())
        table.add_row(row["arch_id"], si(row["params"]), macs_words(row), decisions)
    return table
