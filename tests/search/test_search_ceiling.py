"""The benchmark of what a search could have that knows a table but for chance, on made-up tables."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.search_ceiling import added_up, by_others, main

DIGITS = ["".join(each) for each in itertools.product("123", repeat=4)]
PARTS = np.array([[int(digit) for digit in each] for each in DIGITS], dtype=float)


def table(path: Path, chance: float, **changed: object) -> list[str]:
    """81 networks whose error is told by their first two digits but for chance, and whose cost adds up."""
    error = 10 * np.exp(PARTS[:, 0] / PARTS[:, 1] + chance * np.random.default_rng(0).normal(size=len(PARTS)))
    frame = pd.DataFrame({"ops": DIGITS, "acc": 100 - error, "ms": PARTS @ [1, 4, 1, 2]})
    frame["same"] = [each[:2] for each in DIGITS]
    frame.assign(**changed).to_parquet(path)
    return ["--table", str(path), "--arch", "ops", "--accuracy", "acc", "--cost", "ms", "--alike", "same"]


def ran(arguments: list[str], queries: int, capsys: pytest.CaptureFixture[str]) -> list[dict[str, float]]:
    assert main([*arguments, "--queries", str(queries), "--json"]) == 0
    rows: list[dict[str, float]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def test_without_chance_the_front_is_all_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for row in ran(table(tmp_path / "t.parquet", 0.0), 5, capsys):
        assert 0 < row["hv@2"] < row["hv@5"] == pytest.approx(1)
        assert row["gap@5"] == pytest.approx(0, abs=1e-6)


def test_chance_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, row = ran(table(tmp_path / "t.parquet", 0.3), 5, capsys)
    assert row["cost is known"] == "exactly"
    assert 0.15 < row["error off by"] < 0.6
    assert row["hv@5"] < 1


def test_of_each_the_others_are_what_is_expected() -> None:
    expected, _ = by_others(np.exp([1.0, 2.0, 6.0, 9.0]), ["a", "a", "a", "b"])
    assert expected == pytest.approx([4, 3.5, 1.5, 9])


def test_costs_add_up() -> None:
    expected, off = added_up(PARTS @ [1, 4, 1, 2], DIGITS)
    assert np.exp(expected) == pytest.approx(PARTS @ [1, 4, 1, 2])
    assert off < 0.01


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, ["--alike", "sam"], "no column 'sam'; did you mean 'same'"),
        ({"same": DIGITS}, [], "some networks must compute the same as another"),
        ({"ms": 0.0}, [], "must differ from network to network"),
        ({"ms": [-1.0, *range(1, 81)]}, [], "errors and costs must be above zero"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, object],
    options: list[str],
    message: str,
) -> None:
    assert main([*table(tmp_path / "t.parquet", 0.1, **changed), *options]) == 2
    assert message in capsys.readouterr().err
