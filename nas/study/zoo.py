"""The zoo: known networks that ship as files, with what they cost and what their papers say of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.cost import Cost
from nas.errors import NasError, SpecError, nearest
from nas.files import shipped
from nas.space import About, decided_plan, load_space, read, read_about
from nas.study.spaces import catalogue, scaler


def zoo_files(folder: Path | None = None) -> list[Path]:
    """The files of the zoo (or of another folder), by name."""
    return sorted((folder or shipped("search_spaces") / "zoo").glob("*.yaml"))


def zoo_rows(family: str | None = None, folder: Path | None = None) -> list[dict[str, Any]]:
    """What `nas zoo` lists of each network, those of a family together; None stands for what a file does not say.

    Costs are looked up, and counted where they are not known yet. Raises `NasError` that names the file at fault, or
    the nearest family where there is none of that name.
    """
    files = zoo_files(folder)
    if family is not None:
        files = _of_family(family, files)
    rows = [_row(*_opened(path)) for path in files]
    return sorted(rows, key=lambda row: ((row["family"] or "").lower(), row["macs"]))


def _of_family(family: str, files: Sequence[Path]) -> list[Path]:
    found = {path: read_about(read(path).get("about")).family for path in files}
    chosen = [path for path, name in found.items() if name.lower() == family.lower()]
    if not chosen:
        known = {name for name in found.values() if name}
        raise NasError(f"no network of the zoo is of the family '{family}'; {nearest(family, known)}")
    return chosen


def _opened(path: Path) -> tuple[About, Plan, Cost]:
    table = catalogue()
    try:
        space = load_space(path, table, roots=[shipped("search_spaces")], scaler=scaler())
        plan = decided_plan(space)
        return space.about, plan, table.plan(plan)
    except SpecError:
        raise  # says the place itself
    except NasError as error:
        raise NasError(f"{path}: {error}") from error


def _row(about: About, plan: Plan, cost: Cost) -> dict[str, Any]:
    return {
        "name": plan.name,
        "family": about.family or None,
        **cost.to_json(),
        "resolution": plan.input.height,
        "paper": about.paper or None,
        "top1": about.top1,
        "note": about.note or None,
    }
