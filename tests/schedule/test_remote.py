"""A device on another node of a Ray cluster: real nodes on this machine, one of them offering `edge-box`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ray_nodes import Nodes
from remote_networks import BUILDER, asked_for
from slow_work import SlowWork
from tiny import TinySpace, price

from nas.errors import DeviceError, DeviceGone, InvalidArchitecture
from nas.measure import Device, DeviceLock, Protocol, check_extras
from nas.schedule import Resources, cluster, remote_meter, run
from nas.schedule.remote import RemoteMeter
from nas.search import Engine, Progress, Rungs, SpaceProposals
from nas.store import Record, Results
from nas.study.config import read_study
from nas.study.open import open_study
from nas.study.results import open_results
from nas.study.run import run_study

QUICK = Protocol(max_seconds=0.3, retries=0, warmup_ms=5, min_pairs=20, limit=0.9, target=0.5, tolerance=5.0)
EDGE = Device(resource="edge-box")


@pytest.fixture(scope="module")
def here() -> Path:
    """Where locks of this host are, and of the nodes that are to be on it."""
    return Path(os.environ["NAS_LOCK_DIR"])


@pytest.fixture(scope="module")
def nodes(here: Path) -> Iterator[Nodes]:
    found = Nodes(here)
    try:
        with cluster(Resources(concurrent=2, address=found.address)):
            yield found
    finally:
        found.end()


@pytest.fixture
def meter(nodes: Nodes, here: Path) -> Iterator[RemoteMeter]:
    for name in ("ended", "built", "waits", "go"):
        (here / name).unlink(missing_ok=True)
    nodes.come()
    with remote_meter(EDGE, QUICK, patience_s=60, builder=BUILDER) as found:
        yield found


@dataclass(frozen=True)
class Elsewhere(SlowWork):
    """Notes the Ray node that each trial trains on."""

    def open(self, job: Mapping[str, Any]) -> Any:
        import ray

        (Path(job["folder"]) / "node").write_text(ray.get_runtime_context().get_node_id())
        return super().open(job)


@pytest.mark.slow
def test_training_on_one_node_and_measuring_on_the_other(meter: RemoteMeter, nodes: Nodes, tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    with results.driving():
        engine = Engine(
            results,
            SpaceProposals(TinySpace(), "random"),
            price=price,
            measure=lambda plan, budget_ms: meter.measure(asked_for("plain"), budget_ms),
            objectives=["maximize accuracy", "minimize latency_ms"],
            rungs=Rungs((1,)),
            trials=4,
        )
        at = Resources(concurrent=2, address=nodes.address)
        progress = run(engine, Elsewhere(0.0), at, attended=meter.attended())
    assert (progress.complete, progress.finished) == (4, True)
    trained = [record for record in results.records() if record.gate is None]
    assert {record.latency["evidence"]["ray_node"] for record in trained} == {nodes.edge_id}
    assert {path.read_text() for path in results.folder.glob("trials/*/node")} == {nodes.head_id}
    assert nodes.edge_id != nodes.head_id


@pytest.mark.slow
def test_fresh_is_a_process_of_its_own_there_too(meter: RemoteMeter, here: Path) -> None:
    latency = meter.measure(asked_for("plain"))
    assert 0 < latency.low <= latency.p50 <= latency.high
    assert latency.environment["threads"] == 1
    assert latency.device == EDGE.key
    assert meter.measure(asked_for("plain"), 1000.0, extras=["model_mb"]).model_mb is not None
    meter.measure(asked_for("plain"), fresh=True)
    first, again, weighed, fresh = (here / "built").read_text().split()
    assert first == again == weighed != fresh
    assert int(first) != os.getpid()
    assert latency.environment.keys() <= meter.environment().keys()
    with pytest.raises(InvalidArchitecture, match=r"s1\.0: too narrow"):
        meter.measure(asked_for("invalid"))
    assert _words(lambda: meter.check_extras(["energy_mj"])) == _words(lambda: check_extras(Device(), ["energy_mj"]))


def _words(call: Callable[[], None]) -> str:
    """What a call complains about, if it does."""
    try:
        call()
    except DeviceError as error:
        return str(error)
    return ""


def waits_while_measured(meter: RemoteMeter, folder: Path) -> threading.Thread:
    """A measurement under way, that ends when there is a file `go` in the folder."""
    thread = threading.Thread(target=meter.measure, args=(asked_for("wait while measured"),))
    thread.start()
    until = time.monotonic() + 60
    while not (folder / "waits").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return thread


def free_for_a_trainer_on_the_head() -> bool:
    """Whether the device of the host is free, as a process on the node that trains sees it."""
    import ray

    @ray.remote(num_cpus=1)
    def asked() -> bool:
        try:
            with DeviceLock("cpu").exclusive(timeout=0.3):
                return True
        except DeviceError:
            return False

    return bool(ray.get(asked.remote()))


def test_trainers_on_the_devices_host_pause(meter: RemoteMeter, here: Path) -> None:
    assert meter.lock_name == "cpu"
    assert free_for_a_trainer_on_the_head()
    thread = waits_while_measured(meter, here)
    try:
        assert (here / "waits").exists()
        assert not free_for_a_trainer_on_the_head()
    finally:
        (here / "go").touch()
        thread.join()
    assert free_for_a_trainer_on_the_head()


def test_trainers_on_other_hosts_do_not(meter: RemoteMeter, nodes: Nodes, tmp_path: Path) -> None:
    nodes.add("far-box", tmp_path / "far")
    with remote_meter(Device(resource="far-box"), QUICK, patience_s=1, builder=BUILDER) as far:
        thread = waits_while_measured(far, tmp_path / "far")
        try:
            assert (tmp_path / "far" / "waits").exists()
            assert free_for_a_trainer_on_the_head()
        finally:
            (tmp_path / "far" / "go").touch()
            thread.join()


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"threads": 4000}, r"device edge-box: threads must be at most \d+"),
        (
            {"resource": "moon", "name": "lunar"},
            r"device lunar must be on a Ray node that offers moon, but (?=.* offers CPU 2)(?=.* offers edge-box 1).*; "
            r"start one: `ray start --address=[\d.:]+ --resources='{\"moon\": 1}'`",
        ),
    ],
)
def test_what_the_node_lacks_is_said_before_any_work(nodes: Nodes, device: dict[str, Any], message: str) -> None:
    nodes.come()
    wrong = Device(**{"resource": "edge-box", **device})
    with pytest.raises(DeviceError, match=message), remote_meter(wrong, QUICK, patience_s=60):
        pass


@pytest.mark.slow
def test_a_measurement_that_was_cut_off_is_taken_anew(meter: RemoteMeter, here: Path) -> None:
    assert meter.measure(asked_for("end it once")).p50 > 0
    first, second = (here / "built").read_text().split()
    assert first != second
    assert meter.note == ""


@pytest.mark.slow
def test_one_that_always_ends_the_process_is_given_up(meter: RemoteMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.schedule.remote.RESTARTS", 1)
    with pytest.raises(DeviceError, match="but was lost 2 times") as caught:
        meter.measure(asked_for("end the node's process"))
    assert not isinstance(caught.value, DeviceGone)


def test_nobody_waits_for_a_device_when_the_run_has_ended(meter: RemoteMeter, nodes: Nodes) -> None:
    found: list[BaseException] = []

    def measure() -> None:
        try:
            meter.measure(asked_for("plain"))
        except DeviceGone as error:
            found.append(error)

    with meter.attended():
        nodes.go()
        thread = threading.Thread(target=measure)
        thread.start()
        until = time.monotonic() + 30
        while not meter.note and time.monotonic() < until:
            time.sleep(0.05)
        assert meter.note.startswith("waiting for the device edge-box since 2")
        assert thread.is_alive()
    thread.join(timeout=20)
    assert "nobody waits" in str(found[0])


def test_a_cluster_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("nas.schedule.remote.running", lambda: False)
    with (
        pytest.raises(DeviceError, match=r"the cluster must be named: by run: .*, by --address, or by RAY_ADDRESS"),
        remote_meter(EDGE, QUICK, patience_s=1),
    ):
        pass


@pytest.fixture
def study(nodes: Nodes, tiny_study: dict[str, Any], write_study: Callable[[Any], Path]) -> Callable[..., Any]:
    """Opens a study of four networks whose device is on the other node."""

    def opened(**settings: Any) -> Any:
        nodes.come()
        tiny_study["device"] = {"resource": "edge-box"}
        tiny_study["budgets"] = ["latency_ms <= 1000"]
        tiny_study["search"] = {"sampler": "random", "trials": 4, "seed": 1}
        tiny_study["run"] = {"runner": "ray", "concurrent": 1, "address": nodes.address, **settings}
        return open_study(read_study(write_study(tiny_study)))

    return opened


def check_all_there(results: Results, measured_on: set[str]) -> None:
    """Four networks and a finalist trained once and to the end, each measured on one of the nodes."""
    records: list[Record] = [record for record in results.records() if record.gate is None]
    assert {(r.role, r.state) for r in records} == {("candidate", "complete"), ("finalist", "complete")}
    assert len([r for r in records if r.role == "candidate"]) == 4
    assert {r.latency["evidence"]["ray_node"] for r in records} == measured_on
    assert all([line["epoch"] for line in r.curve] == [1, 2] for r in records)


@pytest.mark.slow
def test_a_study_waits_for_its_device_and_goes_on(study: Callable[..., Any], nodes: Nodes, tmp_path: Path) -> None:
    opened = study(patience_s=120)
    were, notes = [nodes.edge_id], []

    def drive(progress: Progress) -> None:
        if progress.complete and not notes and nodes.edge is not None:
            nodes.go()
        elif progress.note and nodes.edge is None:
            notes.append(progress.note)
            nodes.come()
            were.append(nodes.edge_id)

    run_study(opened, tmp_path / "study", drive)
    assert notes[0].startswith("waiting for the device edge-box since 2")
    assert len(notes) == 1
    results = open_results(tmp_path / "study")
    check_all_there(results, set(were))
    environment = json.loads(results.env_file.read_text())
    assert environment["device"] == Device().key
    assert environment["driver"]["torch"] == environment["torch"]
    assert "threads" not in environment["driver"]


@pytest.mark.slow
def test_a_study_whose_device_stays_away_stops_and_can_be_resumed(
    study: Callable[..., Any], nodes: Nodes, tmp_path: Path
) -> None:
    opened, folder = study(patience_s=1, runner="local"), tmp_path / "study"
    was = nodes.edge_id

    def drive(progress: Progress) -> None:
        if progress.complete and nodes.edge is not None:
            nodes.go()

    with pytest.raises(DeviceGone) as caught:
        run_study(opened, folder, drive)
    assert caught.value.exit_code == 2
    for words in ("did not come back within 1 s", "Everything finished is kept", "--resources='{\"edge-box\": 1}'"):
        assert words in str(caught.value)
    results = open_results(folder)
    kept = {r.trial: r.values for r in results.records() if r.state == "complete"}
    assert kept
    assert not [r for r in results.records() if r.state == "failed"]
    run_study(study(runner="local"), folder, lambda progress: None)
    check_all_there(results, {was, nodes.edge_id})
    assert kept.items() <= {r.trial: r.values for r in results.records("candidate")}.items()


@pytest.mark.slow
def test_the_command_measures_there(nodes: Nodes, tmp_path: Path) -> None:
    nodes.come()
    (tmp_path / "edge.yaml").write_text("resource: edge-box\nthreads: 1\n")
    script = "import sys; sys.argv = ['nas', *sys.argv[1:]]; from nas.cli import main; main()"
    arguments = ["measure", "zoo/lenet5", "--device", "edge.yaml", "--address", nodes.address, "--json"]
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout)
    assert found["evidence"]["ray_node"] == nodes.edge_id
    assert done.stderr == "measuring zoo/lenet5 on edge.yaml ...\n"
