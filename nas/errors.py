"""Every error the engine raises on purpose; the message says what must hold, what was found, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text file, counted from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class NasError(Exception):
    """Base of all errors a user can cause or mend; the command line prints it alone and exits with `exit_code`."""

    exit_code = 2


class SpecError(NasError):
    """A space, study or device file says something it may not say.

    `mark` is the place in the file, `path` the place in the tree (`stages.s1.block.mbconv.kernel`).
    """

    def __init__(self, message: str, *, mark: Mark | None = None, path: str | None = None) -> None:
        self.message = message
        self.mark = mark
        self.path = path
        where = " ".join(part for part in (f"{mark}:" if mark else "", f"at {path}:" if path else "") if part)
        super().__init__(f"{where} {message}" if where else message)


class InvalidArchitecture(NasError):
    """A decided network cannot be built; `reason` says why, `path` names the block, `mark` is where it was written."""

    def __init__(self, reason: str, *, path: str | None = None, mark: Mark | None = None) -> None:
        self.reason = reason
        self.path = path
        self.mark = mark
        super().__init__(": ".join(str(part) for part in (mark, path, reason) if part))


class DataError(NasError):
    """A data set is missing, empty, unreadable or of the wrong form."""


class DeviceError(NasError):
    """A device or runtime was asked for that this host does not offer, or a measurement could not be taken."""


class DeviceGone(DeviceError):
    """A device that was there is gone: what was to be measured on it waits for the next run, and nothing has failed."""


class StoreError(NasError):
    """A results folder cannot be written, or another live process is writing it."""


class ExportError(NasError):
    """A network cannot be written in a format, what was written gives other outputs, or a model cannot be read."""


class BudgetUnreachable(NasError):
    """No network of the space can meet a budget; raised before any training."""


MOST_LISTED = 60  # more words than that are a wall, not a help


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The end of an error about an unknown word: the closest allowed one, and all of them, or how many they are."""
    options = sorted(allowed)
    close = get_close_matches(word, options, n=4)
    hint = f"did you mean '{close[0]}'? " if close else ""
    if len(options) > MOST_LISTED:
        return f"{hint}near it: {', '.join(close) or 'nothing'}; {len(options)} are allowed"
    return f"{hint}allowed: {', '.join(options) if options else 'nothing'}"
