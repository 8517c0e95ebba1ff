"""The zoo: known networks that ship as files, with what they cost and what their papers say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.cost import Cost
from nas.errors import NasError, SpecError, nearest
from nas.files import shipped
from nas.space import Space, decided_plan, load_space
from nas.study.spaces import catalogue


def zoo_files(folder: Path | None = None) -> list[Path]:
    """The files of the zoo (or of another folder), by name."""
    return sorted((folder or shipped("search_spaces") / "zoo").glob("*.yaml"))


def zoo_rows(family: str | None = None, folder: Path | None = None) -> list[dict[str, Any]]:
    """What `nas zoo` lists of each network, those of a family together; None stands for what a file does not say.

    Costs are looked up, and counted where they are not known yet. Raises `NasError` that names the file at fault, or
    the nearest family where there is none of that name.
    """
    found = [(_family(space), space, cost) for space, cost in map(_opened, zoo_files(folder))]
    families = {name for name, _, _ in found if name}
    if family is not None:
        wanted = {name for name in families if name.lower() == family.lower()}
        if not wanted:
            raise NasError(f"no network of the zoo is of the family '{family}'; {nearest(family, families)}")
        found = [each for each in found if each[0] in wanted]
    found.sort(key=lambda each: ((each[0] or "").lower(), each[2].macs))
    return [_row(name, space, cost) for name, space, cost in found]


def _opened(path: Path) -> tuple[Space, Cost]:
    table = catalogue()
    try:
        space = load_space(path, table, roots=[shipped("search_spaces")])
        return space, table.plan(decided_plan(space))
    except SpecError:
        raise  # says the place itself
    except NasError as error:
        raise NasError(f"{path}: {error}") from error


def _family(space: Space) -> str | None:
    return space.about.family or None


def _row(family: str | None, space: Space, cost: Cost) -> dict[str, Any]:
    about, size = space.about, space.input
    return {
        "name": space.name,
        "family": family,
        "params": cost.params,
        "macs": cost.macs,
        "resolution": size.height,
        "paper": about.paper or None,
        "top1": about.top1,
    }
