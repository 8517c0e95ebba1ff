"""The comparison of samplers on a recorded table."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.askers import Known, decisions_of, make_asker
from benchmarks.recorded import Score, Table
from benchmarks.search_quality import MEASURED_SINGLE, main, search, shown, summarize
from nas.errors import NasError


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


@pytest.mark.parametrize("queries", [1, 12, 50, 60, 500])
def test_any_number_of_networks_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str], queries: int) -> None:
    arguments = [*table(tmp_path / "t.parquet"), "--samplers", "random", "--queries", str(queries), "--seeds", "2"]
    assert main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)["rows"]
    last = min(queries, 81)
    reached = sorted({last, *(n for n in (50, 100, 200) if n <= last)})
    for score in ("hv", "gap"):
        assert [row[f"{score}@{n}"] is not None for n in (50, 100, 200)] == [n <= last for n in (50, 100, 200)]
        shown_at = [int(column.split()[0]) for column in printed.err.split(f"{score}@")[-len(reached) :]]
        assert shown_at == reached
    assert 0 <= row[f"hv@{reached[0]}"] <= row[f"hv@{last}"] <= 1.0000001
    assert row[f"gap@{reached[0]}"] >= row[f"gap@{last}"] >= 0
    assert row["asks"] >= last


def test_others_are_in_training_when_one_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*table(tmp_path / "t.parquet"), "--samplers", "ageing,surrogate", "--queries", "20", "--seeds", "2"]
    assert main([*arguments, "--running", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["running"] == 3
    for row in document["rows"]:
        assert [each["asks"] for each in row["each"]] == [23, 23]  # three are not told in the end
        assert 0 < row["hv@20"] <= 1
    with pytest.raises(SystemExit):
        main([*arguments, "--running", "-1"])
    assert "--running must be at least 0, but got -1" in capsys.readouterr().err


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


def test_several_pairs_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = table(tmp_path / "t.parquet", other=np.arange(81.0))[:4]
    arguments += ["--pair", "acc:ms", "--pair", "acc:other", "--samplers", "random,local", "--queries", "50"]
    assert main([*arguments, "--seeds", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["sampler"], row["cost"]) for row in document["rows"]] == [
        ("random", "ms"),
        ("local", "ms"),
        ("random", "other"),
        ("local", "other"),
    ]
    assert document["summary"]["pair 2"] == "acc, other"
    first = document["rows"][0]
    assert first["quartiles"]["hv@50"][0] <= first["hv@50"] <= first["quartiles"]["hv@50"][1]


def test_one_objective_until_the_best_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*table(tmp_path / "t.parquet")[:6], "--single", "--samplers", "ageing,local,random"]
    assert main([*arguments, "--queries", "81", "--seeds", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    for row in rows:
        assert row["reached"] == 3
        assert row["to_best"] == sorted(each["to_best"] for each in row["each"])[1]
        assert 1 <= row["to_best"] <= 81
    assert {row["cost"] for row in rows} == {None}


def test_features_are_given_to_who_learns_from_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    luck = np.random.default_rng(0).permutation(81) * 1.0
    arguments = table(tmp_path / "t.parquet", acc=luck, known=luck**3, none=np.nan)[:6]
    arguments += ["--single", "--seeds", "3", "--queries", "81", "--json"]
    assert main([*arguments, "--samplers", "surrogate,surrogate+", "--features", "known,none"]) == 0
    document = json.loads(capsys.readouterr().out)
    without, with_them = (row["to_best"] for row in document["rows"])
    assert with_them < 0.7 * without
    assert document["summary"]["features"] == "known, none"
    for samplers, features, wrong in (
        ("tpe+", ["--features", "known"], "sampler 'tpe' learns from no features"),
        ("surrogate+", ["--features", "knwn"], "did you mean 'known'"),
    ):
        assert main([*arguments, "--samplers", samplers, *features]) == 2
        assert wrong in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "--samplers", "surrogate+"])


def test_digits_may_be_the_decisions_of_a_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = ["".join(each) for each in itertools.product("01234", repeat=6)]
    frame = pd.DataFrame({"ops": cells, "acc": np.arange(15625) / 200, "ms": np.arange(15625.0)[::-1] + 1})
    frame.to_parquet(tmp_path / "cells.parquet")
    names = decisions_of("nasbench201", Table.read(tmp_path / "cells.parquet", "ops", "acc").choices)
    assert names["cell.cell.edges.0>2"] == {"none": "0", "skip": "1", "conv1": "2", "conv3": "3", "pool3": "4"}
    asker = make_asker("random", [], 1, 0, Known(names=names))
    handle, digits = asker.ask()
    values = [handle.params[name] for name in names]
    assert digits == "".join(names[name][value] for name, value in zip(names, values, strict=True))
    arguments = [*table(tmp_path / "t.parquet"), "--samplers", "random", "--queries", "10", "--seeds", "1"]
    assert main([*arguments, "--space", "nasbench201"]) == 2
    assert "(5 x 5 x 5 x 5 x 5 x 5 values), but the table has 4 digits" in capsys.readouterr().err
    whole = ["--table", str(tmp_path / "cells.parquet"), "--space", "nasbench201", *arguments[2:], "--json"]
    assert main(whole) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["space"] == "nasbench201"


def test_searches_that_miss_the_best_count_as_over() -> None:
    def each(*found: int | None) -> list[dict[str, object]]:
        return [{"seed": seed, "to_best": one, "asks": 9, "seconds": 1.0} for seed, one in enumerate(found)]

    row = summarize("made_up", each(3, None, 5), MEASURED_SINGLE)
    assert (row["to_best"], row["reached"], row["asks"]) == (5, 2, 9)
    row = summarize("made_up", each(3, None, None), MEASURED_SINGLE)
    assert (row["to_best"], row["reached"]) == (None, 1)
    assert shown(row, 80)["to_best"] == ">80\n>80->80"


@pytest.mark.parametrize("name", ["syne:morea", "syne:mo-linear", "syne:rea"])
def test_syne_tune_is_asked_and_told(name: str) -> None:
    pytest.importorskip("syne_tune")
    choices, objectives = [["0", "1", "2"]] * 5, 1 if name == "syne:rea" else 2
    asked = []
    for _ in range(2):
        asker = make_asker(name, choices, objectives, 3)
        digits = []
        for number in range(130):  # its population is of 100
            handle, found = asker.ask()
            digits.append(found)
            error = float(sum(map(int, found)))
            asker.tell(handle, None if number % 10 == 0 else [error, 10 - error][:objectives])
        asked.append(digits)
    assert asked[0] == asked[1]
    assert all(len(found) == 5 and set(found) <= set("012") for found in asked[0])


def test_where_syne_tune_is_missing_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "syne_tune.config_space", None)
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(NasError, match=r"pip install syne-tune$"):
        make_asker("syne:morea", [["0", "1"]], 2, 0)
    with pytest.raises(NasError, match=r"pip install syne-tune botorch$"):
        make_asker("syne:ehvi", [["0", "1"]], 2, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--accuracy", "acc"], "--accuracy and --cost must be given together"),
        (["--cost", "ms"], "--accuracy and --cost must be given together"),
        (["--pair", "acc"], "--pair must be ACCURACY:COST, but got 'acc'"),
        (["--pair", "acc:"], "--pair must be ACCURACY:COST"),
        ([], "columns must be named"),
        (["--single"], "columns must be named"),
        (["--single", "--accuracy", "acc", "--samplers", "syne:morea"], "for several objectives only"),
        (["--pair", "acc:ms", "--samplers", "syne:rea"], "for one objective only"),
        (["--pair", "acc:ms", "--samplers", "syne:moreo"], "did you mean 'syne:morea'"),
    ],
)
def test_what_is_asked_for_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main([*table(tmp_path / "t.parquet")[:4], *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, {"--cost": "mss"}, "no column 'mss'; did you mean 'ms'"),
        ({}, {"--samplers": "tpa"}, "did you mean 'tpe'"),
        ({"ms": np.inf}, {}, "'acc' and 'ms' must be finite, but row 0 has"),
        ({"ops": "1234"}, {}, "must name each network once, but '1234' is in row 0 and in row 1"),
        ({"acc": True}, {}, "'acc' must hold numbers, but row 0 has True"),
        ({"acc": [0.0] * 80 + [1.0], "ms": [0.0] * 80 + [1.0]}, {}, "too few of them differ to be searched"),
        ({"acc": "high"}, {}, "'acc' must hold numbers, but row 0 has 'high'"),
        ({"acc": ["1.5"] * 5 + ["n/a"] + ["2"] * 75}, {}, "'acc' must hold numbers, but row 5 has 'n/a'"),
        ({"ops": [None] * 81}, {}, "and as many in each row, but row 0 has 'None'"),
        (
            {"ops": "12a4"},
            {},
            "'ops' must be digits, one decision a digit, and as many in each row, but row 0 has '12a4'",
        ),
        ({"ms": 1.0}, {}, "'ms' must differ from network to network, but is 1 in all 81 rows"),
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
    (tmp_path / "t.parquet").unlink()
    assert main(arguments) == 2
    assert "t.parquet must be a parquet file, but there is no such file" in capsys.readouterr().err
