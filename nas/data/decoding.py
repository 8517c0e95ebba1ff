"""Image files to one array: decoded once, by all cores, and kept as a memory map that later runs open at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from nas.data.cache import Entry, Store
from nas.data.dataset import Images
from nas.data.files import fingerprint, shown
from nas.data.pixels import orientation, plain_mode, square
from nas.data.progress import progress
from nas.errors import DataError

# Part of the fingerprint: raise it when the same file would decode to other pixels.
VERSION = 1

T = TypeVar("T")


def decode(
    files: Sequence[Path], resolution: int | None, channels: int, cache: Path | None, *, skip_unreadable: bool = False
) -> Entry:
    """All files in order as (N, side, side, channels), cropped to the centre square and resized to `resolution`.

    Without a resolution all must be square and of one size. Decoding happens once for the same paths, sizes, times of
    change, resolution and channels. Raises `DataError`: for the first image that cannot be read (unless they are to be
    skipped), and for a cache that cannot be written.
    """
    store = Store(cache)
    key = fingerprint(files, f"{VERSION} {resolution} {channels}")

    def rows() -> tuple[tuple[int, ...], Iterator[Images | str]]:
        side = resolution or _common_side(files)
        return (side, side, channels), _decoded(files, side, channels, skip_unreadable)

    entry = store.get(key, len(files), rows)
    if entry.skipped and not skip_unreadable:
        first = min(entry.skipped)
        raise _unreadable(files[first], entry.skipped[first])
    return entry


def decode_file(path: Path, side: int, channels: int) -> Images:
    """One image as (side, side, channels). Pillow raises all kinds of errors for damaged files."""
    with Image.open(path) as image:
        # JPEG decodes to a half, quarter or eighth at little cost; twice the side leaves the resampling its work.
        image.draft(None, (2 * side, 2 * side))
        image.load()
        turn = orientation(image)
        # Turning last is cheap, and the same: the centre square is where it was.
        pixels = square(plain_mode(image, channels), side)
    if turn is not None:
        pixels = pixels.transpose(turn)
    return np.asarray(pixels).reshape(side, side, channels)


def _decoded(files: Sequence[Path], side: int, channels: int, skip_unreadable: bool) -> Iterator[Images | str]:
    ahead = max(64, min(1024, (128 << 20) // (side * side * channels)))
    with progress(f"decoding {len(files):,} images to {side} x {side}", len(files)) as advance:
        results = _in_parallel(lambda path: decode_file(path, side, channels), files, ahead)
        for path, result in zip(files, results, strict=True):
            if isinstance(result, Exception):
                if not skip_unreadable:
                    raise _unreadable(path, _reason(result)) from result
                yield _reason(result)
            else:
                yield result
            advance()


def _in_parallel(function: Callable[[Path], T], files: Sequence[Path], ahead: int = 1024) -> Iterator[T | Exception]:
    """The function of each file in order, an exception where it raised one; at most `ahead` results wait in memory.

    Threads are enough: Pillow decodes and resizes without holding the interpreter's lock.
    """

    def attempt(path: Path) -> T | Exception:
        try:
            return function(path)
        except Exception as error:  # a damaged file can raise anything; it is told to the caller
            return error

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF and of large photos, which are read all the same
        for start in range(0, len(files), ahead):
            yield from pool.map(attempt, files[start : start + ahead])


def _common_side(files: Sequence[Path]) -> int:
    """The side that all readable images share. Raises `DataError` where they differ or are not square."""

    def size(path: Path) -> tuple[int, int]:
        with Image.open(path) as image:
            return image.size

    example: tuple[Path, tuple[int, int]] | None = None
    for path, found in zip(files, _in_parallel(size, files), strict=True):
        if isinstance(found, Exception):
            continue  # told, or skipped, when it is decoded
        shape = f"{found[0]} x {found[1]}"
        if found[0] != found[1]:
            raise DataError(
                f"{shown(path)}: images must be square, but this one is {shape}; give a resolution to crop to"
            )
        if example is not None and found != example[1]:
            other = f"{shown(example[0])} is {example[1][0]} x {example[1][1]}"
            raise DataError(
                f"{shown(path)}: images must be of one size, but this one is {shape} and {other}; give a resolution"
            )
        example = example or (path, found)
    return example[1][0] if example else 1


def _reason(error: Exception) -> str:
    return f"{error or type(error).__name__}".splitlines()[0][:200]


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(f"{shown(path)}: cannot be read as an image: {reason}; remove it, or --skip-unreadable")
