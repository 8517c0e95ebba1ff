"""The journal: Optuna's format, one writer, any number of readers, whole lines only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.errors import StoreError
from nas.store.journal import JournalReader, JournalWriter


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[JournalWriter]:
    found = JournalWriter(tmp_path / "journal.log")
    yield found
    found.close()


def run_some(writer: JournalWriter, count: int) -> optuna.Study:
    study = optuna.create_study(storage=JournalStorage(writer), study_name="a", load_if_exists=True)
    for _ in range(count):
        trial = study.ask()
        trial.set_user_attr("x", "é" * 10)
        study.tell(trial, trial.suggest_float("v", 0, 1))
    return study


def test_optuna_reads_what_was_written_and_the_other_way_round(writer: JournalWriter) -> None:
    ours = run_some(writer, 3)
    theirs = optuna.load_study(storage=JournalStorage(JournalFileBackend(str(writer.path))), study_name="a")
    assert theirs.trials == ours.trials
    theirs.tell(theirs.ask(), 0.5)
    assert len(ours.trials) == 4
    assert len(optuna.load_study(storage=JournalStorage(JournalReader(writer.path)), study_name="a").trials) == 4


def test_reader_follows_a_live_writer(writer: JournalWriter) -> None:
    run_some(writer, 1)
    reader = optuna.load_study(storage=JournalStorage(JournalReader(writer.path)), study_name="a")
    assert len(reader.trials) == 1
    run_some(writer, 2)
    with writer.path.open("ab") as file:
        file.write(b'{"op_code":4,"study')
    assert len(reader.trials) == 3
    with pytest.raises(StoreError, match="opened for reading"):
        reader.ask()


def test_line_cut_by_a_kill_is_removed(writer: JournalWriter) -> None:
    run_some(writer, 2)
    size = writer.path.stat().st_size
    with writer.path.open("ab") as file:
        file.write(b'{"op_code":4,"study_id":0')
    again = JournalWriter(writer.path)
    assert writer.path.stat().st_size == size
    assert len(run_some(again, 1).trials) == 3
    again.close()


def test_file_of_one_cut_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(b'{"op')
    JournalWriter(path).close()
    assert path.read_bytes() == b""


def test_broken_line_is_named(writer: JournalWriter) -> None:
    run_some(writer, 1)
    with writer.path.open("ab") as file:
        file.write(b"what?\n")
    with pytest.raises(StoreError, match=r"journal.log must have one JSON object a line, but line \d+ has none"):
        JournalStorage(JournalReader(writer.path))


def test_full_disk_leaves_whole_lines(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    study = run_some(writer, 1)
    size = writer.path.stat().st_size
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) <= 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[: len(data) - 10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreError, match="the disk is full; free some space"):
            study.ask()
    assert writer.path.stat().st_size == size
    assert len(run_some(writer, 1).trials) == 2
