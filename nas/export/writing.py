"""Writes a network in several formats, looks at each, and goes on where one cannot express it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nas.errors import ExportError, NasError, StoreError
from nas.export.checking import Check, blamed, check
from nas.export.formats import Format
from nas.export.model import Model


@dataclass(frozen=True)
class Outcome:
    """What became of one format: its files and how its outputs compare, or why there are none."""

    format: str
    state: Literal["written", "failed", "left out"]
    reason: str = ""
    files: tuple[str, ...] = ()
    size: int = 0
    check: Check | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"format": self.format, "state": self.state}
        if self.state != "written":
            return found | {"reason": self.reason}
        outputs = self.check.to_json() if self.check else None
        seconds = round(self.seconds, 2)
        return found | {"files": list(self.files), "bytes": self.size, "outputs": outputs, "seconds": seconds}


def write_formats(model: Model, wanted: Sequence[Format], folder: Path, tell: Callable[[str], None]) -> list[Outcome]:
    """Every format in turn, in the order given; files of one that failed are removed.

    Raises `StoreError` where the folder cannot be written.
    """
    outcomes: list[Outcome] = []
    for format in wanted:
        tell(f"{format.name}: writing {format.file} ...")
        kept = {file for outcome in outcomes for file in outcome.files}
        began = time.perf_counter()
        failed = {outcome.format for outcome in outcomes if outcome.state == "failed"}
        try:
            if format.made_of in failed:
                raise ExportError(
                    f"format {format.name} is made of {format.made_of}, which could not be written; "
                    f"take another format ({format.alternatives(failed)})"
                )
            found = _written(format, model, folder)
        except StoreError:
            raise
        except NasError as error:
            found = Outcome(format.name, "failed", str(error))
        except Exception as error:  # whatever a format raises, it cannot express this network: who is to blame?
            found = Outcome(format.name, "failed", str(blamed(format, model, error, failed)))
        if found.state == "failed":
            for file in set(format.files) - kept:
                (folder / file).unlink(missing_ok=True)
            tell(f"{format.name}: {found.reason}")
        else:
            tell(f"{format.name}: done in {time.perf_counter() - began:.1f} s")
        outcomes.append(found)
    return outcomes


def _written(format: Format, model: Model, folder: Path) -> Outcome:
    began = time.perf_counter()
    format.write(model, folder)
    size = sum((folder / file).stat().st_size for file in format.files)
    found = check(format, model, folder)
    return Outcome(format.name, "written", "", format.files, size, found, time.perf_counter() - began)


def listing(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of a folder by name, with their bytes and SHA-256."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
