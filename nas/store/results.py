"""The layout of `results/<study>/`, and the one way in and out of it."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.errors import StoreError
from nas.store.attributes import record_of
from nas.store.files import append_line, check_writable, read_json, read_lines, write_json, writing
from nas.store.journal import JournalReader, JournalWriter
from nas.store.lock import DriverLock, holder, is_held
from nas.store.record import Record, Role
from nas.store.storage import open_storage, quiet, storage_errors

Direction = Literal["minimize", "maximize"]
DAMAGED = "its record is damaged"  # how the reason of such a trial begins
FINALIZED = "finalized"  # the folder within a study's where chosen networks are trained again, and its document
WARM_START = "warm_start.json"  # which earlier studies a search began with, and what became of their networks
MAPS = "maps"  # the folder within a trial's with what the network looks at in images, and its document
ROLES: tuple[Role, ...] = get_args(Role)


def is_ours(folder: Path) -> bool:
    """Whether a folder is one of a study, or empty, so that nothing of somebody else's is written among."""
    return any((folder / name).exists() for name in ("driver.lock", "journal.log", "study.yaml")) or not any(
        folder.iterdir()
    )


class Results:
    """A results folder. Anybody may read it at any time; who writes does so within `driving()`.

    `storage` is an Optuna storage URL (`sqlite:///...`, `postgresql://...`); without one it is a journal in the folder.
    `name` begins the names of the Optuna studies, by default the folder's name; in a storage that several folders may
    share, `storage.json` keeps what this folder's studies are called, so that two folders of one name never mix.
    A `tolerant` reader leaves out what cannot be read: `damage` says what is wrong with the journal, and a trial whose
    own record is damaged is a failed one with that as its reason.
    """

    def __init__(
        self, folder: Path | str, *, storage: str | None = None, name: str | None = None, tolerant: bool = False
    ) -> None:
        self.folder = Path(folder)
        self.storage_url = storage
        self.tolerant = tolerant
        self.name = name or self.folder.resolve().name
        self.study_file = self.folder / "study.yaml"
        self.env_file = self.folder / "env.json"
        self.data_file = self.folder / "data.json"
        self.journal_file = self.folder / "journal.log"
        self.storage_file = self.folder / "storage.json"
        self.adopted_file = self.folder / "adopted.json"
        self.warm_file = self.folder / WARM_START
        self.front_file = self.folder / "front.json"
        self.report_file = self.folder / "report.html"
        self.table_file = self.folder / "trials.parquet"
        self.best_folder = self.folder / "best"
        self.trials_folder = self.folder / "trials"
        self.finalized_folder = self.folder / FINALIZED
        self.finalized_file = self.folder / f"{FINALIZED}.json"
        self._lock = DriverLock(self.folder / "driver.lock")
        self._storage: BaseStorage | None = None
        self._reader: BaseStorage | None = None
        self._journal = JournalReader(self.journal_file, tolerant=tolerant)
        self._known: dict[tuple[Role, int], Record] = {}

    @property
    def exists(self) -> bool:
        """Whether a search has been started here."""
        return self.journal_file.exists() or self.study_file.exists()

    @property
    def driver(self) -> dict[str, Any]:
        """The live process that is writing here (`pid`, `host`, `since`); empty when there is none."""
        return holder(self._lock.path) if is_held(self._lock.path) else {}

    @property
    def damage(self) -> str:
        """What the last reading could not read of the journal; empty when all is well."""
        return self._journal.damage

    @contextlib.contextmanager
    def driving(self) -> Iterator[Results]:
        """Take the folder for writing. Raises `StoreError` when it cannot be written or another live process has it."""
        with writing(self.folder):
            self.trials_folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            check_writable(self.folder)
            if self.storage_url and not self.storage_file.exists():
                write_json(self.storage_file, {"studies": f"{self.name}-{uuid.uuid4().hex[:8]}"})
            writer = None if self.storage_url else JournalWriter(self.journal_file)
            self._storage = JournalStorage(writer) if writer else open_storage(self.storage_url or "")
            try:
                yield self
            finally:
                self._storage = None
                if writer:
                    writer.close()

    def study(
        self, role: Role, directions: Sequence[Direction], sampler: optuna.samplers.BaseSampler | None = None
    ) -> Study:
        """The Optuna study of a role, made if there is none; only while driving.

        Raises `StoreError` when it exists with other directions.
        """
        if self._storage is None:
            raise StoreError(f"results folder {self.folder} must be taken with driving() before it is written")
        with quiet(), storage_errors():
            study = optuna.create_study(
                storage=self._storage,
                study_name=self.study_name(role),
                directions=list(directions),
                sampler=sampler,
                pruner=optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
        found = [direction.name.lower() for direction in study.directions]
        if found != list(directions):
            raise StoreError(
                f"the study in {self.folder} must have the objectives it was started with ({', '.join(found)}), "
                f"but got {', '.join(directions)}; choose another folder with --out"
            )
        return study

    def study_name(self, role: Role) -> str:
        """What the Optuna study of a role is called; candidates have a new one since the space was changed."""
        adopted = self.adopted if role == "candidate" else None
        return str(adopted["candidates"]) if adopted else self._first_name(role)

    def _first_name(self, role: Role) -> str:
        kept = read_json(self.storage_file) if self.storage_url else None
        return f"{kept['studies'] if kept else self.name}/{role}"

    @property
    def adopted(self) -> dict[str, Any] | None:
        """The space that `begin_again` went on in last, as `space`, and what its candidates' study is called."""
        return read_json(self.adopted_file)  # type: ignore[no-any-return]

    def begin_again(self, trials: Sequence[FrozenTrial], directions: Sequence[Direction], space: Any) -> None:
        """Put these trials in the place of the candidates, in an Optuna study of their own, for parameters of other
        values cannot be in one; only while driving. Whoever is killed before the end has changed nothing.
        """
        assert self._storage is not None
        with quiet(), storage_errors():
            taken = set(optuna.get_all_study_names(self._storage))
            name = next(
                name for n in itertools.count(2) if (name := f"{self._first_name('candidate')}.{n}") not in taken
            )
            study = optuna.create_study(storage=self._storage, study_name=name, directions=list(directions))
            for trial in trials:
                study.add_trial(trial)
        write_json(self.adopted_file, {"candidates": name, "space": space})
        self._known.clear()

    def records(self, role: Role | None = None) -> list[Record]:
        """Every trial, by role and number; a live driver may be writing meanwhile."""
        storage = self._storage or self._reading()
        if storage is None:
            return []
        found = []
        with storage_errors():
            ids = {study.study_name: study._study_id for study in storage.get_all_studies()}
            for each in ROLES if role is None else (role,):
                study_id = ids.get(self.study_name(each))
                if study_id is not None:
                    found += [self._record(trial, each) for trial in storage.get_all_trials(study_id, deepcopy=False)]
        return found

    def record(self, reference: str) -> Record:
        """One trial: `17` (a candidate), `baseline/3`, `finalist/0`, the start of an `arch_id`, or a name.

        Raises `StoreError` when there is none, or several networks fit.
        """
        records = self.records()
        role, _, number = reference.rpartition("/")
        if number.isdecimal():
            fits = [r for r in records if r.trial == int(number) and r.role == (role or "candidate")]
            if fits:
                return fits[0]
        trained = [r for r in records if r.folder]
        fits = [r for r in trained if r.name == reference] or [
            r for r in trained if reference and r.arch_id.startswith(reference)
        ]
        if len({r.arch_id for r in fits}) == 1:
            return fits[-1]
        count = sum(r.role == "candidate" for r in records)
        what = (
            f"{len(fits)} trials fit; give more of it"
            if fits
            else f"there are candidates 0 to {count - 1}"
            if count
            else "it has none"
        )
        raise StoreError(f"no single trial '{reference}' in {self.folder}: {what}")

    def trial_folder(self, key: str) -> Path:
        """The folder of a trial. Raises `StoreError` for one that would be outside the results folder."""
        folder = self.trials_folder / key
        if Path(key).name != key or key == "..":
            raise StoreError(f"the folder of a trial must be one in {self.trials_folder}, but got '{key}'")
        self._check_inside(folder)
        return folder

    def trial_file(self, key: str, name: str) -> Path:
        """A file in the folder of a trial. Raises `StoreError` for one that would be outside the results folder."""
        file = self.trial_folder(key) / name
        self._check_inside(file)
        return file

    def _check_inside(self, path: Path) -> None:
        if path.is_symlink() and not path.resolve().is_relative_to(self.folder.resolve()):
            raise StoreError(f"{path} must lead to a place within {self.folder}, but it leads to {path.resolve()}")

    def make_trial_folder(self, key: str, architecture: Mapping[str, Any]) -> Path:
        """The folder of a trial with its `architecture.json`; raises `StoreError`."""
        folder = self.trial_folder(key)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "architecture.json").exists():
            write_json(folder / "architecture.json", architecture, durable=False)
        return folder

    def curve(self, key: str) -> list[dict[str, Any]]:
        """One mapping an epoch, in order; where an epoch was done twice the later one counts."""
        if not key:
            return []
        lines = read_lines(self.trial_file(key, "curve.jsonl"))
        return [line for _, line in sorted({line.get("epoch", 0): line for line in lines}.items())]

    def stages(self, key: str) -> dict[str, Any] | None:
        """The latency of a network's blocks as `keep_stages` kept it, None where there is none."""
        found = read_json(self.trial_file(key, "stages.json")) if key else None
        return found if isinstance(found, dict) else None

    def keep_stages(self, key: str, document: Mapping[str, Any]) -> Path:
        """Replace what is known of the latency of a network's blocks, also while a search runs; raises `StoreError`."""
        file = self.trial_file(key, "stages.json")
        write_json(file, document)
        return file

    def proxies(self, key: str) -> dict[str, dict[str, Any]]:
        """The scores of zero-cost proxies as `keep_proxies` kept them, by name; empty where there are none."""
        found = read_json(self.trial_file(key, "proxies.json")) if key else None
        return {name: score for name, score in (found or {}).items() if isinstance(score, dict)}

    def keep_proxies(self, key: str, scores: Mapping[str, Mapping[str, Any]]) -> None:
        """Add scores, each with `value` and `reason`, to those of a trial, also while a search runs; `StoreError`."""
        write_json(self.trial_file(key, "proxies.json"), {**self.proxies(key), **scores}, durable=False)

    def append_curve(self, key: str, line: Mapping[str, Any]) -> None:
        append_line(self.trial_folder(key) / "curve.jsonl", line)

    def _record(self, trial: optuna.trial.FrozenTrial, role: Role) -> Record:
        known = self._known.get((role, trial.number))
        if known is not None:
            return known
        try:
            record = record_of(trial, role)
            if record.folder:
                scores = {name: score.get("value") for name, score in self.proxies(record.folder).items()}
                record = replace(record_of(trial, role, self.curve(record.folder)), proxies=scores)
        except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
            if not self.tolerant:
                raise
            reason = f"{DAMAGED}: {type(error).__name__}: {error}"
            record = Record(trial.number, "failed", role=role, reason=reason)
        if trial.state.is_finished():
            self._known[role, trial.number] = record
        return record

    def _reading(self) -> BaseStorage | None:
        if self._reader is None:
            if self.storage_url:
                self._reader = open_storage(self.storage_url)
            elif self.journal_file.exists():
                self._reader = JournalStorage(self._journal)
        return self._reader
