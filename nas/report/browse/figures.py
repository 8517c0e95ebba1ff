"""The page's figures besides the front: a title, a line on how to read it, and how it is drawn from a study."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nas.report.browse.sources import Snapshot
from nas.report.theme import Theme

Make = Callable[[Snapshot, Theme], Any]


@dataclass(frozen=True)
class Figure:
    """One figure of the page; `kinds` are those of the scaling documents that it draws, none where it draws records.

    `make` gives None where it says nothing about a study.
    """

    title: str
    lead: str
    make: Make
    kinds: tuple[str, ...] = ()

    def applies(self, snapshot: Snapshot) -> bool:
        """Whether a study has what it is drawn from; the drawing may still say nothing."""
        return not self.kinds or any(str(d.get("kind")) in self.kinds for d in snapshot.documents)


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


def _document(snapshot: Snapshot, kinds: Collection[str]) -> Mapping[str, Any]:
    return next((d for d in snapshot.documents if str(d.get("kind")) in kinds), {})


def _curves_of(function: str) -> Make:
    """A figure of `nas.report.figures.scaling_curves`."""

    def make(snapshot: Snapshot, theme: Theme) -> Any:
        found = getattr(import_module("nas.report.figures.scaling_curves"), function)
        figure = found(_document(snapshot, COMPARE).get("rows") or (), theme=theme)
        return figure if figure.data else None

    return make


def _fit(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.scaling_fit import scaling_fit

    document = _document(snapshot, FIT)
    return scaling_fit(document.get("rows") or (), document.get("law") or {}, theme)


def _grid(snapshot: Snapshot, theme: Theme) -> Any:
    from nas.report.figures.scaling_grid import scaling_grid

    document = _document(snapshot, GRID)
    tied = document.get("tied") or ()
    return scaling_grid(document.get("rows") or (), best=document.get("best"), tied=tied, theme=theme)


GRID, COMPARE, FIT = ("grid",), ("compare",), ("fit", "apply")
FIGURES: Mapping[str, Figure] = {
    "gates": Figure("Gates", "What each gate let through and, hatched, what it rejected.", _gates),
    "progress": Figure("Hypervolume over time", "What was found by when.", _progress),
    "curves": Figure("Learning curves", "", _curves),
    "importance": Figure("Which decisions matter", "", _of_records("importance")),
    "tradeoff": Figure("Latency against MACs", "", _of_records("tradeoff")),
    "predicted": Figure("Predicted and measured latency", "", _of_records("predicted")),
    "grid": Figure("Accuracy over the scaling grid", "A triple that was not trained has a blank cell.", _grid, GRID),
    "methods": Figure("What each way of scaling brings", "", _curves_of("scaling_curves"), COMPARE),
    "dimensions": Figure("One dimension at a time", "", _curves_of("single_dimensions"), COMPARE),
    "crossed": Figure("Width at other depths and resolutions", "", _curves_of("crossed"), COMPARE),
    "fit": Figure(
        "The fitted law",
        "Both axes of the upper panel are logarithmic. The lower panel shows what the law leaves over.",
        _fit,
        FIT,
    ),
}
