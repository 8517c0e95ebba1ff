"""Jobs: one at a time, with what they print, cancelled with all they started, ended with the server."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from nas.report.browse.jobs import LINES, Jobs

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def jobs():
    made = Jobs([sys.executable, "-c"])
    yield made
    made.close()


def wait(jobs, condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition(found := jobs.list()):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def ended(found):
    return all(job["state"] not in ("waiting", "running") for job in found)


def test_jobs_run_one_after_the_other_in_their_folder_and_tell_how_they_ended(jobs, tmp_path):
    jobs.add("first", ["import os; print(os.getcwd())"], tmp_path)
    jobs.add("second", ["import sys; print('no', file=sys.stderr); sys.exit(3)"], tmp_path)
    first, second = wait(jobs, ended)
    assert (first["state"], first["code"], first["output"].strip()) == ("done", 0, str(tmp_path))
    assert (second["state"], second["code"], second["output"]) == ("failed", 3, "no\n")


def test_what_looks_like_a_command_of_a_shell_is_an_argument(jobs, tmp_path):
    jobs.add("echo", ["import sys; print(sys.argv[1:])", "; touch gone", "$(touch gone)", "--x"], tmp_path)
    (job,) = wait(jobs, ended)
    assert job["output"] == "['; touch gone', '$(touch gone)', '--x']\n"
    assert list(tmp_path.iterdir()) == []


def test_a_running_job_and_its_children_are_cancelled_and_the_next_one_runs(jobs, tmp_path):
    start = f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])"
    script = f"import subprocess, sys; {start}; print(p.pid, flush=True); p.wait()"
    job = jobs.add("long", [script], tmp_path)
    jobs.add("next", ["print('ran')"], tmp_path)
    found = wait(jobs, lambda found: "up" in found[0]["output"])
    child = int(found[0]["output"].split()[0])
    assert jobs.cancel(job.number)
    first, second = wait(jobs, ended)
    assert (first["state"], second["state"]) == ("cancelled", "done")
    until = time.monotonic() + 10
    while alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(child)
    assert not jobs.cancel(job.number)
    assert not jobs.cancel(99)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_waiting_job_is_cancelled_before_it_starts(jobs, tmp_path):
    first = jobs.add("long", [SLEEP], tmp_path)
    second = jobs.add("never", ["open('made', 'w')"], tmp_path)
    wait(jobs, lambda found: "up" in found[0]["output"])
    jobs.cancel(second.number)
    jobs.cancel(first.number)
    wait(jobs, ended)
    assert list(tmp_path.iterdir()) == []


def test_closing_ends_what_runs(tmp_path):
    jobs = Jobs([sys.executable, "-c"])
    jobs.add("long", [SLEEP], tmp_path)
    wait(jobs, lambda found: "up" in found[0]["output"])
    process = jobs._process
    jobs.close()
    assert process.returncode is not None
    assert jobs.list()[0]["state"] == "cancelled"


def test_only_the_last_lines_are_kept_and_a_program_that_is_not_there_is_told(tmp_path, jobs):
    jobs.add("much", [f"for i in range({LINES + 100}): print(i)"], tmp_path)
    (job,) = wait(jobs, ended)
    assert job["output"].splitlines()[0] == "100"
    none = Jobs([str(tmp_path / "none")])
    none.add("none", [], tmp_path)
    (job,) = wait(none, ended)
    assert job["state"] == "failed"
    assert "could not be started" in job["output"]
    none.close()
