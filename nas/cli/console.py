"""Where output goes: results to standard output, everything else to standard error; `--json` is one document."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from nas.errors import NasError

# Where it is no terminal (a file, a pipe) there is no width to keep to but that of a page.
PAGE = 120

out = Console(width=None if sys.stdout.isatty() else PAGE)
err = Console(stderr=True)

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else.")
]


def print_json(data: Any) -> None:
    """One strict JSON document on standard output; what is not a number becomes null."""
    typer.echo(json.dumps(_strict(data), indent=2, ensure_ascii=False, allow_nan=False))


def write_to(path: Path, text: str) -> None:
    """Write a file that a person asked for. Raises `NasError` where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NasError(f"{path} must be a file that can be written, but: {error.strerror}") from error


def _strict(data: Any) -> Any:
    match data:
        case float() if not math.isfinite(data):
            return None
        case dict():
            return {str(key): _strict(value) for key, value in data.items()}
        case list() | tuple():
            return [_strict(item) for item in data]
    return data


def si(value: float | None, unit: str = "") -> str:
    """A count that a person can read: 1.23M."""
    if value is None:
        return "-"
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{prefix}{unit}"
    return f"{value:g}{unit}"


def macs_words(row: Mapping[str, Any]) -> str:
    """The MACs of a network: one number, or from the least to the most where they depend on the image."""
    span = row.get("macs_range")
    return f"{si(span['least'])} to {si(span['most'])}" if span else si(row["macs"])
