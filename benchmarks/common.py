"""What every benchmark shares: the environment it ran in, medians with their spread, a table, and a results file."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("torch", "fvcore", "optuna", "ray", "numpy", "pydantic", "nas")


class Spread(NamedTuple):
    """The middle of some values, and how far nine in ten of them lie apart."""

    median: float
    p5: float
    p95: float
    n: int

    def __str__(self) -> str:
        return f"{self.median:.4g} [{self.p5:.4g}, {self.p95:.4g}]"


def spread(values: Iterable[float]) -> Spread:
    """Median, 5th and 95th percentile (linear between neighbours) and count; raises `ValueError` for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a spread needs at least one value, but got none")

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])

    return Spread(statistics.median(ordered), at(0.05), at(0.95), len(ordered))


def environment() -> dict[str, Any]:
    """What a number depends on: processor, usable cores, load, versions, commit, date. Does not import torch."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def report(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | Mapping[str, str],
    environment: Mapping[str, Any],
    out: Path | None = None,
    *,
    summary: Mapping[str, Any] | None = None,
    as_json: bool = False,
    shown: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Print the rows as a table and write everything to `out`.

    `columns` are the keys to show (a mapping gives headings); rows may hold more, which the results file keeps.
    `shown` are the rows as they are printed, where they are not printed as they are kept.
    `summary` has the few numbers that matter, such as a ratio. With `as_json` standard output gets exactly one JSON
    document and the table goes to standard error. Returns the document.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}
    document = {
        "title": title,
        "summary": _plain(summary or {}),
        "rows": _plain(rows),
        "environment": _plain(environment),
    }
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 140)
    table = Table(title=title, title_justify="left")
    for key, heading in headings.items():
        numeric = any(isinstance(row.get(key), int | float | Spread) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left")
    for row in rows if shown is None else shown:
        table.add_row(*(_cell(row.get(key)) for key in headings))
    console.print(table)
    for key, value in (summary or {}).items():
        console.print(f"{key}: {_cell(value)}", highlight=False)
    console.print(_one_line(environment), highlight=False, style="dim")
    if as_json:
        print(json.dumps(document, indent=1))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(out.suffix + ".partial")
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        partial.replace(out)
        console.print(f"written: {out}", highlight=False, style="dim")
    return document


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _one_line(environment: Mapping[str, Any]) -> str:
    keys = ("cpu", "cpus", "load_1min", "python", "commit", "date")
    parts = [f"{key} {environment[key]}" for key in keys if environment.get(key) is not None]
    return ", ".join(parts + [f"{name} {version}" for name, version in environment.get("versions", {}).items()])


def _plain(value: Any) -> Any:
    """The same value in JSON's types; a spread becomes its named numbers."""
    if isinstance(value, Spread):
        return value._asdict()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The short commit, with a plus where a tracked file differs from it; None outside a checkout."""
    try:
        run = [
            subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True, check=True).stdout.strip()
            for args in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return run[0] + ("+" if run[1] else "")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
