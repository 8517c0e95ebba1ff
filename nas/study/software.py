"""Which version of this tool a study was run with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nas


def software() -> dict[str, str]:
    """`nas`, the version, and `commit`, what git calls the checkout that it runs from, where it runs from one."""
    commit = _commit(Path(nas.__file__).parent.parent)
    return {"nas": nas.__version__, **({"commit": commit} if commit else {})}


def _commit(folder: Path) -> str | None:
    """None where git is not installed or does not answer; ends in `-dirty` where files were changed since."""
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
