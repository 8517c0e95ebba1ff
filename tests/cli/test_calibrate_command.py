"""`nas calibrate` as a person and a machine use it, and the studies that it is for."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
import yaml
from made_up_meter import SPACE, MadeUpMeter

from nas.measure import Device
from nas.study.calibrations import read_calibration

SOME = ("--networks", "12", "--hold-out", "4")


@pytest.fixture
def meters(monkeypatch, tmp_path):
    """The meters that were opened; none of them measures anything."""
    opened = []

    def open_meter(device, protocol=None, *, address=None, builder=None):
        meter = MadeUpMeter()
        if builder is None:  # else it measures blocks alone
            opened.append(meter)
        return meter

    monkeypatch.setattr("nas.study.meters.open_meter", open_meter)
    monkeypatch.setattr("nas.study.calibration_run.LEAST_POOL", 60)
    monkeypatch.setattr("nas.study.calibrate.LEAST_POOL", 60)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
    return opened


def test_it_prints_the_error_on_networks_held_out_and_where_the_calibration_is(nas, meters, tmp_path):
    text = nas("calibrate", "space.yaml", *SOME)
    assert "made up on cpu" in text
    assert "networks held out" in text
    assert "all, cross-validated" in text
    assert "12 networks learnt from, 4 held out" in text
    (file,) = (tmp_path / "data" / "nas" / "calibrations").glob("made_up-cpu-*[0-9a-f].json")
    assert str(file) in text
    assert read_calibration(file).about["learnt"] == 12
    assert read_calibration(file).about["blocks"] > 20


def test_json_is_one_document_with_stable_keys_and_the_same_command_goes_on(nas, meters, tmp_path):
    found = json.loads(nas("calibrate", "space.yaml", *SOME, "--out", "mine.json", "--json"))
    assert list(found) == [
        "space", "device", "learnt", "tested", "not_trusted", "left_out", "blocks", "minutes", "range_ms", "file",
        "held_out", "cross_validated", "fastest", "failed",
    ]  # fmt: skip
    assert found["held_out"].keys() == {"n", "spearman", "within5", "within10", "coverage90"}
    assert found["file"] == "mine.json"
    again = json.loads(nas("calibrate", "space.yaml", *SOME, "--out", "mine.json", "--json"))
    assert again["held_out"] == found["held_out"]
    assert [meter.measured.total() for meter in meters] == [16, 1]
    nas("calibrate", "space.yaml", *SOME, "--out", "mine.json", "--json", "--anew")
    assert meters[-1].measured.total() == 16


def test_dry_run_says_how_long_it_would_take_and_writes_nothing(nas, meters, tmp_path):
    before = set(tmp_path.rglob("*"))
    found = json.loads(nas("calibrate", "space.yaml", "--dry-run", "--json", "--minutes", "5"))
    assert (found["networks"], found["hold_out"], found["measured_already"]) == (150, 100, 0)
    assert found["macs"][0] < found["macs"][1]
    assert len(found["latency_ms"]) == 3
    assert 0 < found["estimated_seconds"] <= 300
    assert "estimated time" in nas("calibrate", "space.yaml", "--dry-run")
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before


def test_a_budget_below_the_fastest_network_is_an_error_after_everything_was_kept(run_nas, meters, tmp_path):
    code, out, err = run_nas("calibrate", "space.yaml", *SOME, "--budget-ms", "0.001", "--out", "mine.json", "--json")
    assert code == 2
    assert json.loads(out)["learnt"] == 12
    assert "must take at most 0.001 ms on cpu, but the fastest found is" in err
    assert "Traceback" not in err
    assert (tmp_path / "mine.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.yaml",), "no file 'nowhere.yaml'"),
        (("space.yaml", "--device", "tpu"), "a device must be cpu, cuda, cuda:INDEX or a YAML file"),
        (("space.yaml", "--out", "space.yaml"), "a calibration must not replace another file"),
        (("space.yaml", "--address", "auto"), "--address must come with a device that has a `resource`, but cpu is"),
        (("space.yaml", "--out", "space.yaml/c.json"), "a file stands where a folder must be"),
        (("space.yaml", "--networks", "5"), "--networks"),
        (("space.yaml", "--budget-ms", "-1"), "--budget-ms must be a positive number of milliseconds, but got -1"),
    ],
)
def test_bad_input_is_told_before_anything_is_measured(run_nas, meters, tmp_path, arguments, said):
    code, out, err = run_nas("calibrate", *arguments)
    assert code == 2
    assert said in " ".join(err.split())
    assert out == ""
    assert "Traceback" not in err
    assert not any(meter.measured for meter in meters)


def test_ctrl_c_keeps_what_was_measured_and_says_how_to_go_on(run_nas, meters, monkeypatch, tmp_path):
    def stop(count, architecture):
        if count == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr("nas.study.meters.open_meter", lambda *_, **__: MadeUpMeter(before=stop))
    code, out, err = run_nas("calibrate", "space.yaml", *SOME, "--blocks", "0", "--out", "mine.json")
    assert code == 130
    assert out == ""
    assert "Go on with the same command" in " ".join(err.split())
    assert len((tmp_path / "mine.measured.jsonl").read_text().splitlines()) == 7


def test_a_study_uses_it_and_refuses_it_when_it_no_longer_holds(
    nas, run_nas, meters, tiny_study, write_study, tmp_path, monkeypatch
):
    """Measured by the made-up meter also in the study, whose networks are then really trained."""
    monkeypatch.setattr("nas.study.run.study_meter", lambda config: _Whole())
    monkeypatch.setattr("nas.study.open.study_meter", lambda config: _Whole())
    nas("calibrate", "space.yaml", *SOME, "--classes", "3", "--channels", "1", "--out", "mine.json")
    budget = read_calibration(tmp_path / "mine.json").predictor.ms
    tiny_study |= {
        "space": "space.yaml", "measure": {}, "budgets": [f"latency_ms <= {sorted(budget)[3]:.3f}"],
        "predictor": "mine.json", "search": tiny_study["search"] | {"sampler": "optuna.samplers:RandomSampler"},
    }  # fmt: skip
    nas("search", write_study(tiny_study))
    status = json.loads(nas("status", "tiny", "--json"))
    assert status["rejected"]["predicted"] > 0
    front = json.loads((tmp_path / "results" / "tiny" / "front.json").read_text())
    assert front["predictor"]["n"] >= 3
    assert front["best"]["values"]["predicted_ms"] == pytest.approx(front["best"]["values"]["latency_ms"], rel=0.5)
    env = json.loads((tmp_path / "results" / "tiny" / "env.json").read_text())
    assert env["predictor"]["calibration"] == str(tmp_path / "mine.json")
    shown = json.loads(nas("show", "tiny", "best", "--json"))
    assert all(shown["latencies"].values())
    assert "in search" in nas("show", "tiny", "best")

    kept = json.loads((tmp_path / "mine.json").read_text())
    kept["witness"] |= {"ms": 2 * kept["witness"]["ms"], "low": 2 * kept["witness"]["low"]}
    (tmp_path / "slower.json").write_text(json.dumps(kept))
    code, _, err = run_nas("search", write_study(tiny_study | {"predictor": "slower.json"}), "--out", "other")
    assert (code, (tmp_path / "other").exists()) == (2, False), err
    tiny_study["measure"] = {"seed": 5}
    code, _, err = run_nas("search", write_study(tiny_study), "--out", "other")
    assert code == 2
    assert "at predictor: the calibration must be of the same space, device, environment and protocol" in err
    assert not (tmp_path / "other").exists()


class _Whole(MadeUpMeter):
    """With all that a study asks of a meter."""

    device = Device()
    lock_name = "cpu"

    def check_extras(self, names):
        pass

    def environment(self):
        return dict(self._environment)

    def attended(self):
        return nullcontext()
