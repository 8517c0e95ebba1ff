"""The live comparison of samplers: which searches there are, what is left of them, and one that is really run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from table_study import write_study

from benchmarks.search_live import main, runs_of
from nas.store.files import write_json

STUDY = """nas: 1
name: tiny
space: quickstart
data: {name: digits, resolution: 8, limit: 100}
search: {rungs: [1]}
recipe: {epochs: 2}
objectives: [maximize accuracy, minimize macs]
run: {runner: local}
"""


def test_searches_come_in_turn(tmp_path: Path) -> None:
    runs = runs_of(["tpe", "a.b:C"], 2, tmp_path)
    assert [(run.sampler, run.seed) for run in runs] == [("tpe", 0), ("a.b:C", 0), ("tpe", 1), ("a.b:C", 1)]
    assert len({run.folder for run in runs}) == 4
    assert runs[1].folder.name == "a.b.C-0"


def test_a_dry_run_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--study", "quickstart", "--work", str(tmp_path), "--samplers", "tpe,random", "--seeds", "1"]
    arguments += ["--minutes", "2", "--dry-run", "--json"]
    runs = runs_of(["tpe", "random"], 1, tmp_path)
    write_json(runs[0].spent_file, {"seconds": 120.0})
    write_json(runs[1].spent_file, {"seconds": 30.0})
    assert main(arguments) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["finished"], plan["seconds"]) == (1, 90.0)
    assert [one["spent"] for one in plan["searches"]] == [120.0, 30.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samplers", "auto,tpe"], "a sampler must be named, but got auto"),
        (["--samplers", "tpa,tpe"], "did you mean 'tpe'"),
        (["--study", "no_such_study"], "no_such_study"),
    ],
)
def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    assert main(["--study", "quickstart", "--work", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_table_is_no_live_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = write_study(tmp_path / "files")
    assert main(["--study", str(study), "--work", str(tmp_path)]) == 2
    assert "must train networks, but it is answered from a table" in capsys.readouterr().err


@pytest.mark.slow
def test_two_short_searches_end_by_the_clock_and_are_not_run_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "tiny.yaml"
    study.write_text(STUDY)
    arguments = ["--study", str(study), "--work", str(tmp_path / "work"), "--samplers", "random,local", "--seeds", "1"]
    assert main([*arguments, "--minutes", "0.2", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)["rows"]
    assert [row["sampler"] for row in rows] == ["random", "local"]
    for row in rows:
        assert row["hypervolume"] > 0
        assert row["trained"] >= 1
    assert main([*arguments, "--minutes", "0.2", "--json"]) == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["rows"] == rows
    assert "1 of" not in printed.err
