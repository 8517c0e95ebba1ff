"""The command, run in this process and in an empty folder."""

from __future__ import annotations

import sys

import pytest
from made_up_meter import StudyMeter

from nas.cli import main


@pytest.fixture
def run_nas(monkeypatch, capsys, tmp_path):
    """Gives exit code, standard output and standard error of a command."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["nas", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def meter(monkeypatch):
    """Measures for studies and ladders in no time."""
    made_up = StudyMeter()
    for module in ("meters", "ladder"):
        monkeypatch.setattr(f"nas.study.{module}.open_meter", lambda *args, **options: made_up)
    return made_up


@pytest.fixture
def nas(run_nas):
    """Gives the standard output of a command that must succeed."""

    def run(*arguments):
        code, out, err = run_nas(*arguments)
        assert code == 0, err
        return out

    return run
