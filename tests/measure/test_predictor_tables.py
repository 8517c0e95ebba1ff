"""The benchmark on tables, as others run it on theirs."""

from __future__ import annotations

import importlib
import json
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


@pytest.fixture
def run(monkeypatch, capsys):
    """The benchmark as a command, in this process: its exit code, standard output and standard error."""
    monkeypatch.syspath_prepend(ROOT)
    main = importlib.import_module("benchmarks.predictor_tables").main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["predictor_tables", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return call


def test_one_column_gives_one_json_document(run, table):
    code, out, _ = run("--table", table, "--arch", "net", "--target", "ms", "--train", 40, "--repeats", 3, "--json")
    assert code == 0
    found = json.loads(out)
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
def test_bad_input_is_named(run, table, arguments, says):
    code, out, err = run("--table", table, *arguments)
    assert code == 2
    assert says in err
    assert out == ""


def test_a_folder_without_the_tables_is_named(run, tmp_path):
    code, _, err = run(tmp_path)
    assert code == 2
    assert f"{tmp_path}/nasbench201.parquet: there must be a parquet file (name its folder)" in err
