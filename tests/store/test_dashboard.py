"""Optuna Dashboard opens the journal of a results folder as it lies there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from nas.store import Results

EXAMPLE = Path(__file__).resolve().parents[2] / "results" / "example"
PROGRAM = Path(sys.executable).with_name("optuna-dashboard")


@pytest.fixture
def ask(tmp_path):
    """Gives a document of the dashboard's API over a copy of the example's journal."""
    pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    journal = shutil.copy(EXAMPLE / "journal.log", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PROGRAM, journal, "--host", "127.0.0.1", "--port", str(port), "--server", "wsgiref"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60

        def get(path):
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=30) as answer:
                        return json.load(answer)
                except urllib.error.URLError:
                    assert process.poll() is None, "the dashboard ended by itself"
                    assert time.monotonic() < deadline
                    time.sleep(0.1)

        yield get
        process.terminate()


def test_it_shows_every_study_and_trial(ask):
    studies = {study["study_name"]: study["study_id"] for study in ask("studies")["study_summaries"]}
    results = Results(EXAMPLE, name="quickstart")
    assert studies.keys() == {"quickstart/candidate", "quickstart/baseline", "quickstart/finalist"}
    for role in ("candidate", "baseline", "finalist"):
        records = results.records(role)
        trials = ask(f"studies/{studies[f'quickstart/{role}']}?after=0")["trials"]
        assert [trial["number"] for trial in trials] == [record.trial for record in records]
        done = [(trial, record) for trial, record in zip(trials, records, strict=True) if record.state == "complete"]
        assert done
        for trial, record in done:
            assert trial["state"] == "Complete"
            assert trial["values"] == [record.values["accuracy"], record.values["latency_ms"]]
    decided = {
        param["name"] for param in ask(f"studies/{studies['quickstart/candidate']}?after=0")["trials"][0]["params"]
    }
    assert "s1.repeat" in decided
