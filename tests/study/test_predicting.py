"""Which predictor a search gets: the calibration in the user's folder, the one that is named, or its own."""

from __future__ import annotations

import logging
import re

import pytest
from made_up_meter import SPACE, MadeUpMeter

from nas.errors import DeviceGone, InvalidArchitecture, NasError, SpecError
from nas.measure import Device
from nas.study.calibrate import calibrate
from nas.study.calibration_run import Wanted
from nas.study.calibrations import file_for, kept_for
from nas.study.config import read_study
from nas.study.open import open_study
from nas.study.predicting import check_named, command, learner_for, predictor_words
from nas.study.spaces import open_space


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("nas.study.calibration_run.LEAST_POOL", 60)


@pytest.fixture
def opened(tiny_study, write_study):
    """Opens the study with some keys changed."""

    def open_it(**changes):
        tree = tiny_study | {"space": SPACE, "measure": {}, "budgets": ["latency_ms <= 1"]} | changes
        return open_study(read_study(write_study(tree)))

    return open_it


@pytest.fixture
def calibrated():
    """Calibrates for the data of the study: three classes, one channel."""

    def run(file=None, **space):
        found = open_space(SPACE, **({"classes": 3, "channels": 1} | space))
        wanted = Wanted(found, Device(), networks=20, hold_out=5)
        file = file or file_for(found, Device())
        calibrate(wanted, MadeUpMeter(), file, lambda standing: None)
        return file

    return run


def test_a_calibration_of_the_space_and_device_is_used(opened, calibrated):
    file, study, meter = calibrated(), opened(), MadeUpMeter()
    assert list(kept_for(study.space, study.device)) == [file]
    learner, about = learner_for(study, meter)
    assert learner.reliable
    assert meter.measured.total() == 1
    assert about["predictor"]["calibration"] == str(file)
    assert about["predictor"]["error"]["n"] == 5
    said = predictor_words(study)
    assert re.fullmatch(
        rf"{file} \(Spearman .* \(5 networks\), .* to .* ms, of 20\d\d-\d\d-\d\d\), if it still holds", said
    )


def test_without_one_the_study_learns_by_itself(opened, caplog):
    learner, about = learner_for(opened(), MadeUpMeter())
    assert learner is not None
    assert not learner.reliable
    assert about == {"predictor": "learns from this study's measurements"} == {"predictor": predictor_words(opened())}
    assert not caplog.records


def test_a_device_that_is_gone_is_no_reason_to_refuse_a_calibration(opened, calibrated):
    calibrated()

    def gone(count, architecture):
        raise DeviceGone("gone")

    with pytest.raises(DeviceGone):
        learner_for(opened(), MadeUpMeter(before=gone))


@pytest.mark.parametrize(
    ("meter", "why"),
    [
        (MadeUpMeter(environment={"torch": "2.1"}), "environment.torch was '2.0', now is '2.1'"),
        (MadeUpMeter(slower=1.5), "the time of its network"),
    ],
)
def test_a_stale_one_is_refused_aloud(opened, calibrated, caplog, meter, why):
    file, study = calibrated(), opened()
    with caplog.at_level(logging.WARNING):
        learner, about = learner_for(study, meter)
    assert not learner.reliable
    assert about == {"predictor": "learns from this study's measurements"}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{file} is not used: ")
    assert why in said
    assert said.endswith(f"To calibrate: {command(study)}")
    assert command(study).endswith("--device cpu --classes 3 --channels 1")


def test_one_for_other_data_is_told_of(opened, calibrated, caplog):
    calibrated(classes=10)
    learner, _ = learner_for(opened(), MadeUpMeter())
    assert not learner.reliable
    assert "space was 'made up" in caplog.text


def test_a_damaged_one_is_told_of(opened, calibrated, caplog):
    file = calibrated()
    file.write_text("{")
    learner, _ = learner_for(opened(), MadeUpMeter())
    assert not learner.reliable
    assert f"{file} is not used" in caplog.text


def test_one_that_is_missing_or_damaged_is_named_once(opened, calibrated):
    with pytest.raises(NasError, match=r"at predictor: no file 'none\.json' \(looked for .*`nas calibrate --out FILE`"):
        opened(predictor="none.json")
    file = calibrated()
    file.write_text("{")
    assert predictor_words(opened()).startswith("learns from this study's measurements, for ")
    assert predictor_words(opened()).count(str(file)) == 1


def test_one_that_is_named_is_used_wherever_it_is(opened, calibrated, tmp_path):
    calibrated(tmp_path / "mine.json")
    study = opened(predictor="mine.json")
    check_named(study)
    learner, about = learner_for(study, MadeUpMeter())
    assert learner.reliable
    assert about["predictor"]["calibration"] == str(tmp_path / "mine.json")
    assert predictor_words(study).startswith(f"{tmp_path / 'mine.json'} (Spearman ")


def test_one_that_is_named_and_does_not_hold_is_an_error_with_its_place(opened, calibrated, tmp_path):
    calibrated(tmp_path / "mine.json")
    study = opened(predictor="mine.json")
    with pytest.raises(SpecError, match=r"study\.yaml:\d+:\d+: at predictor: .*environment\.torch was") as caught:
        learner_for(study, MadeUpMeter(environment={"torch": "2.1"}))
    assert caught.value.exit_code == 2
    with pytest.raises(SpecError, match=r"at predictor: .*the time of its network"):
        learner_for(study, MadeUpMeter(slower=2.0))


def test_one_that_is_named_of_another_device_or_space_is_found_before_anything_starts(opened, calibrated, tmp_path):
    calibrated(tmp_path / "mine.json", classes=9)
    with pytest.raises(SpecError, match=r"study\.yaml:\d+:\d+: at predictor: .*space was"):
        check_named(opened(predictor="mine.json"))
    (tmp_path / "mine.json").unlink()
    calibrated(tmp_path / "mine.json")
    with pytest.raises(SpecError, match=r"at predictor: .*device was"):
        check_named(opened(predictor="mine.json", device={"kind": "cpu", "channels_last": True}))
    with pytest.raises(SpecError, match=r"study\.yaml:\d+:\d+: at predictor: no file 'other\.json'"):
        opened(predictor="other.json")


def test_none_is_none(opened, calibrated):
    calibrated()
    meter = MadeUpMeter()
    assert learner_for(opened(predictor="none"), meter) == (None, {"predictor": "none"})
    assert predictor_words(opened(predictor="none")) == "none"
    unaware = opened(objectives=["maximize accuracy"], budgets=["macs <= 60000"])
    assert learner_for(unaware, meter) == (None, {"predictor": "none"})
    assert not meter.measured


def test_a_network_that_can_no_longer_be_built_is_told_of(opened, calibrated, caplog, monkeypatch):
    calibrated()
    study = opened()
    monkeypatch.setattr(type(study.space), "decode", _refuse)
    learner_for(study, MadeUpMeter())
    assert "cannot be built any more" in caplog.text


def _refuse(self, decisions):
    raise InvalidArchitecture("kernel must be odd")
