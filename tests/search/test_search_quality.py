"""The comparison of samplers on a recorded table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.search_quality import Score, Table, main, search


def table(path: Path, **changed: object) -> list[str]:
    """A table of 81 networks of four digits, and the arguments that name it."""
    digits = list(itertools.product("123", repeat=4))
    numbers = np.array(digits, dtype=float)
    frame = pd.DataFrame({"ops": ["".join(each) for each in digits]})
    frame["acc"] = 60 + 10 * np.log(numbers @ [1, 2, 3, 4])
    frame["ms"] = numbers @ [4, 1, 2, 1]
    frame.assign(**changed).to_parquet(path)
    return ["--table", str(path), "--arch", "ops", "--accuracy", "acc", "--cost", "ms"]


def test_medians_by_sampler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*table(tmp_path / "t.parquet"), "--samplers", "random,nsga2", "--queries", "60", "--seeds", "3"]
    assert main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["sampler"] for row in rows] == ["random", "nsga2"]
    for row in rows:
        assert 0.8 < row["hv@50"] <= 1.0
        assert row["gap@50"] >= 0
        assert row["hv@100"] is None
        assert row["asks"] > 60  # repeats are asks, but no queries
        assert row["hv@50"] == sorted(each["hv@50"] for each in row["each"])[1]


def test_the_whole_table_is_the_whole_front(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table(path)
    known = Table.read(path, "ops", "acc", "ms")
    score = Score(known)
    assert score.hypervolume(range(81)) == pytest.approx(1.0)
    assert score.gap(range(81)) == 0
    found = search(known, score, "surrogate", 60, 0)
    assert found["asks"] == 60
    assert found["hv@50"] > 0.99


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, {"--cost": "mss"}, "no column 'mss'; did you mean 'ms'"),
        ({}, {"--samplers": "tpa"}, "did you mean 'tpe'"),
        ({"ms": np.inf}, {}, "'acc' and 'ms' must be finite, but row 0 has"),
        ({"ops": "1234"}, {}, "must name each network once, but has 1 in 81 rows"),
        ({"acc": "high"}, {}, "'acc' must hold numbers, but row 0 has 'high'"),
        ({"ops": [None] * 81}, {}, "'ops' must be 4 digits, but row 0 has 'None'"),
        ({"ops": "12a4"}, {}, "'ops' must be 4 digits, but row 0 has '12a4'"),
        ({"ms": 1.0}, {}, "must differ from network to network"),
    ],
)
def test_bad_tables(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, object],
    options: dict[str, str],
    message: str,
) -> None:
    arguments = [*table(tmp_path / "t.parquet", **changed), *itertools.chain(*options.items())]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = table(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_text("x")
    assert main(arguments) == 2
    assert "must be a parquet file" in capsys.readouterr().err
