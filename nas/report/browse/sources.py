"""Results folders as the page reads them: found, watched for changes, and read whatever state they are in."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.report.aims import Aims, read_aims
from nas.report.words import plural, reference
from nas.space.text import read
from nas.store import Record, Results
from nas.store.files import read_json
from nas.store.results import DAMAGED, FINALIZED

VERSION = 1  # of the format of studies
DOCUMENTS = ("scaling.json", "fit.json")  # what scaling leaves beside the records


@dataclass(frozen=True)
class Snapshot:
    """A study at one moment. `problem` says what could not be read; the rest is what could."""

    aims: Aims
    records: tuple[Record, ...] = ()
    env: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[Mapping[str, Any], ...] = ()
    running: bool = False
    problem: str = ""

    @property
    def version(self) -> str:
        """Changes when anything that is drawn may have changed."""
        seen = [(r.role, r.trial, r.state, len(r.curve), len(r.values)) for r in self.records]
        documents = [(d.get("kind"), str(d.get("rows"))) for d in self.documents]
        aims = (self.aims.name, self.aims.objectives, self.aims.budgets)
        return hashlib.sha256(repr((seen, documents, aims, self.running, self.problem)).encode()).hexdigest()[:12]


class Source:
    """One results folder under the key by which the page asks for it; read again only when its files have changed."""

    def __init__(self, key: str, folder: Path) -> None:
        self.key = key
        self.folder = folder
        self.results: Results | None = None
        self._lock = threading.Lock()
        self._stamp: tuple[object, ...] = ()
        self._snapshot: Snapshot | None = None

    def stamp(self) -> str:
        """Changes when a file of the study has; costs no more than looking at their times."""
        return hashlib.sha256(repr(self._stamps()).encode()).hexdigest()[:12]

    def snapshot(self) -> Snapshot:
        with self._lock:
            stamp = self._stamps()
            if self._snapshot is None or stamp != self._stamp:
                self._snapshot = self._read()
                self._stamp = self._stamps()
            return self._snapshot

    def record(self, trial: str) -> Record | None:
        """The trial of exactly that reference (`17`, `finalist/0`), None where there is none."""
        return next((r for r in self.snapshot().records if reference(r) == trial), None)

    def _stamps(self) -> tuple[object, ...]:
        running = [r.folder for r in self._snapshot.records if r.state == "running"] if self._snapshot else []
        names = ["study.yaml", "journal.log", "env.json", *DOCUMENTS]
        files = [self.folder / name for name in names]
        files += [self.folder / "trials" / Path(name).name / "curve.jsonl" for name in running if name]
        driven = bool(self.results and self.results.driver)
        return driven, *(_time(file) for file in files)

    def _read(self) -> Snapshot:
        empty = read_aims({"name": self.folder.name})
        try:
            study = read_study_file(self.folder)
            aims = read_aims(study)
        except NasError as error:
            return Snapshot(empty, problem=str(error))
        try:
            results = self._open(study)
            records = tuple(results.records())
            problems = [_damage(results, records)]
        except Exception as error:  # whatever a foreign or half-written file leads to is shown in the page
            words = str(error) if isinstance(error, NasError) else f"{type(error).__name__}: {error}"
            return Snapshot(aims, problem=f"{self.folder.name} could not be read: {words}")
        env, *documents = (
            _document(file, problems) for file in (results.env_file, *map(self.folder.joinpath, DOCUMENTS))
        )
        found = tuple(document for document in documents if document)
        return Snapshot(aims, records, env, found, bool(results.driver), " ".join(filter(None, problems)))

    def _open(self, study: Mapping[str, Any]) -> Results:
        if self.results is None:
            url = _search(study).get("storage")
            if url and str(url).startswith("sqlite:///") and not Path(str(url).removeprefix("sqlite:///")).is_file():
                raise NasError(f"its storage {url} must exist, but there is no such file here")
            self.results = Results(self.folder, storage=url, name=str(study["name"]), tolerant=True)
        return self.results


class Sources:
    """All results folders under the paths that were given, by key; looked for again at each call of `all`."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._known: dict[Path, Source] = {}
        self._lock = threading.Lock()

    def all(self) -> list[Source]:
        """In the order of the paths, each path's by name; one that has gone is left out."""
        with self._lock:
            return [self._source(folder) for path in self.paths for folder in study_folders(path)]

    def get(self, key: str) -> Source | None:
        """The one of exactly that key; keys are looked up and are never part of a path."""
        return next((source for source in self.all() if source.key == key), None)

    def _source(self, folder: Path) -> Source:
        if folder not in self._known:
            taken = {source.key for source in self._known.values()}
            first = f"{folder.parent.name}-{FINALIZED}" if folder.name == FINALIZED else folder.name
            names = (first if n == 1 else f"{first}~{n}" for n in range(1, len(taken) + 2))
            self._known[folder] = Source(next(name for name in names if name not in taken), folder)
        return self._known[folder]


def find_sources(paths: Sequence[str | Path], base: Path = Path("results")) -> Sources:
    """The sources under paths: results folders, folders of such, or names of those in `base`; without any, `base`.

    Raises `NasError` where a path is not there, holds no study, or holds only studies that cannot be read.
    """
    found = [_place(Path(path), base) for path in paths] if paths else [base]
    if not paths and not base.is_dir():
        raise NasError(f"there must be results to browse, but there is no folder {base}/ here; name one")
    for path in found:
        if not any(study_folders(path)):
            inside = ", ".join(sorted(entry.name for entry in path.iterdir())[:4]) or "nothing"
            raise NasError(f"{path} must be the results of a study, or a folder of such, but it holds {inside}")
    sources = Sources([path.resolve() for path in found])
    problems = []
    for source in sources.all():
        try:
            read_aims(read_study_file(source.folder))
        except NasError as error:
            problems.append(error)
    if len(problems) == len(sources.all()):
        raise problems[0]
    return sources


def study_folders(path: Path) -> Iterator[Path]:
    """The results folders that a path means: itself, or those in it; none that a link leads out of it.

    After each stands the one of what `nas finalize` has trained again, where there is one.
    """
    if not path.is_dir():
        return
    for folder in [path] if _is_study(path) else sorted(path.iterdir()):
        for place in (folder, folder / FINALIZED):
            if place.is_dir() and _is_study(place) and place.resolve().is_relative_to(path.resolve()):
                yield place


def read_study_file(folder: Path) -> dict[str, Any]:
    """The resolved study of a results folder. Raises `NasError` where there is none, or one of a later version."""
    file = folder / "study.yaml"
    if not file.is_file():
        raise NasError(f"{folder} must hold the study.yaml of its study, but has none; restore it from where it ran")
    if file.is_symlink() and not file.resolve().is_relative_to(folder.resolve()):
        raise NasError(f"{file} must be within {folder}, but it leads to another place")
    study = read(file).plain()
    if not isinstance(study, dict):
        raise NasError(f"{file} must be a mapping of keys, but it is {type(study).__name__}")
    version = study.get("nas", VERSION)
    if version != VERSION:
        raise NasError(
            f"{file} must be of version {VERSION} of the format, but it says nas: {version}; "
            "open it with the release of nas that wrote it, or a later one"
        )
    return {"name": folder.name} | study


def _place(path: Path, base: Path) -> Path:
    found = next((place for place in (path, base / path) if place.is_dir()), None)
    if found is None:
        there = ", ".join(folder.name for folder in study_folders(base)) or "none"
        raise NasError(f"'{path}' must be a results folder or the name of one in {base}/; there are: {there}")
    return found


def _is_study(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("study.yaml", "journal.log"))


def _document(file: Path, problems: list[str]) -> Mapping[str, Any]:
    """What a file beside the records holds; nothing where it is not there, or where it is damaged, which is told."""
    try:
        found = read_json(file)
    except NasError as error:
        problems.append(f"{error}.")
        return {}
    if found is not None and not isinstance(found, Mapping):
        problems.append(f"{file} must hold a mapping, but it is {type(found).__name__}.")
        return {}
    return found or {}


def _damage(results: Results, records: Sequence[Record]) -> str:
    """What of a study could not be read, in a sentence or two; empty when all could."""
    said = [f"{results.damage}. The trials before that line are shown."] if results.damage else []
    damaged = sum((r.reason or "").startswith(DAMAGED) for r in records)
    if damaged:
        have = "has a damaged record" if damaged == 1 else "have damaged records"
        said.append(f"{plural(damaged, 'trial')} {have}; find them by the word 'damaged' outside the limits.")
    return " ".join(said)


def _search(study: Mapping[str, Any]) -> Mapping[str, Any]:
    found = study.get("search")
    return found if isinstance(found, Mapping) else {}


def _time(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size
