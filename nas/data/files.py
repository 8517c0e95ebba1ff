"""Image files: which there are, how they are named in messages, and a fingerprint that changes when they do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from nas.errors import DataError

SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def shown(path: Path | str) -> str:
    """A name that can be printed: bytes that are no UTF-8 are replaced."""
    return str(path).encode("utf-8", "replace").decode()


def is_image(name: str) -> bool:
    """Whether a file is looked at, by its name: hidden files are not (macOS leaves `._photo.jpg` beside photos)."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122  (for speed)


def images_below(folder: Path) -> list[Path]:
    """All image files in a folder and the folders in it, sorted. Raises `DataError` where one cannot be listed."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{shown(folder)}: cannot be read: {error}") from error

    found = []
    for top, below, names in os.walk(folder, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(top, name) for name in names if is_image(name)]
    return sorted(found)


def fingerprint(files: Sequence[Path], settings: str) -> str:
    """32 hex digits of paths, sizes and times of change. Raises `DataError` for a file that is gone."""
    digest = hashlib.sha256(settings.encode())
    for path in files:
        try:
            state = path.stat()
        except OSError as error:
            raise DataError(f"{shown(path)}: cannot be read: {error.strerror}") from error
        digest.update(os.fsencode(path.absolute()) + f"\0{state.st_size} {state.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:32]
