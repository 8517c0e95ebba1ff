"""The benchmark on tables, as others run it on theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import Additive, networks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    names = networks(rng, 300)
    ms = Additive(rng)(names, rng, 0.01)
    ms[:3] = [np.nan, 0.0, -1.0]
    path = tmp_path / "table.parquet"
    pd.DataFrame({"net": names, "ms": ms, "ragged": [*names[1:], "01"], "number": ms}).to_parquet(path)
    return path


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks.predictor_tables", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_one_column_gives_one_json_document(table):
    done = run("--table", table, "--arch", "net", "--target", "ms", "--train", 40, "--repeats", 3, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"spearman", "within5", "within10", "coverage90"}
    assert found["spearman"] > 0.9
    assert found["within5"] > 0.9
    assert 0.75 <= found["coverage90"] <= 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--arch", "nett", "--target", "ms", "--train", 5), "there is no column 'nett'; did you mean 'net'?"),
        (
            ("--arch", "ragged", "--target", "ms", "--train", 5),
            "equally many digits, but there are 12 digits, 2 digits",
        ),
        (("--arch", "number", "--target", "ms", "--train", 5), "must hold strings of digits"),
        (("--arch", "net", "--target", "ms", "--train", 300), "more networks than the 300 to learn from"),
        (("--arch", "net", "--target", "ms", "--train", 2), "at least 3 measured networks, but got 2"),
        (("--arch", "net", "--target", "ms"), "--table needs --arch, --target and --train"),
    ],
)
def test_bad_input_is_named(table, arguments, says):
    done = run("--table", table, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
