"""Arrays of images kept as memory maps in the user's cache folder, each under a fingerprint of its origin."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from nas.data.dataset import Images
from nas.errors import DataError

try:
    import fcntl
except ImportError:  # Windows: two processes may then decode the same, and the later one wins
    fcntl = None  # type: ignore[assignment]

# The shape of one image, and the images in order; a text in place of an image says why it could not be read.
Rows = Callable[[], tuple[tuple[int, ...], Iterator[Images | str]]]


@dataclass(frozen=True, eq=False)
class Entry:
    """Images (N, H, W, C); `skipped` says why for each position that could not be read and is not among them."""

    images: Images
    skipped: dict[int, str]


class Store:
    """The cache folder; entries appear whole or not at all, and may be deleted at any time when nothing runs."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or platformdirs.user_cache_path("nas") / "images"

    def get(self, key: str, count: int, rows: Rows) -> Entry:
        """The entry of that name, made of `count` rows where there is none yet. Raises `DataError` if it cannot be."""
        entry = self._open(key)
        if entry is not None:
            return entry
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock(key):
                return self._open(key) or self._write(key, count, rows)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(
                f"{self.folder}: must be a folder to keep decoded images in, but: {reason}; set data.cache"
            ) from error

    def _open(self, key: str) -> Entry | None:
        folder = self.folder / key
        try:
            meta = json.loads((folder / "meta.json").read_text())
            shape = tuple(meta["shape"])
            skipped = {int(position): reason for position, reason in meta["skipped"].items()}
            if (folder / "images.u8").stat().st_size != int(np.prod(shape)):
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # absent or damaged: made anew
        if not shape[0]:
            return Entry(np.empty(shape, np.uint8), skipped)
        # Copy-on-write: pages are shared by all processes, and arrays count as writable, as torch wants them.
        return Entry(np.memmap(folder / "images.u8", np.uint8, "c", shape=shape), skipped)

    def _write(self, key: str, count: int, rows: Rows) -> Entry:
        for stale in self.folder.glob(f"{key}.*.tmp"):  # of a process that was killed; the lock is ours
            shutil.rmtree(stale, ignore_errors=True)
        shape, images = rows()
        needed, free = count * int(np.prod(shape)), shutil.disk_usage(self.folder).free
        if needed > free:
            found = f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free"
            raise DataError(f"{self.folder}: must have room for {count:,} decoded images, but {found}; set data.cache")
        temporary = self.folder / f"{key}.{os.getpid()}.tmp"
        temporary.mkdir()
        try:
            skipped: dict[int, str] = {}
            # Written, not mapped: a full disk is then an error and no SIGBUS.
            with (temporary / "images.u8").open("wb") as file:
                for position, row in enumerate(images):
                    if isinstance(row, str):
                        skipped[position] = row
                    else:
                        file.write(np.ascontiguousarray(row).data)
                file.flush()
                os.fsync(file.fileno())
            meta = {"shape": [count - len(skipped), *shape], "skipped": skipped}
            (temporary / "meta.json").write_text(json.dumps(meta))
            shutil.rmtree(self.folder / key, ignore_errors=True)
            temporary.rename(self.folder / key)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        entry = self._open(key)
        if entry is None:
            raise OSError("what was written could not be read back")
        return entry

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        """One process decodes, others wait for it; on a file system without locks all decode, which is right too."""
        with (self.folder / f"{key}.lock").open("w") as file:
            if fcntl is not None:
                with suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield
