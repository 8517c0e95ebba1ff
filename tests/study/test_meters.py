"""What measures in a study, and what the study records of where that is."""

from __future__ import annotations

import json

import pytest

from nas.cli import main
from nas.measure import Device, Latency
from nas.study.config import named_device, read_study
from nas.study.meters import environment_of, open_meter, with_note
from nas.study.open import open_study
from nas.study.results import open_results, write_results
from nas.study.run import run_study


def test_on_this_host_the_driver_is_the_devices_host():
    with open_meter(Device()) as meter:
        found = environment_of(meter)
    assert found["device"] == Device().key
    assert "driver" not in found
    assert meter.note == ""


class Waiting:
    """A meter that waits for its device."""

    note = "waiting for the device edge-box"


def test_progress_says_what_the_meter_waits_for():
    from nas.search import Progress

    told = []
    with_note(Waiting(), told.append)(Progress("candidate", 3, note="gave up"))
    assert told == [Progress("candidate", 3, note="waiting for the device edge-box")]
    Waiting.note = ""
    with_note(Waiting(), told.append)(Progress("candidate", 3, note="gave up"))
    assert told[1].note == "gave up"


def test_a_device_file_may_be_beside_the_study_and_some_are_shipped(tiny_study, write_study, tmp_path):
    (tmp_path / "box.yaml").write_text("name: box\nbatch: 2\n")
    assert read_study(write_study(tiny_study | {"device": "box.yaml"})).target == Device(name="box", batch=2)
    assert read_study(write_study(tiny_study | {"device": "devices/edge_box.yaml"})).target.resource == "edge-box"
    assert named_device("devices/edge_box.yaml").resource == "edge-box"


def test_a_report_of_a_run_that_never_reached_its_device(tiny_study, write_study, tmp_path):
    tiny_study["search"] = {"sampler": "random", "trials": 1, "seed": 1}
    tiny_study["finalists"] = {"count": 0}
    run_study(open_study(read_study(write_study(tiny_study))), tmp_path / "r", lambda progress: None)
    results = open_results(tmp_path / "r")
    assert json.loads(results.env_file.read_text())["device"] == Device().key
    results.env_file.unlink()
    write_results(results)
    assert "No environment was recorded" in results.report_file.read_text()


LATENCY = Latency(1.5, 1.4, 1.6, 1.7, 1.8, 80, True)


@pytest.mark.parametrize("command", ["measure", "profile"])
def test_the_commands_hand_the_cluster_on(command, monkeypatch, capsys):
    asked = []

    def measure(plan, device, extras=(), *, address):
        asked.append(address)
        return LATENCY

    monkeypatch.setattr("nas.study.profile._measure", measure)
    arguments = ["zoo/lenet5", "--device", "cpu", "--address", "10.0.0.1:6379", "--json"]
    monkeypatch.setattr("sys.argv", ["nas", command, *arguments])
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["latency_ms"]["p50"] == 1.5
    assert asked == ["10.0.0.1:6379"]
