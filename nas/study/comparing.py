"""Which results folders are to be compared, and which of them are repeats of one study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.report.repeats import Compared, Ran, compare
from nas.report.settings import settings
from nas.study.results import open_results, read_resolved


def compare_studies(arguments: Sequence[str], base: Path = Path("results")) -> Compared:
    """Compare results folders; each argument is one (or the name of one in `base`), or `LABEL=FOLDER,FOLDER`.

    Folders without a label that differ in nothing but seeds are repeats of one study. Raises `NasError` for what is no
    results folder, a folder named twice, fewer than two, studies with other objectives or without a finished network.
    """
    labelled: dict[str, list[Ran]] = {}
    plain: list[Ran] = []
    for argument in arguments:
        label, separator, folders = argument.partition("=")
        if not separator or Path(argument).exists():
            plain.append(_read(argument, base))
            continue
        names = [name for name in folders.split(",") if name]
        if not label or not names:
            raise NasError(f"a group must be written LABEL=FOLDER,FOLDER, but got '{argument}'")
        labelled.setdefault(label, []).extend(_read(name, base) for name in names)
    runs = [*plain, *(run for group in labelled.values() for run in group)]
    places = [Path(run.folder).resolve() for run in runs]
    if twice := [run.folder for run, place in zip(runs, places, strict=True) if places.count(place) > 1]:
        raise NasError(f"each results folder must be named once, but {twice[0]} is named twice")
    if len(runs) < 2:
        raise NasError(f"at least two results folders must be named to be compared, but got {len(runs)}")
    groups = _grouped(plain)
    if both := sorted(groups.keys() & labelled):
        raise NasError(f"a label must not be the name of another study, but '{both[0]}' is; choose another")
    return compare(groups | labelled)


def _read(name: str, base: Path) -> Ran:
    results = open_results(name, base)
    return Ran(str(results.folder), read_resolved(results.folder), tuple(results.records()))


def _grouped(runs: Sequence[Ran]) -> dict[str, list[Ran]]:
    """Repeats under the name of their study; with what differs, or their folder, where several have the name."""
    alike: dict[tuple[str, str], list[Ran]] = {}
    for run in runs:
        alike.setdefault((run.study["name"], json.dumps(settings(run.study), sort_keys=True)), []).append(run)
    groups: dict[str, list[Ran]] = {}
    names = [name for name, _ in alike]
    for (name, _), group in alike.items():
        peers = [other[0] for (theirs, _), other in alike.items() if theirs == name]
        label = name if names.count(name) == 1 else f"{name} {_distinct(group[0], peers)}"
        groups[label if label not in groups else f"{label} ({group[0].folder})"] = group
    return groups


def _distinct(run: Ran, peers: Sequence[Ran]) -> str:
    """The setting that tells a study from others of its name, or its folder where more than one does."""
    mine, others = settings(run.study), [settings(peer.study) for peer in peers if peer is not run]
    keys = {key for other in others for key in mine.keys() | other.keys() if mine.get(key) != other.get(key)}
    if len(keys) == 1:
        value: Any = mine.get(next(iter(keys)))
        if isinstance(value, str | int | float) and len(str(value)) < 40:
            return str(value)
    return Path(run.folder).name
