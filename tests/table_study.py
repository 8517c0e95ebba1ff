"""A small made-up table and a study on it: 3 x 4 networks, the wider the slower and, but for one, the more accurate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

WIDTHS, KERNELS = [4, 6, 8], [1, 3, 5, 7]
SPACE = {
    "nas": 1,
    "name": "made_up",
    "input": {"resolution": 8},
    "classes": 3,
    "stem": [{"conv": {"out": {"choice": WIDTHS}, "kernel": {"choice": KERNELS}}}],
    "stages": [{"name": "s1", "repeat": 1, "block": "conv"}],
    "head": ["pool", "classifier"],
}


def frame() -> pd.DataFrame:
    """Every network: `ms` from 1 to 12, `final` in percent, `early` in the same order but for the most accurate."""
    rows = [
        {"code": f"{w}{k}", "ms": 1.0 + 4 * w + k, "final": 50.0 + 8 * w + 3 * k, "s": 2.0 + w, "text": "a"}
        for w in range(len(WIDTHS))
        for k in range(len(KERNELS))
    ]
    table = pd.DataFrame(rows)
    table["early"] = table["final"] / 2
    return table


def write_study(folder: Path, table: pd.DataFrame | None = None, **changes: Any) -> Path:
    """The study's file in a folder, its table beside it; `changes` are keys of the study, those of `evaluator` too."""
    folder.mkdir(parents=True, exist_ok=True)
    (frame() if table is None else table).to_parquet(folder / "made_up.parquet")
    evaluator = {
        "table": "made_up.parquet",
        "key": "code",
        "costs": {"latency_ms": "ms"},
        "epochs": {2: {"accuracy": "early / 100"}, 10: {"accuracy": "final / 100"}},
        "seconds_per_epoch": "s",
    }
    study = {
        "name": "made_up",
        "space": SPACE,
        "evaluator": evaluator | changes.pop("evaluator", {}),
        "search": {"sampler": "random", "trials": 12} | changes.pop("search", {}),
        "run": {"concurrent": 1} | changes.pop("run", {}),
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study | changes, sort_keys=False))
    return file
