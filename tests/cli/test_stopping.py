from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from nas.cli.stopping import stoppable

PROGRAM = """
import time
from nas.cli.stopping import stoppable
from nas.schedule import Resources, cluster
with stoppable(), cluster(Resources()):
    print("up", flush=True)
    time.sleep(60)
"""


def test_a_termination_signal_stops_as_ctrl_c_does_also_when_ray_runs():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.send_signal(signal.SIGTERM)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Aborted" not in errors
    assert "SIGTERM received" not in errors


def test_the_signal_means_what_it_did_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


class Interrupted:
    """Gets a signal while it is freed."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_python_drops_while_it_frees_an_object_stops_all_the_same(number: signal.Signals):
    def work() -> None:
        with stoppable():
            Interrupted(number)
            time.sleep(30)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - began < 10


def test_other_exceptions_that_python_drops_are_shown_as_before(monkeypatch: pytest.MonkeyPatch):
    class Failing:
        def __del__(self) -> None:
            raise ValueError("once")

    shown: list[type[BaseException]] = []

    def show(unraisable: sys.UnraisableHookArgs) -> None:
        shown.append(unraisable.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", show)
    with stoppable():
        Failing()
    assert shown == [ValueError]
    assert sys.unraisablehook is show
