"""What a remembered cost depends on besides the block: the code of blocks and counting, and torch's version."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch

import nas
from nas.blocks.registry import BLOCKS, PARTS

_ROOMS = ("arch", "blocks", "cost")


@cache
def fingerprint() -> str:
    """Thirty-two hex digits that change with any source file of the rooms that make blocks, shapes and counts.

    Blocks and parts of other packages enter with the file of their class and that of each class it inherits from; a
    package whose blocks live in several modules changes with those of them that define a table entry.
    """
    digest = hashlib.blake2b(f"{torch.__version__}|{sys.version_info[:2]}".encode(), digest_size=16)
    package = Path(nas.__file__).parent
    own = [path for room in _ROOMS for path in sorted((package / room).rglob("*.py"))]
    for path in (*own, *_outside(package)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _outside(package: Path) -> Iterable[Path]:
    tables = (BLOCKS, *PARTS.values())
    files = set()
    for cls in (cls for table in tables for cls in table.values()):
        for base in cls.__mro__:
            if base.__module__.partition(".")[0] in ("builtins", "torch", "pydantic"):
                continue
            try:
                file = inspect.getsourcefile(base)
            except TypeError:  # a class of the interpreter's own
                continue
            if file is not None and not Path(file).is_relative_to(package):
                files.add(Path(file))
    return sorted(path for path in files if path.is_file())
