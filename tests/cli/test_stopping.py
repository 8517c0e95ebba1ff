import signal
import subprocess
import sys

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
