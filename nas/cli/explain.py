"""The command that shows what a trained network looks at in images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json, write_to


def explain(
    network: Annotated[
        str, typer.Argument(help="STUDY:TRIAL, STUDY:best or the path of a study's best/.", metavar="NETWORK")
    ],
    images: Annotated[list[Path], typer.Argument(help="Files of images.", metavar="IMAGE...")],
    method: Annotated[str, typer.Option(help="auto, gradcam, attention or occlusion.")] = "auto",
    target: Annotated[
        str | None, typer.Option("--class", help="What speaks for this class, by default that which is seen.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data set's file or folder.", metavar="PATH")] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write a page with the images and their maps.", metavar="FILE.html")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what of an image speaks for the class that a trained network sees, as maps in the study's report."""
    from nas.errors import NasError
    from nas.explain import check_method
    from nas.report.figures.maps import where
    from nas.report.maps import with_sources
    from nas.report.maps_page import maps_page
    from nas.study.explain import explain_images, find_subject

    check_method(method)
    if out_file is not None and not out_file.absolute().parent.is_dir():
        raise NasError(f"--out must be a file in a folder that exists, but got {out_file}")
    subject = find_subject(network, data=data.resolve() if data else None)
    counted = iter(range(1, len(images) + 1))

    def tell(image: Path) -> None:
        err.print(f"{next(counted)}/{len(images)} {image}", highlight=False, markup=False)

    document = explain_images(subject, images, method, target, tell)
    if out_file is not None:
        write_to(out_file, maps_page(with_sources(document, subject.maps)))
    if as_json:
        print_json(document)
        return
    table = Table(title=subject.name, title_justify="left")
    for column in ("image", "seen as", "probability", "speaks for", "strongest", "by"):
        table.add_column(column, justify="right" if column == "probability" else "left", overflow="fold")
    for row in document["images"]:
        by = row["method"] + (f" at {row['place']}" if row["place"] else "")
        seen = row["predicted"]
        table.add_row(
            row["image"], seen["class"], f"{seen['probability']:.1%}", row["target"]["class"], where(row["map"]), by
        )
    out.print(table)
    out.print(f"maps   {subject.maps}", highlight=False)
    if out_file is not None:
        out.print(f"page   {out_file}", highlight=False)
