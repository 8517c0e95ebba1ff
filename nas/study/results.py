"""A results folder seen as a whole: found by name, read back into plans, and written as report, front and table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.arch import Architecture, Plan
from nas.build import lower
from nas.errors import NasError, StoreError
from nas.report import best, write_report
from nas.space.text import read
from nas.store import Record, Results
from nas.store.files import read_json
from nas.study.spaces import catalogue


@dataclass(frozen=True)
class Finished:
    """What a study has come to: the resolved study file and every record."""

    folder: Path
    study: Mapping[str, Any]
    records: tuple[Record, ...]


def open_results(study: str | Path, base: Path = Path("results")) -> Results:
    """The results of a study, by its folder or by its name within `base`. Raises `NasError` naming those there are."""
    folder = _folder_of(study, base)
    if folder is not None:
        config = read_resolved(folder)
        return Results(folder, storage=config["search"]["storage"], name=config["name"])
    there = sorted(path.parent.name for path in base.glob("*/study.yaml"))
    known = f"in {base}/ there are: {', '.join(there)}" if there else f"there are none in {base}/ yet"
    raise NasError(f"'{study}' must be a results folder or the name of one; {known}")


def is_results(study: str | Path, base: Path) -> bool:
    """Whether this is a results folder, or the name of one within `base`."""
    return _folder_of(study, base) is not None


def _folder_of(study: str | Path, base: Path) -> Path | None:
    folders = (Path(study), base / study)
    return next((folder for folder in folders if (folder / "study.yaml").is_file()), None)


def read_resolved(folder: Path) -> dict[str, Any]:
    """The study file of a results folder as plain data."""
    study: dict[str, Any] = read(folder / "study.yaml").plain()
    return study


def find_record(results: Results, reference: str) -> Record:
    """A trial by number, `best`, `role/number`, name or `arch_id`. Raises `StoreError`."""
    if reference != "best":
        return results.record(reference)
    record = best(results.records(), read_resolved(results.folder))
    if record is None:
        raise StoreError(f"{results.folder} has no best network: none was trained to the end within the budgets")
    return record


def stored_plan(results: Results, record: Record) -> Plan:
    """The plan of a trial from its folder. Raises `StoreError` where it has none."""
    file = results.trial_file(record.folder, "architecture.json") if record.folder else None
    if file is None or not file.is_file():
        raise StoreError(f"trial {record.trial} of {results.folder} has no architecture: it was {record.state}")
    return lower(Architecture.from_json(json.loads(file.read_text(encoding="utf-8"))), catalogue())


def trial_name(results: Results, record: Record) -> str:
    """What the network of a trial is called: the results folder and the trial, as it may be asked for again."""
    number = str(record.trial) if record.role == "candidate" else f"{record.role}/{record.trial}"
    return f"{results.folder.resolve().name}:{number}"


def write_results(results: Results) -> Finished:
    """Write the report, the front and the table of a results folder from its records."""
    study = read_resolved(results.folder)
    env = read_json(results.env_file) or {}  # not there yet where a first run ended before its device was reached
    records = tuple(results.records())
    write_report(results.folder, records, study, env)
    return Finished(results.folder, study, records)
