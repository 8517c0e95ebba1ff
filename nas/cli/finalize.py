"""The command that trains what a search found at full length, and says whether its ranking held."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json
from nas.cli.live import LiveProgress, duration
from nas.cli.stopping import stoppable
from nas.cli.studies import StudyFolder
from nas.errors import NasError


def finalize(
    study: StudyFolder,
    top: Annotated[int, typer.Option(min=1, help="How many of the front, the best first.")] = 3,
    trials: Annotated[
        str | None, typer.Option(help="These candidates instead, such as 17,23.", metavar="N,N,...")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="By default those of the study's finalists.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each network.")] = 1,
    baselines: Annotated[bool, typer.Option("--baselines", help="Train the study's baselines as long, too.")] = False,
    distill: Annotated[bool, typer.Option("--distill", help="Learn from the best network of the search, too.")] = False,
    teacher: Annotated[
        str | None,
        typer.Option(help="Learn from this trial, or the network in this folder, instead.", metavar="TRIAL|FOLDER"),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, help="That softens what the teacher says, by default 4.")
    ] = None,
    weight: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Of the teacher in the loss, by default 0.5.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data set's file or folder.", metavar="PATH")] = None,
    device: Annotated[str | None, typer.Option(help="Where latency is measured, instead of the study's.")] = None,
    gpus: Annotated[float | None, typer.Option(min=0, help="GPUs a training, instead of the study's.")] = None,
    runner: Annotated[str | None, typer.Option(help="ray or local, instead of the study's.")] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Train here and leave the study as it is; else in STUDY/finalized.", metavar="FOLDER"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show what would run and about how long; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train the best of a search again, longer and by several seeds; measure, write best/, say if the ranking held."""
    from nas.study.finalize import Wanted, estimated, planned, run_finalize
    from nas.study.results import open_results

    numbers = [] if trials is None else _numbers(trials)
    learns = distill or teacher is not None
    if not learns and (temperature is not None or weight is not None):
        raise NasError(
            "--temperature and --weight are of learning from a teacher; give --distill or --teacher with them"
        )
    wanted = Wanted(top, numbers, seeds, epochs, baselines, learns, teacher, temperature or 4.0, weight or 0.5)
    path = str(data.resolve()) if data else None
    changes = {"data.path": path, "device": device, "run.gpus": gpus, "run.runner": runner}
    results = open_results(study)
    found = planned(results, wanted, {key: value for key, value in changes.items() if value is not None}, out_folder)
    if dry_run:
        err.print("trying a network for some seconds ...")
        plan = estimated(found)
        print_json(plan) if as_json else _print_plan(plan)
        return
    try:
        with stoppable(), LiveProgress(f"{results.folder} -> {found.folder}") as live:
            document = run_finalize(found, live.update)
    except KeyboardInterrupt:
        err.print(
            f"interrupted; everything finished is kept in {found.folder}. Go on with the same command.", soft_wrap=True
        )
        raise
    if as_json:
        print_json(document)
    else:
        _print(document)
        out.print(f"report {(results if found.own else found).folder / 'report.html'}", highlight=False)
        if document["best"]:
            out.print(f"model  {(results if found.own else found).folder / 'best'}", highlight=False)
    if not document["best"]:
        raise typer.Exit(3)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise NasError(f"--trials must be numbers of candidates with commas between, such as 17,23, but got '{text}'")
    return [int(part) for part in parts]


def _print(document: dict[str, Any]) -> None:
    from nas.report.finalized import finalized_cells
    from nas.report.words import opening

    heads, rows = finalized_cells(document)
    table = Table(
        title=f"{document['study']}, {document['epochs']} epochs",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    for sentence in document["said"]:
        out.print(opening(sentence) + ".", highlight=False, markup=False)


def _print_plan(plan: dict[str, Any]) -> None:
    table = Table(title="what would run", title_justify="left", show_header=False)
    for name, value in plan.items():
        words = ", ".join(value) if isinstance(value, list) else f"{value:.4g}" if isinstance(value, float) else value
        if name == "estimated_seconds":
            name, words = "estimated time", f"about {duration(value)}"
        table.add_row(name.replace("_", " "), str(words))
    out.print(table)
