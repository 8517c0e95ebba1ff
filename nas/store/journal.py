"""Optuna's journal, one JSON line an operation, written by one process that holds the driver lock, read by anybody.

The format is that of `optuna.storages.journal.JournalFileBackend`, so every tool of Optuna reads the file. What differs
is who may write: the driver lock stands in for a lock file around each line, so a killed driver leaves none behind; a
line that it cut short is removed when the next one starts; and the file is synced to the disk when a trial begins or
ends and not for each parameter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from nas.errors import StoreError
from nas.store.files import writing

# Keys that only operations have which begin or end a trial, or concern the whole study.
_SYNCED = frozenset({"study_id", "directions", "state"})


class JournalReader(BaseJournalBackend):
    """Follows a journal that another process may be writing; never changes it. A last line without an end waits.

    A `tolerant` one ends at a line that is damaged, and `damage` says so.
    """

    def __init__(self, path: Path, *, tolerant: bool = False) -> None:
        self.path = path
        self.tolerant = tolerant
        self.damage = ""
        self._number = 0
        self._offset = 0

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        if log_number_from != self._number:
            self._number, self._offset = 0, 0
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.path} must be readable, but {error.strerror}") from error
        return self._parse(data, log_number_from)

    def _parse(self, data: bytes, log_number_from: int) -> list[dict[str, Any]]:
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
        logs = []
        for line in lines:
            if self._number >= log_number_from:
                try:
                    logs.append(self._decode(line))
                except StoreError as error:
                    if not self.tolerant:
                        raise
                    self.damage = str(error)
                    break
            self._number += 1
            self._offset += len(line)
        return logs

    def _decode(self, line: bytes) -> dict[str, Any]:
        try:
            log: dict[str, Any] = json.loads(line)
            return log
        except ValueError as error:
            raise StoreError(
                f"{self.path} must have one JSON object a line, but line {self._number + 1} has none ({error}); "
                "restore the file from a copy, or remove that line and all after it"
            ) from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise StoreError(f"{self.path} was opened for reading")


class JournalWriter(JournalReader):
    """Appends to a journal; whoever makes one holds the driver lock. Raises `StoreError` when it cannot write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with writing(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._remove_cut_line()

    def _remove_cut_line(self) -> None:
        size = os.fstat(self._fd).st_size
        tail = b""
        start = size
        while start > 0 and b"\n" not in tail:
            start = max(0, start - 65536)
            tail = os.pread(self._fd, size - start, start)
        keep = start + tail.rfind(b"\n") + 1
        if keep < size:
            with writing(self.path):
                os.ftruncate(self._fd, keep)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        if log_number_from != self._number:
            self._number, self._offset = 0, 0
        size = os.fstat(self._fd).st_size
        pieces: list[bytes] = []
        while (start := self._offset + sum(len(piece) for piece in pieces)) < size:
            pieces.append(os.pread(self._fd, size - start, start))
        return self._parse(b"".join(pieces), log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        size = os.fstat(self._fd).st_size
        with writing(self.path):
            try:
                written = 0
                while written < len(data):
                    written += os.write(self._fd, data[written:])
                if any(_SYNCED & log.keys() for log in logs):
                    os.fdatasync(self._fd)
            except OSError:
                os.ftruncate(self._fd, size)
                raise

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
