from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from measure_builders import asked_for

from nas.arch import Architecture, Block, MapShape, Segment
from nas.cost import CostTable
from nas.errors import DeviceError, InvalidArchitecture
from nas.measure import Device, DeviceLock, Meter, Protocol, meter
from nas.measure.latency import Latency

QUICK = Protocol(max_seconds=0.3, retries=0, warmup_ms=5, min_pairs=20, limit=0.9, target=0.5, tolerance=5.0)
BUILDER = "measure_builders:by_name"


def network(out: int = 16) -> Architecture:
    table = CostTable()
    stem = Block("conv", table.resolve("conv", {"kernel": 3}), out=out, stride=2)
    head = tuple(Block(name, table.resolve(name, {})) for name in ("pool", "classifier"))
    return Architecture("tiny", MapShape(3, 32, 32), 10, (Segment("stem", (stem,)), Segment("head", head)))


@pytest.fixture(scope="module")
def real():
    with Meter(Device(), QUICK) as found:
        yield found


@pytest.fixture(scope="module")
def odd():
    with Meter(Device(), QUICK, builder=BUILDER) as found:
        yield found


def test_networks_are_measured_one_after_the_other_in_one_process(real):
    small, large = real.measure(network(8)), real.measure(network(256))
    pid = real._worker.pid
    assert pid != os.getpid()
    assert 0 < small.low <= small.p50 <= small.high
    assert large.p50 > small.p50
    assert small.device == Device().key
    environment = small.environment
    assert (environment["threads"], environment["interop_threads"], environment["device"]) == (1, 1, Device().key)
    assert real.measure(network(8), budget_ms=1000.0).budget_ms == 1000.0
    assert real._worker.pid == pid


def test_a_process_that_has_served_long_makes_way_for_a_fresh_one(real, monkeypatch):
    real.load()
    first = real._worker.pid
    monkeypatch.setattr(meter, "WORN_S", 0.0)
    real.measure(network(8))
    monkeypatch.undo()
    real.measure(network(8))
    second = real._worker.pid
    assert second != first
    real.measure(network(16))
    assert real._worker.pid == second


def test_between_networks_the_process_computes_nothing(real):
    real.load()
    stat = Path(f"/proc/{real._worker.pid}/stat")
    if not stat.exists():
        pytest.skip("this system has no /proc")

    def ticks() -> int:
        return sum(int(word) for word in stat.read_text().rsplit(")", 1)[1].split()[11:13])

    before = ticks()
    time.sleep(1.0)
    assert ticks() - before <= 1  # of a hundred in that second


def test_steps_wait_while_times_are_taken(real):
    real.load()
    lock, waited, stop = DeviceLock("cpu"), [], threading.Event()

    def train() -> None:
        while not stop.is_set():
            began = time.monotonic()
            with lock.step():
                waited.append(time.monotonic() - began)
                time.sleep(0.002)

    thread = threading.Thread(target=train)
    thread.start()
    latency = real.measure(network())
    until, after = time.monotonic() + 10, len(waited) + 2
    while len(waited) < after and time.monotonic() < until:
        time.sleep(0.002)
    stop.set()
    thread.join()
    assert max(waited) > 0.8 * latency.seconds
    assert len(waited) >= after


def test_a_network_that_cannot_be_built_is_said_so(real):
    wrong = network()
    odd = Architecture("odd", wrong.input, 10, (Segment("stem", (Block("no_such_block"),)),))
    with pytest.raises(InvalidArchitecture, match="no block is called 'no_such_block'"):
        real.measure(odd)
    assert real.measure(network()).p50 > 0


def test_a_meter_without_the_lock_gives_up_in_time(real):
    with Meter(Device(), QUICK, lock_timeout=0.1) as other:
        other._worker = real._worker
        with DeviceLock("cpu").step():
            found = []

            def load() -> None:
                with pytest.raises(DeviceError) as error:
                    other.load()
                found.append(str(error.value))

            thread = threading.Thread(target=load)
            thread.start()
            thread.join()
        other._worker = None
    assert found == ["training steps on cpu must end within 0.1 s, but one did not"]


def test_what_a_network_does_wrong_is_reported_and_the_next_one_is_measured(odd, monkeypatch):
    assert isinstance(odd.measure(asked_for("plain")), Latency)
    first = odd._worker.pid
    with pytest.raises(InvalidArchitecture, match=r"s1\.0: too narrow"):
        odd.measure(asked_for("invalid"))
    with pytest.raises(DeviceError, match=r"must run on cpu \(eager, float32\), but: RuntimeError: operator not there"):
        odd.measure(asked_for("fail"))
    assert odd._worker.pid == first

    name = asked_for("die while measured").arch_id
    with pytest.raises(
        DeviceError,
        match=f"network {name} on cpu: the measuring process ended by signal SIGKILL(.*\n)*.*so did 2 before it",
    ):
        odd.measure(asked_for("die while measured"))
    assert odd.measure(asked_for("plain")).p50 > 0
    assert odd._worker.pid != first


def test_a_measurement_that_was_cut_off_is_taken_anew(odd):
    assert odd.measure(asked_for("die once")).p50 > 0
    assert (Path(os.environ["NAS_LOCK_DIR"]) / "died").exists()


def test_a_process_that_hangs_is_ended(odd, monkeypatch):
    assert odd.measure(asked_for("plain")).p50 > 0
    process = odd._worker._process
    monkeypatch.setattr(meter, "longest_seconds", lambda protocol: 0.5)
    with pytest.raises(DeviceError, match=r"must answer within 0\.5 s, but did not; it was ended"):
        odd.measure(asked_for("hang while measured"))
    assert process.poll() is not None
    with DeviceLock("cpu").exclusive(timeout=1):  # nobody holds the device for it
        pass


def test_fresh_measures_in_a_process_of_its_own_and_last_words_are_told(odd):
    with pytest.raises(DeviceError, match=r"ended with exit code 3: (.*\n)*last words"):
        odd.measure(asked_for("die while built"), fresh=True)


def test_it_ends_with_its_parent_killed_in_the_middle_of_a_measurement():
    code = (
        "from nas.measure import Meter, Device, Protocol\n"
        "from measure_builders import asked_for\n"
        "meter = Meter(Device(), builder='measure_builders:by_name')\n"
        "meter.load()\n"
        "print(meter._worker.pid, flush=True)\n"
        "meter.measure(asked_for('hang while measured'))\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    with DeviceLock("cpu").exclusive(timeout=1):
        pass


def test_devices_that_are_not_there_are_refused_before_any_work():
    with pytest.raises(DeviceError, match="usable cores"):
        Meter(Device(threads=4000))


def test_a_device_of_another_node_is_not_measured_here():
    with pytest.raises(DeviceError, match="must be used on a Ray node that offers edge-box, not on this host"):
        Meter(Device(resource="edge-box"))


def test_closing_twice_and_sending_a_copy(real):
    other = pickle.loads(pickle.dumps(real))
    assert (other.device, other.protocol) == (real.device, real.protocol)
    assert other._worker is None
    other.close()
    other.close()
