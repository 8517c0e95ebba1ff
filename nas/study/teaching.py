"""The teacher of a study's networks: its files, taken from a trial or a folder into the results."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from nas.data import Dataset
from nas.errors import NasError, StoreError
from nas.store import Results
from nas.store.files import writing
from nas.study.keep import keep_best
from nas.study.results import find_record, stored_plan
from nas.train import latest
from nas.train.teacher import ARCHITECTURE, WEIGHTS, Teacher, fingerprint, read_network

TEACHER = "teacher"


def keep_teacher(results: Results, name: str | None, folder: Path, dataset: Dataset) -> Path:
    """The teacher's folder within `folder`, made if there is none; see `write_teacher`.

    One that stands there stays where no name is given. Raises `StoreError` where it is another one than is named, and
    `NasError` for one that does not fit the data, which is not kept.
    """
    place = folder / TEACHER
    if place.is_dir() and name is None:
        read_network(place)
        return place
    with TemporaryDirectory() as scratch:
        found = write_teacher(results, name, Path(scratch))
        if not place.is_dir():
            Teacher(found, dataset, torch.device("cpu"))
            partial = folder / f".{TEACHER}.partial"
            with writing(place):
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(found, partial)
                partial.rename(place)
        elif fingerprint(place) != fingerprint(found):
            raise StoreError(
                f"the networks of one folder must have one teacher, but {place} is another one than {name}; leave "
                "--teacher out to go on with it, or choose another folder with --out"
            )
    return place


def write_teacher(results: Results, name: str | None, folder: Path) -> Path:
    """Architecture and weights of a teacher, in a folder within `folder`.

    `name` is a trial of the study, or a folder with both files (or the weights in it); by default the best of the
    search. Raises `NasError` where there is none, or it has no weights.
    """
    place = folder / TEACHER
    if name is not None and (path := _folder_of(name)) is not None:
        read_network(path)
        with writing(place):
            place.mkdir()
            for file in (ARCHITECTURE, WEIGHTS):
                shutil.copyfile(path / file, place / file)
        return place
    record = find_record(results, name or "best")
    if not record.folder or latest(results.trial_folder(record.folder)) is None:
        raise NasError(
            f"a teacher must have weights, but trial {name or record.trial} of {results.folder} has no checkpoint; "
            "name another trial, or a folder such as best/, with --teacher"
        )
    return keep_best(results, record, stored_plan(results, record), folder=place)


def _folder_of(name: str) -> Path | None:
    """The folder that is meant, by itself or by the weights in it; None where the name is that of a trial."""
    path = Path(name)
    if path.is_dir():
        return path
    return path.parent if path.is_file() else None
