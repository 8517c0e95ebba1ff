"""The comparison of rungs with whole trainings on a recorded table."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.low_fidelity import Fidelities, begin, main, reached
from benchmarks.search_quality import Score

OPTIONS = {"arch": "ops", "accuracy": "acc", "low": "early", "cost": "ms", "seconds": "s"}


def table(path: Path, **changed: object) -> list[str]:
    """A table of 243 networks of five digits, and the arguments that name it."""
    digits = list(itertools.product("123", repeat=5))
    numbers = np.array(digits, dtype=float)
    frame = pd.DataFrame({"ops": ["".join(each) for each in digits]})
    frame["acc"] = 60 + 10 * np.log(numbers @ [1, 2, 3, 4, 5])
    frame["early"] = frame.acc / 2 + np.random.default_rng(0).normal(size=len(frame))
    frame["ms"] = numbers @ [4, 1, 2, 1, 3]
    frame["s"] = 1.0 + numbers[:, 0]
    frame.assign(**changed).to_parquet(path)
    return ["--table", str(path), *(word for key, name in OPTIONS.items() for word in (f"--{key}", name))]


def test_rungs_are_sooner_than_whole_trainings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*table(tmp_path / "t.parquet"), "--full", "random", "--samplers", "random", "--seeds", "3"]
    arguments += ["--trainings", "60", "--workers", "1,3", "--low-epochs", "2", "--epochs", "40"]
    arguments += ["--most", "1", "--json"]
    assert main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    ways = [(row["workers"], row["way"]) for row in rows]
    assert ways == [(n, way) for n in (1, 3) for way in ("full", "stop", "promote")]
    for row in rows:
        assert row["full"] == 60 if row["way"] == "full" else row["full"] < row["begun"]
        assert row["share"] <= 1 if row["way"] == "full" else row["share"] < 0.7
        assert row["share_25"] <= row["share"] <= row["share_75"]


def test_what_is_not_reached_has_no_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*table(tmp_path / "t.parquet"), "--full", "random", "--samplers", "random", "--seeds", "2"]
    arguments += ["--trainings", "30", "--workers", "1", "--most", "0.01", "--ways", "promote", "--json"]
    assert main(arguments) == 0
    _, row = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["rows"]
    assert (row["share"], row["share_25"], row["share_75"], row["hv"]) == (None, None, None, 0.0)


def test_what_ends_later_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table(path, s=1.0)
    known = Fidelities.read(argparse.Namespace(**OPTIONS, table=path, space=None, low_epochs=2, epochs=40))
    search = begin(known, Score(known.table), "random", "full", 4, 1, 0)
    search.run(networks=40, until=100.0)
    assert [at for at, _ in search.curve] == [40.0, 80.0]
    assert len(search.full) == 2


@pytest.mark.parametrize("way", ["full", "stop", "promote"])
def test_the_clock_is_the_time_of_what_was_trained(tmp_path: Path, way: str) -> None:
    path = tmp_path / "t.parquet"
    table(path)
    known = Fidelities.read(argparse.Namespace(**OPTIONS, table=path, space=None, low_epochs=2, epochs=40))
    search = begin(known, Score(known.table), "random", way, 4, 1, 0)
    search.run(networks=40)
    low, full = (0, 40) if way == "full" else (2, 38)
    rows = list(search.rows.values())
    assert len(set(rows)) == 40
    assert search.clock == pytest.approx(low * known.seconds[rows].sum() + full * known.seconds[search.full].sum())
    if way == "promote":
        assert len(search.full) == 10
    assert [at for at, _ in search.curve] == sorted(at for at, _ in search.curve)
    assert reached(search, search.curve[-1][1]) <= search.clock
    assert reached(search, 2.0) == float("inf")
    states = [trial.state.name for trial in search.study.get_trials() if "rungs" in trial.user_attrs]
    assert len(states) == (0 if way == "full" else 40)


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, {"--low": "earl"}, "no column 'earl'; did you mean 'early'"),
        ({"s": 0.0}, {}, "'early' must be finite, and 's' above zero"),
        ({}, {"--low-epochs": "40"}, "rungs must be growing"),
        ({}, {"--samplers": "tpa"}, "did you mean 'tpe'"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, object],
    options: dict[str, str],
    message: str,
) -> None:
    arguments = [*table(tmp_path / "t.parquet", **changed), "--epochs", "40"]
    assert main([*arguments, *(word for pair in options.items() for word in pair)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
