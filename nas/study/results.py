"""A results folder seen as a whole: found by name, read back into plans, and written as report, front and table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.arch import Architecture, Plan
from nas.build import lower
from nas.errors import NasError, StoreError, nearest
from nas.report import best, write_report
from nas.report.best_network import drawn_networks
from nas.report.words import reference
from nas.space.text import read
from nas.store import Record, Results
from nas.store.files import read_json
from nas.store.results import FINALIZED
from nas.study.spaces import catalogue
from nas.study.stages import stage_rows

SCALING = ("scaling.json", "fit.json")  # what `nas scale` leaves in a results folder


@dataclass(frozen=True)
class Finished:
    """What a study has come to: the resolved study file and every record."""

    folder: Path
    study: Mapping[str, Any]
    records: tuple[Record, ...]


def open_results(study: str | Path, base: Path = Path("results")) -> Results:
    """The results of a study, by its folder or by its name within `base`. Raises `NasError` naming those near it."""
    folder = _folder_of(study, base)
    if folder is not None:
        config = read_resolved(folder)
        return Results(folder, storage=config["search"].get("storage"), name=config["name"])
    raise NasError(f"'{study}' must be a results folder or the name of one; {studies_near(study, base)}")


def studies_near(study: str | Path, base: Path) -> str:
    """The end of an error about a study that is not there: the nearest in `base`, and all of them."""
    there = [path.parent.name for path in base.glob("*/study.yaml")]
    return f"in {base}/: {nearest(Path(study).name, there)}" if there else f"there are none in {base}/ yet"


def is_results(study: str | Path, base: Path) -> bool:
    """Whether this is a results folder, or the name of one within `base`."""
    return _folder_of(study, base) is not None


def _folder_of(study: str | Path, base: Path) -> Path | None:
    folders = (Path(study), base / study)
    return next((folder for folder in folders if (folder / "study.yaml").is_file()), None)


def read_resolved(folder: Path) -> dict[str, Any]:
    """The study file of a results folder as plain data. Raises `StoreError` where it is damaged."""
    study = read(folder / "study.yaml").plain()
    if not isinstance(study, dict) or "name" not in study or not isinstance(study.get("search"), dict):
        raise StoreError(f"{folder / 'study.yaml'} must be the study of a results folder, but it is damaged")
    return study


def find_record(results: Results, reference: str) -> Record:
    """A trial by number, `best`, `role/number`, name or `arch_id`. Raises `StoreError`."""
    if reference != "best":
        return results.record(reference)
    record = best(results.records(), read_resolved(results.folder))
    if record is None:
        raise StoreError(f"{results.folder} has no best network: none was trained to the end within the budgets")
    return record


def find_trial(results: Results, reference: str) -> tuple[Results, Record]:
    """As `find_record`, with the results that the trial is in: `best` is what `nas finalize` chose, where it did."""
    found = finalized_best(results) if reference == "best" else None
    return found or (results, find_record(results, reference))


def finalized_best(results: Results) -> tuple[Results, Record] | None:
    """The network that `nas finalize` put into `best/`; None where none was finalised, or none within the budgets."""
    inner = Results(results.finalized_folder)
    best = (read_json(inner.finalized_file) or {}).get("best")
    if best is None:
        return None
    inner = open_results(inner.folder)
    return inner, inner.record(best["record"])


def stored_plan(results: Results, record: Record) -> Plan:
    """The plan of a trial from its folder. Raises `StoreError` where it has none, or a damaged one."""
    file = results.trial_file(record.folder, "architecture.json") if record.folder else None
    if file is None:
        why = record.reason or (f"turned away by the gate {record.gate}" if record.gate else record.state)
        raise StoreError(
            f"trial {record.trial} of {results.folder} was not trained, so its architecture is not kept: {why}; choose "
            f"one that was, as `nas report {results.folder}` lists them"
        )
    if not file.is_file():
        raise StoreError(f"{file} must be the architecture of a network, but there is none; copy it from where it ran")
    try:
        architecture = Architecture.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{file} must be the architecture of a network, but it is damaged: {error!r:.200}") from error
    return lower(architecture, catalogue())


def network_stages(results: Results, record: Record) -> dict[str, Any]:
    """The blocks of a trial's network as `rows` (`stage_rows`), and how their latencies were `measured`, or None.

    `missing` says why there are no rows, None where there are. Nothing that is damaged raises: what is wrong is said
    in `missing`, or in `stages_note` of `measured`.
    """
    try:
        plan = stored_plan(results, record)
    except (NasError, OSError, KeyError, TypeError, ValueError) as error:
        return {"rows": [], "measured": None, "missing": f"{error}" or type(error).__name__}
    try:
        measured = results.stages(record.folder)
    except StoreError as error:
        return {"rows": stage_rows(plan), "measured": {"stages_note": str(error)}, "missing": None}
    ms = measured.get("block_ms") if measured else None
    if not isinstance(ms, list) or len(ms) != len(plan.steps) or not all(map(_is_time, ms)):
        measured, ms = None, []
    return {"rows": stage_rows(plan, ms), "measured": measured, "missing": None}


def _is_time(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def trial_name(results: Results, record: Record) -> str:
    """What the network of a trial is called: the results folder and the trial, as it may be asked for again."""
    number = str(record.trial) if record.role == "candidate" else f"{record.role}/{record.trial}"
    folder = results.folder.resolve()
    inner = folder.name == FINALIZED and (folder.parent / "study.yaml").is_file()
    within = f"{folder.parent.name}/" if inner else ""
    return f"{within}{folder.name}:{number}"


def write_results(results: Results) -> Finished:
    """Write the report, the front and the table of a results folder from its records, and from what scaling found."""
    study = read_resolved(results.folder)
    env = read_json(results.env_file) or {}  # not there yet where a first run ended before its device was reached
    records = tuple(results.records())
    networks = {reference(record): network_stages(results, record) for record in drawn_networks(records, study)}
    found = [read_json(results.folder / name) for name in SCALING]
    write_report(results.folder, records, study, env, networks, [each for each in found if isinstance(each, dict)])
    return Finished(results.folder, study, records)
