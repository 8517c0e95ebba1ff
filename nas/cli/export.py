"""Commands that take a model away: write it in the formats of others, and try what was written on images."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json
from nas.cli.networks import NetworkArgument


def export(
    network: NetworkArgument,
    trial: Annotated[
        str | None, typer.Argument(help="A trial, where NETWORK is a STUDY: 17, baseline/0, finalist/0, an arch_id.")
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="The best network of the STUDY.")] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder; by default results/STUDY/export/TRIAL.", metavar="FOLDER")
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="safetensors, source, pt2, onnx, openvino or int8; may be repeated; by default all that is installed."
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights (safetensors) for a network of a file.")] = None,
    untrained: Annotated[bool, typer.Option("--untrained", help="Initial weights instead of trained ones.")] = False,
    data: Annotated[
        str | None, typer.Option(help="The data set's file or folder, instead of the study's.", metavar="PATH")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the data, for the model card.", metavar="TEXT")
    ] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Measure the latency of what was written.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to measure: cpu, the default, or a device file.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show what would be written; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a network with its weights as files that run elsewhere, each compared with PyTorch, and a model card."""
    from nas.errors import NasError
    from nas.study.export import Options, export_model, export_name, missing, plan_export
    from nas.study.trained import find_trained

    if device is not None and not measure:
        raise NasError("--device says where files are measured; give --measure with it")
    name = export_name(network, trial, best)
    options = Options(
        formats=tuple(format or ()),
        out=out_folder,
        licence=licence,
        device=(device or "cpu") if measure else None,
        command=shlex.join(["nas", *sys.argv[1:]]),
    )
    found = find_trained(name, weights=weights, untrained=untrained, data=data)
    todo = plan_export(found, options)
    for note in found.notes:
        _tell(f"note: {note}")
    if dry_run:
        plan = todo.to_json(found)
        print_json(plan) if as_json else _print_formats(plan, f"would write {todo.folder}")
        return
    document = export_model(found, todo, options, _tell)
    if as_json:
        print_json(document | {"folder": str(todo.folder)})
    else:
        _print_formats(document, f"model {todo.folder}")
    if missing(document):
        raise typer.Exit(3)


def predict(
    model: Annotated[
        str, typer.Argument(help="An exported folder or file, best/, STUDY:TRIAL or STUDY:best.", metavar="MODEL")
    ],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.", metavar="IMAGE...")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell.")] = 5,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="eager, source, torch_export, onnxruntime, openvino or onnxruntime_int8; by default what is there."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the most probable classes of images, prepared as they were when the network was validated."""
    from nas.study.predict import find_predictor
    from nas.study.predict import predict as predicted

    document = predicted(find_predictor(model, runtime), images, top, _tell)
    if not document["trained"]:
        _tell("these are initial weights, never trained: the answers mean nothing")
    for row in document["unreadable"]:
        _tell(f"{row['image']}: cannot be read as an image: {row['reason']}")
    print_json(document) if as_json else _print_predictions(document)
    if document["unreadable"]:
        raise typer.Exit(2)


def _tell(text: str) -> None:
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_formats(document: dict[str, Any], where: str) -> None:
    trained = "" if document["trained"] else "  [bold red]untrained[/]"
    table = Table(title=f"{escape(document['name'])}  {document['arch_id']}{trained}", title_justify="left")
    for column in ("format", "files", "bytes", "difference", "relative"):
        table.add_column(column, justify="left" if column in ("format", "files") else "right")
    for row in document["formats"]:
        if "reason" in row:
            continue
        outputs = row.get("outputs") or {}
        numbers = [f"{outputs[key]:.2g}" if key in outputs else "" for key in ("absolute", "difference")]
        size = f"{row['bytes']:,}" if "bytes" in row else ""
        table.add_row(row["format"], ", ".join(row["files"]), size, *numbers)
    out.print(table)
    for row in document["formats"]:
        if "reason" in row:
            out.print(f"{row['format']} {row['state']}: {row['reason']}", highlight=False, markup=False, soft_wrap=True)
    out.print(f"weights: {document['weights']}", highlight=False, markup=False, soft_wrap=True)
    for name, splits in document.get("accuracy", {}).items():
        for each in splits:
            out.print(
                f"{name}: accuracy {each['after']:.2%}, before {each['before']:.2%}, on {each['images']:,} "
                f"{each['split']} images ({each['lost']} no longer right, {each['won']} newly right)",
                highlight=False,
            )
    for name, latency in document.get("latency_ms", {}).items():
        from nas.cli.networks import latency_line

        line = latency_line(latency) if "p50" in latency else escape(latency["reason"])
        out.print(f"{name}: {line}", highlight=False, soft_wrap=True)
    out.print(where, highlight=False, markup=False, soft_wrap=True)


def _print_predictions(document: dict[str, Any]) -> None:
    count = max((len(row["top"]) for row in document["images"]), default=0)
    table = Table(title=f"{escape(document['model'])}, {document['runtime']}", title_justify="left")
    table.add_column("image", overflow="fold")
    for rank in range(count):
        table.add_column("class" if rank == 0 else "then", overflow="fold")
    for row in document["images"]:
        table.add_row(
            escape(row["image"]), *(f"{escape(each['class'])} {each['probability']:.1%}" for each in row["top"])
        )
    if count:
        out.print(table)
