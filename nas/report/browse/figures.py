"""The page's figures besides the front: a title, a line on how to read it, and how it is drawn from a study."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nas.report.browse.sources import Snapshot
from nas.report.theme import Theme

Make = Callable[[Snapshot, Theme], Any]


@dataclass(frozen=True)
class Figure:
    """One figure of the page; `make` gives None where it says nothing about a study."""

    title: str
    lead: str
    make: Make


def _gates(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.gates import gates_figure

    candidates = any(r.role == "candidate" for r in snapshot.records)
    return gates_figure(snapshot.records, theme) if candidates else None


def _progress(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.progress import progress_figure

    return progress_figure(snapshot.records, snapshot.aims, theme)


def _curves(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.curves import curves_figure

    return curves_figure(snapshot.records, snapshot.aims, theme)


def _of_records(module: str) -> Make:
    """A figure of `nas.report.figures` that is drawn from records and aims."""

    def make(snapshot: Snapshot, theme: Theme) -> Any:
        found = getattr(import_module(f"nas.report.figures.{module}"), f"{module}_figure")
        return found(snapshot.records, snapshot.aims, theme)

    return make


def _scaling(name: str, kinds: Collection[str], *arguments: str) -> Make:
    """A figure of what scaling left beside the records: `name` is `module:function`, `kinds` those of its documents."""

    def make(snapshot: Snapshot, theme: Theme) -> Any:
        document = next((d for d in snapshot.documents if str(d.get("kind")) in kinds), None)
        if document is None:
            return None
        module, _, function = name.partition(":")
        found = getattr(import_module(f"nas.report.figures.{module}"), function)
        more = [document.get(key) or {} for key in arguments]
        figure = found(document.get("rows") or (), *more, theme=theme)
        return figure if figure.data else None

    return make


def _grid(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.scaling_grid import scaling_grid

    document = next((d for d in snapshot.documents if d.get("kind") == "grid"), None)
    if document is None:
        return None
    tied = document.get("tied") or ()
    return scaling_grid(document.get("rows") or (), best=document.get("best"), tied=tied, theme=theme)


FIGURES: Mapping[str, Figure] = {
    "gates": Figure("Gates", "What each gate let through and, hatched, what it rejected.", _gates),
    "progress": Figure("Hypervolume over time", "What was found by when.", _progress),
    "curves": Figure("Learning curves", "", _curves),
    "importance": Figure("Which decisions matter", "", _of_records("importance")),
    "tradeoff": Figure("Latency against MACs", "", _of_records("tradeoff")),
    "predicted": Figure("Predicted and measured latency", "", _of_records("predicted")),
    "grid": Figure("Accuracy over the scaling grid", "A triple that was not trained has a blank cell.", _grid),
    "methods": Figure("What each way of scaling brings", "", _scaling("scaling_curves:scaling_curves", ["compare"])),
    "dimensions": Figure("One dimension at a time", "", _scaling("scaling_curves:single_dimensions", ["compare"])),
    "crossed": Figure("Width at other depths and resolutions", "", _scaling("scaling_curves:crossed", ["compare"])),
    "fit": Figure(
        "The fitted law",
        "Both axes of the upper panel are logarithmic. The lower panel shows what the law leaves over.",
        _scaling("scaling_fit:scaling_fit", ["fit", "apply"], "law"),
    ),
}


def available() -> dict[str, Figure]:
    """The figures whose module is there."""
    optional = ("importance", "tradeoff", "predicted")
    return {
        name: figure
        for name, figure in FIGURES.items()
        if name not in optional or find_spec(f"nas.report.figures.{name}") is not None
    }
