"""Writing so that a reader never sees half a file, and so that a full disk is an error a person can read."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.errors import StoreError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and start again, everything finished is kept",
    errno.EDQUOT: "the disk quota is used up; free some space and start again, everything finished is kept",
    errno.EACCES: "permission was denied; choose another folder with --out, or change its permissions",
    errno.EPERM: "permission was denied; choose another folder with --out, or change its permissions",
    errno.EROFS: "the file system is read-only; choose another folder with --out",
    errno.ENOTDIR: "a file stands where a folder must be; choose another folder with --out",
    errno.EEXIST: "a file stands where a folder must be; choose another folder with --out",
    errno.EFBIG: "the largest size of a file is reached; raise the limit (ulimit -f) and start again",
}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the operating system says about writing `path` into a `StoreError`."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StoreError(f"results must be writable, but writing {path} failed: {reason}") from error


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file in one step: a reader, or a process killed here, leaves the old content or the new one.

    `durable` waits until the content is on the disk. Raises `StoreError`.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    with writing(path):
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(text)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def write_json(path: Path, data: Any, *, durable: bool = True) -> None:
    """Replace a JSON file in one step; raises `StoreError`."""
    write_text(path, json.dumps(data, indent=1, default=_plain) + "\n", durable=durable)


def read_json(path: Path) -> Any:
    """The content of a JSON file, None when there is none; raises `StoreError` when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} must be a readable JSON file, but {error}; remove it or restore it") from error


def append_line(path: Path, data: Mapping[str, Any]) -> None:
    """Add one JSON line to a file; raises `StoreError`."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(data, separators=(",", ":"), default=_plain) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file, none when it does not exist; a last line that was cut off is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path} must be readable, but {error.strerror}") from error
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [item for item in found if isinstance(item, dict)]


def check_writable(folder: Path) -> None:
    """Raises `StoreError` when no file can be made and filled in a folder."""
    probe = folder / f".probe.{os.getpid()}"
    with writing(folder):
        try:
            probe.write_bytes(b"\0" * 65536)
        finally:
            probe.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Mappings and scalars of other libraries (numpy) as JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
