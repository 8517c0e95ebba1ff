"""The benchmark of how long samplers take to propose, on a made-up table and a small space."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.search_asking import main


@pytest.fixture
def table(tmp_path: Path) -> list[str]:
    digits = ["".join(each) for each in itertools.product("123", repeat=4)]
    frame = pd.DataFrame({"ops": digits, "acc": [sum(map(int, each)) for each in digits], "ms": range(81)})
    frame.to_parquet(tmp_path / "t.parquet")
    return ["--table", str(tmp_path / "t.parquet"), "--arch", "ops", "--accuracy", "acc", "--cost", "ms"]


def test_one_row_a_sampler_and_number(table: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cores = os.sched_getaffinity(0)
    arguments = [*table, "--space", "quickstart", "--samplers", "local,nsga2", "--finished", "12,24", "--repeats", "2"]
    try:
        assert main([*arguments, "--json"]) == 0
    finally:
        os.sched_setaffinity(0, cores)
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["space"], row["sampler"], row["finished"]) for row in rows] == list(
        itertools.product(["t.parquet", "quickstart"], ["local", "nsga2"], [12, 24])
    )
    for row in rows:
        assert 0 < row["one"] < row["batch"]
        assert len(row["ones"]) == len(row["batches"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samplers", "loacl", "--space", "none"], "did you mean 'local'"),
        (["--finished", "60", "--space", "none"], "must have at least 120 networks, but has 81"),
    ],
)
def test_bad_input(table: list[str], capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    cores = os.sched_getaffinity(0)
    try:
        assert main([*table, *options]) == 2
    finally:
        os.sched_setaffinity(0, cores)
    assert message in capsys.readouterr().err
