"""Stand-alone source of the zoo's networks: the same keys, the same outputs, and what ruff says of it.

    python -m benchmarks.export_source                      # all networks
    python -m benchmarks.export_source --only resnet50 swin_tiny

Weights and running statistics are random and far from their start, so that no branch is silent.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT, environment, report

COLUMNS = {
    "network": "network",
    "params": "params",
    "keys": "keys equal",
    "difference": "largest difference",
    "lines": "lines",
    "classes": "classes",
    "ruff": "ruff",
    "seconds": "seconds",
}


def zoo() -> list[str]:
    return sorted(path.stem for path in (ROOT / "search_spaces" / "zoo").glob("*.yaml"))


def ruff_passes(text: str, settings: Sequence[str] = ("--isolated",)) -> bool:
    """Whether ruff finds nothing to say of a file, and would not format it otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.py"
        path.write_text(text, encoding="utf-8")
        commands = (
            ["check", *settings],
            ["check", "--config", str(ROOT / "pyproject.toml")],
            ["format", "--check", *settings],
        )
        return all(
            subprocess.run(
                [sys.executable, "-m", "ruff", *each, "--no-cache", str(path)], capture_output=True
            ).returncode
            == 0
            for each in commands
        )


def measure(name: str, images: int) -> dict[str, Any]:
    """One row: the source of a network, checked."""
    from nas.build import build
    from nas.export.source import check_source, source_of
    from nas.study.networks import find_network
    from nas.testing.weights import shake

    network = build(find_network(f"zoo/{name}"), seed=0)
    shake(network, seed=0)
    start = time.perf_counter()
    text = source_of(network)
    seconds = time.perf_counter() - start
    row = {
        "network": name,
        "params": sum(each.numel() for each in network.parameters()),
        "lines": text.count("\n"),
        "classes": text.count("\nclass "),
        "ruff": ruff_passes(text),
        "seconds": seconds,
    }
    namespace: dict[str, Any] = {"__name__": "standalone"}
    exec(compile(text, name, "exec"), namespace)
    import torch

    with torch.device("meta"):
        twin = namespace["Network"]()
    row["keys"] = _shapes(twin) == _shapes(network)
    del twin
    row["difference"] = check_source(text, network, images=images) if images else None
    return row


def _shapes(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return sorted((key, tuple(each.shape)) for key, each in module.state_dict().items())


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The few numbers that matter."""
    differences = [row["difference"] for row in rows if row["difference"] is not None]
    return {
        "networks": len(rows),
        "keys equal": sum(row["keys"] for row in rows),
        "ruff passes": sum(row["ruff"] for row in rows),
        "outputs equal to the last bit": sum(each == 0 for each in differences),
        "largest difference": max(differences, default=None),
        "median lines": sorted(row["lines"] for row in rows)[len(rows) // 2],
        "slowest, seconds": max(row["seconds"] for row in rows),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes and checks the source of every network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=zoo(), metavar="NETWORK", help="these networks alone")
    parser.add_argument("--images", type=int, default=64, help="random images that are compared; 0: keys alone")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    given = parser.parse_args(arguments)
    names = given.only or zoo()
    rows = []
    for index, name in enumerate(names, 1):
        rows.append(measure(name, given.images))
        gc.collect()
        row = rows[-1]
        said = f"keys {row['keys']}, difference {row['difference']}, ruff {row['ruff']}, {row['seconds']:.1f} s"
        print(f"{index}/{len(names)} {name}: {said}", file=sys.stderr)
    out = None if given.only else RESULTS / "export_source.json"
    report(
        "Stand-alone source of the zoo", rows, COLUMNS, environment(), out, summary=summary(rows), as_json=given.json
    )


if __name__ == "__main__":
    main()
