"""What the page of `nas browse` needs beyond records: stages, texts to copy, and the commands behind its buttons."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import NasError
from nas.report.browse.details import Details, Text
from nas.report.browse.jobs import Action
from nas.report.words import reference
from nas.space.text import write
from nas.store import Record, Results

PROGRAM = (sys.executable, "-m", "nas")


def browse_details() -> Details:
    """Stages of networks, texts to copy, and actions."""
    texts = {
        "yaml": Text("Copy YAML", "The network as a file that every command takes as NETWORK.", _yaml),
        "python": Text("Copy Python", "The network as one file that needs torch only.", _python),
        "around": Text("Search around it", "A study that starts at this network; save it and run nas search.", _around),
    }
    actions = (
        Action("export", "Export", "Write the network in every format that is installed.", _network("export")),
        Action(
            "finalize",
            "Retrain",
            "Train it anew at the full recipe and measure it again; what comes out takes the place of best/.",
            _finalize,
        ),
        Action(
            "measure",
            "Re-measure",
            "Measure its latency again on this machine's CPU, as a whole and stage by stage.",
            _network("measure", "--stages"),
        ),
    )
    return Details(_stages, texts, {action.name: action for action in actions})


def _network(command: str, *options: str) -> Callable[[Path, str], Sequence[str]]:
    return lambda folder, trial: [command, f"{_name(folder)}:{trial}", *options]


def _finalize(folder: Path, trial: str) -> Sequence[str]:
    if not trial.isdecimal():
        raise NasError(f"what is trained again must be a candidate, but got {trial}: choose the trial it comes from")
    return ["finalize", _name(folder), "--trials", trial]


def _name(folder: Path) -> str:
    """A study as an argument of commands that run beside its folder; it never looks like an option."""
    if ":" in folder.name:
        raise NasError(
            f"a study must have no ':' in its folder's name to be used so, but got '{folder.name}'; rename it"
        )
    return f"./{folder.name}"


def _stages(results: Results, record: Record) -> list[dict[str, Any]]:
    from nas.study.status import trial_details

    if not record.folder:
        raise NasError("It has no stages on record: it was turned away before any training.")
    with _reading(results, record):
        found = trial_details(results, reference(record))
    stages: list[dict[str, Any]] = found["stages"]
    if not stages:
        raise NasError(found.get("stages_missing") or "It has no stages on record.")
    return stages


def _plan(results: Results, record: Record) -> Plan:
    from dataclasses import replace

    from nas.study.results import stored_plan, trial_name

    with _reading(results, record):
        return replace(stored_plan(results, record), name=trial_name(results, record))


def _yaml(results: Results, record: Record) -> str:
    from nas.space import network_yaml

    return network_yaml(_plan(results, record))


def _python(results: Results, record: Record) -> str:
    from nas.build import build
    from nas.export.source import source_of

    return source_of(build(_plan(results, record)))


def _around(results: Results, record: Record) -> str:
    """The resolved study with this network as the one to start at, under a name of its own."""
    from nas.study.results import read_resolved

    if record.role == "baseline":
        raise NasError(f"what a search starts at must be of its space, but {record.name} is a baseline")
    _plan(results, record)  # it must be there
    study = read_resolved(results.folder)
    trial = reference(record)
    settings = study.get("search")
    search: Mapping[str, Any] = settings if isinstance(settings, Mapping) else {}
    name = f"{study['name']}_around_{trial.replace('/', '_')}"
    start = f"{results.folder.resolve()}:{trial}"
    return write({**study, "name": name, "search": {**search, "start": [start], "storage": None}})


class _reading:  # noqa: N801 - reads as a statement
    """Turns what a damaged folder of a trial leads to into a `NasError` that names it."""

    def __init__(self, results: Results, record: Record) -> None:
        self.where = f"trials/{record.folder} of {results.folder.name}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | ValueError | TypeError | AttributeError | OSError):
            raise NasError(f"{self.where} is damaged: {type(error).__name__}: {error}") from error
