"""`nas browse` as a process: its address, its end, a job that ends with it, and input that is no results folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.app import app
from nas.errors import NasError

pytest.importorskip("dash")
EXAMPLE = Path(__file__).resolve().parents[2] / "results" / "example"


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nas", "browse", str(EXAMPLE), "--no-open", *arguments]
    environment = {**os.environ, "NAS_BROWSE_PASSWORD": ""}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed_sigint
    )


def heed_sigint() -> None:
    """Who started the tests may have had SIGINT ignored, as shells do for what runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ask(document, path: str, data: object = None):
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "X-Nas-Token": document["token"]}
    request = urllib.request.Request(document["url"] + path, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_ends_its_job(number):
    process = start("--json", "--port", "0")
    document = json.loads(process.stdout.readline())
    assert document["studies"] == ["example"]
    assert len(ask(document, "columns/example")["trials"]) > 100
    job = ask(document, "jobs", {"action": "measure", "study": "example", "trial": "finalist/0"})
    assert job["state"] in ("waiting", "running")
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out, err) == (0, "", "stopped\n")


def test_a_port_in_use_gives_way_and_that_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert line.startswith("browse http://127.0.0.1:")
    assert f":{port}/" not in line
    assert f"port {port} is in use; taking " in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "must be a results folder"),
        (["."], "it holds nothing"),
        ([str(EXAMPLE), "--host", "0.0.0.0"], "a password must be set"),
    ],
)
def test_what_cannot_be_browsed_is_an_error(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["browse", "--no-open", *arguments])
    assert isinstance(result.exception, NasError)
    assert words in str(result.exception)
