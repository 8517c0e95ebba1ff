"""Maps of what networks look at, as `nas explain` keeps them with trials, as a section of the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.report.sections import figure_place, section
from nas.report.theme import LIGHT
from nas.store.files import read_json
from nas.store.results import FINALIZED, MAPS

MOST = 12  # images of one network in the page
PAIR_WIDTH = 300  # pixels that an image and its map want beside each other


def kept_maps(folder: Path) -> list[dict[str, Any]]:
    """What `nas explain` has kept in a results folder, one document a network, as `maps_figure` takes them."""
    trials = (folder / "trials", folder / FINALIZED / "trials")
    files = [file for each in trials for file in sorted(each.glob(f"*/{MAPS}/{MAPS}.json"))]
    return [with_sources(read_json(file), file.parent) for file in files]


def with_sources(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document with the address of each image's data, of the first `MOST`; `folder` is where the images lie."""
    images = [row | {"source": _source(folder / Path(row["file"]).name)} for row in document["images"][:MOST]]
    return {**document, "images": images, "left_out": len(document["images"]) - len(images)}


def maps_section(documents: Sequence[Mapping[str, Any]], data: dict[str, Any]) -> str:
    """One figure a network; empty where there are no maps."""
    from nas.report.figures.maps import maps_figure

    if not documents:
        return ""
    figures = ""
    for index, document in enumerate(documents):
        figure = maps_figure(document, LIGHT)
        width = PAIR_WIDTH * min(2, len(document["images"]))
        figures += figure_place(f"maps-{index}", figure, data, least_width=width)
    return section(
        "maps", "What the network looks at", "The stronger the glow, the more it speaks for the class.", figures
    )


def _source(file: Path) -> str:
    """The address of an image that holds the image itself; empty where the file is gone."""
    if not file.is_file():
        return ""
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
