"""A calibration from the first network to the file: what is measured, kept, gone on with, refused."""

from __future__ import annotations

import json
import random
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from made_up_meter import SPACE, MadeUpMeter

from nas.errors import BudgetUnreachable, DeviceError, DeviceGone, NasError, StoreError
from nas.measure import Device, Protocol
from nas.measure.predictor import StaleCalibration
from nas.study.calibrate import calibrate, check_budget
from nas.study.calibration_log import lines_beside
from nas.study.calibration_run import Wanted
from nas.study.calibrations import check_here, identity, read_calibration
from nas.study.pool import draw_pool
from nas.study.spaces import catalogue, open_space

DEVICE = Device()


@pytest.fixture(scope="module")
def space():
    return open_space(SPACE)


@pytest.fixture(scope="module", autouse=True)
def _small_pools():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.study.calibration_run.LEAST_POOL", 200)
        patch.setattr("nas.study.calibrate.LEAST_POOL", 200)
        yield


@pytest.fixture(scope="module")
def wanted(space):
    return Wanted(space, DEVICE, networks=60, hold_out=30)


@pytest.fixture(scope="module")
def finished(wanted, tmp_path_factory):
    """A calibration of what is wanted, with the folder of its files; to be copied."""
    folder = tmp_path_factory.mktemp("calibrated")
    return run(wanted, folder / "c.json")[0], folder


@pytest.fixture
def calibrated(finished, tmp_path):
    """That calibration and its file, which a test may change."""
    done, folder = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return done, tmp_path / "c.json"


def run(wanted, file, meter=None, blocks=None):
    seen = []
    return calibrate(wanted, meter or MadeUpMeter(), file, seen.append, blocks), seen


def test_it_predicts_networks_it_never_saw_and_is_read_back_as_it_was_written(wanted, tmp_path):
    file, meter = tmp_path / "deep" / "made_up.json", MadeUpMeter()
    done, seen = run(wanted, file, meter)
    assert set(meter.measured.values()) == {1}
    assert len(meter.measured) == 90
    error = done.calibration.held_out
    assert error.n == 30
    assert error.within10 > 0.9
    assert error.spearman > 0.95
    assert error.coverage90 >= 0.7
    assert [each.learnt for each in seen[:60]] == list(range(1, 61))
    assert [each.tested for each in seen[60:90]] == list(range(1, 31))
    assert seen[-1].finished
    assert seen[40].error is not None
    assert seen[0].eta_s > seen[80].eta_s > 0

    again = read_calibration(file)
    plans = [each.plan for each in draw_pool(wanted.space, 20, random.Random(5))]
    np.testing.assert_allclose(
        again.predictor.predict([again.count(plan) for plan in plans]),
        done.calibration.predictor.predict([done.calibration.count(plan) for plan in plans]),
        rtol=1e-6,
    )
    assert again.held_out == error
    assert again.about["learnt"] == 60
    assert len(again.predictor.ms) == 90  # what was held out is learnt from afterwards
    check_here(again, wanted.space, DEVICE, Protocol(), MadeUpMeter().measure(plans[0].architecture).to_json() | {
        "p50": again.witness.ms, "low": again.witness.low, "high": again.witness.high})  # fmt: skip


def test_the_networks_held_out_are_not_learnt_from_before_the_error_is_told(wanted, calibrated, tmp_path):
    """A network held out takes ten times as long as it should: it cannot be predicted."""
    _, file = calibrated
    tests = {line["arch_id"] for line in lines(file) if line["test"]}
    slow = MadeUpMeter(change=lambda architecture: {"p50": 50.0, "low": 49.9, "high": 50.1}
                       if architecture.arch_id in tests else {})  # fmt: skip
    done, _ = run(wanted, tmp_path / "other.json", slow)
    assert {line["arch_id"] for line in lines(tmp_path / "other.json") if line["test"]} == tests
    assert done.calibration.held_out.within10 == 0.0


def lines(file):
    return [json.loads(line) for line in lines_beside(file).read_text().splitlines()]


@pytest.mark.parametrize("at", [1, 25, 61, 89])
def test_what_was_measured_before_it_was_interrupted_is_kept(wanted, tmp_path, at):
    file = tmp_path / "c.json"

    def stop(count, architecture):
        if count == at:
            raise KeyboardInterrupt

    first = MadeUpMeter(before=stop)
    with pytest.raises(KeyboardInterrupt):
        run(wanted, file, first)
    assert not file.exists()
    assert len(lines(file)) == at
    with lines_beside(file).open("a") as cut_off:
        cut_off.write('{"arch_id": "12')
    second = MadeUpMeter()
    done, seen = run(wanted, file, second)
    both = first.measured.keys() & second.measured.keys()
    assert len(both) == 1  # measured again to see whether the device is as fast as it was
    assert second.measured.total() == 90 - at + 1
    assert done.calibration.held_out.n == 30
    assert seen[-1].learnt == 60


def test_blocks_measured_alone_come_first_and_make_a_small_calibration_better(space, tmp_path):
    few = Wanted(space, DEVICE, networks=10, hold_out=40, blocks=30)
    without, _ = run(few, tmp_path / "without.json")
    blocks = MadeUpMeter()
    done, seen = run(few, tmp_path / "with.json", blocks=blocks)
    assert [(each.timed, each.learnt) for each in seen[:30]] == [(place, 0) for place in range(1, 31)]
    assert blocks.measured.total() == 30
    assert done.calibration.about["blocks"] == len(done.calibration.blocks.ms) == 30
    assert done.calibration.held_out.within5 >= without.calibration.held_out.within5
    assert done.calibration.held_out.within5 > 0.95
    again = read_calibration(tmp_path / "with.json")
    plan = draw_pool(space, 20, random.Random(5))[0].plan
    assert again.count(plan).prior_ms == pytest.approx(done.calibration.count(plan).prior_ms)
    assert again.count(plan).prior_ms == pytest.approx(MadeUpMeter().measure(plan.architecture).p50, rel=0.1)


def test_more_networks_are_added_to_what_is_there(space, calibrated):
    (_, file), more = calibrated, MadeUpMeter()
    done, _ = run(Wanted(space, DEVICE, networks=70, hold_out=30), file, more)
    assert more.measured.total() == 11
    assert done.standing.learnt == 70
    assert done.calibration.held_out.n == 30


def test_what_was_measured_in_another_environment_is_left_out(wanted, calibrated):
    _, file = calibrated
    other = MadeUpMeter(environment={"torch": "2.1"})
    done, _ = run(wanted, file, other)
    assert other.measured.total() == 91
    assert done.calibration.predictor.key.environment["torch"] == "2.1"
    minute = MadeUpMeter(environment={"torch": "2.1", "load_1min": 3.0, "date": "tomorrow"})
    run(wanted, file, minute)
    assert minute.measured.total() == 1


def test_a_device_that_is_not_as_fast_as_it_was_is_an_error(wanted, calibrated):
    _, file = calibrated
    once = iter([{"p50": 9.0, "low": 8.9, "high": 9.1}])
    run(wanted, file, MadeUpMeter(change=lambda architecture: next(once, {})))  # off by chance, and then no more
    with pytest.raises(DeviceError, match=r"network \w{16} took .* ms then and takes .* ms now; .* --anew"):
        run(wanted, file, MadeUpMeter(slower=1.3))
    done, _ = run(replace(wanted, anew=True), file, MadeUpMeter(slower=1.3))
    assert done.standing.learnt == 60
    assert len(lines(file)) == 90


def test_measurements_not_trusted_are_learnt_from_only_where_they_are_narrow(wanted, tmp_path):
    def change(architecture):
        match int(architecture.arch_id, 16) % 4:
            case 0:
                return {"trusted": False, "flags": ("contended",)}
            case 1:
                return {"trusted": False, "p50": 3.0, "low": 2.0, "high": 4.0}
        return {}

    done, _ = run(wanted, tmp_path / "c.json", MadeUpMeter(change=change))
    kinds = [int(line["arch_id"], 16) % 4 for line in lines(tmp_path / "c.json")]
    assert done.standing.not_trusted == sum(kind < 2 for kind in kinds) > 0
    assert done.standing.left_out == sum(kind == 1 for kind in kinds) > 0
    assert len(done.calibration.predictor.ms) == 90 - done.standing.left_out
    assert done.calibration.held_out.within10 > 0.9
    assert int(done.calibration.witness.arch_id, 16) % 4 > 1


def test_time_is_shared_between_learning_and_testing(space, tmp_path):
    slowly = MadeUpMeter(before=lambda count, architecture: time.sleep(0.05))
    some = Wanted(space, DEVICE, networks=60, hold_out=60, seconds=2.0)
    done, _ = run(some, tmp_path / "c.json", slowly)
    assert 3 < done.standing.learnt < 60
    assert 0 < done.standing.tested < 60


def test_a_network_that_cannot_be_measured_is_left_out_and_three_in_a_row_end_it(wanted, tmp_path):
    def some(count, architecture):
        if int(architecture.arch_id, 16) % 10 == 0:
            raise DeviceError("no such operator")

    done, _ = run(wanted, tmp_path / "c.json", MadeUpMeter(before=some))
    assert done.standing.failed > 0
    assert done.standing.learnt == 60

    def all_of_them(count, architecture):
        raise DeviceError("the device is gone")

    with pytest.raises(DeviceError, match="the device is gone"):
        run(wanted, tmp_path / "other.json", MadeUpMeter(before=all_of_them))


def test_a_device_that_is_gone_for_good_ends_it_at_once(wanted, tmp_path):
    asked = []

    def gone(count, architecture):
        asked.append(architecture)
        raise DeviceGone("gone")

    with pytest.raises(DeviceGone):
        run(wanted, tmp_path / "c.json", MadeUpMeter(before=gone))
    assert len(asked) == 1


def test_a_budget_below_the_fastest_network_names_it(wanted, finished):
    done, _ = finished
    meter = MadeUpMeter()
    check_budget(done, wanted, meter, 1.1 * done.fastest.ms)
    assert not meter.measured
    with pytest.raises(
        BudgetUnreachable, match=r"at most 0.01 ms on cpu, but the fastest found is \w{16} with 0\.\d+ ms"
    ):
        check_budget(done, wanted, meter, 0.01)
    assert meter.measured.total() == 3
    fastest = min(
        MadeUpMeter().measure(each.plan.architecture).p50 for each in draw_pool(wanted.space, 2000, random.Random(9))
    )
    check_budget(done, wanted, meter, 1.02 * fastest)


def test_another_file_is_not_replaced(wanted, tmp_path):
    file = tmp_path / "space.json"
    file.write_text('{"nas": 1}')
    with pytest.raises(StoreError, match=r"must not replace another file, but .*space\.json.*; choose another name"):
        run(wanted, file)
    assert file.read_text() == '{"nas": 1}'


def test_a_place_that_cannot_be_written_is_found_before_anything_is_measured(wanted, tmp_path):
    (tmp_path / "file").write_text("")
    meter = MadeUpMeter()
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        run(wanted, tmp_path / "file" / "c.json", meter)
    assert not meter.measured


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 99}'])
def test_a_file_that_is_no_calibration_is_named(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(NasError, match=r"c\.json"):
        read_calibration(tmp_path / "c.json")
    with pytest.raises(NasError, match=r"no file .*none\.json"):
        read_calibration(tmp_path / "none.json")


def test_what_changes_the_networks_changes_the_identity_of_a_space(space):
    same = {**SPACE, "about": {"family": "x"}, "input": {"resolution": 16, "channels": 3}}
    assert identity(open_space(same)) == identity(space)
    assert identity(open_space(SPACE, classes=4)) == identity(space)
    assert identity(open_space(SPACE, channels=3)) == identity(space)
    others = [open_space(SPACE, classes=5), open_space(SPACE, channels=1), open_space(SPACE, resolution=32)]
    others.append(open_space({**SPACE, "stem": [{"conv": {"out": 8, "stride": 2}}]}))
    others.append(open_space({**SPACE, "name": "other"}))
    assert len({identity(each) for each in (space, *others)}) == 6


def test_a_calibration_of_something_else_says_what_changed(space, finished):
    done, _ = finished
    calibration = done.calibration
    now = MadeUpMeter().measure(space.decode(calibration.witness.decisions).architecture).to_json()
    check_here(calibration, space, DEVICE, Protocol(), now)
    with pytest.raises(StaleCalibration, match=r"space was 'made up \w+', now is 'made up \w+'"):
        check_here(calibration, open_space(SPACE, classes=7), DEVICE, Protocol())
    with pytest.raises(StaleCalibration, match="device was 'cpu runtime=eager"):
        check_here(calibration, space, Device(threads=2), Protocol())
    with pytest.raises(StaleCalibration, match=r"protocol\.seed was 0, now is 3"):
        check_here(calibration, space, DEVICE, Protocol(seed=3))
    environment = now["environment"] | {"torch": "2.9", "date": "later"}
    with pytest.raises(StaleCalibration, match=r"but environment\.torch was '2\.0', now is '2\.9'; calibrate anew"):
        check_here(calibration, space, DEVICE, Protocol(), now | {"environment": environment})
    slow = {key: 1.2 * now[key] for key in ("p50", "low", "high")}
    with pytest.raises(StaleCalibration, match=r"the time of its network \w+, ms was"):
        check_here(calibration, space, DEVICE, Protocol(), now | slow)
    check_here(calibration, space, DEVICE, Protocol(), now | slow | {"trusted": False})


def test_a_pool_spans_the_sizes_of_a_space_where_samples_do_not(space):
    sampled = [catalogue().plan(space.decode(space.sample(random.Random(i)))).macs for i in range(100)]
    pool = draw_pool(space, 100, random.Random(0))
    assert len({each.arch_id for each in pool}) == 100
    spread = np.log([each.macs for each in pool])
    assert np.percentile(spread, 5) < np.percentile(np.log(sampled), 5) - 0.5
    assert np.histogram(spread, 5)[0].min() >= 10
    assert [each.arch_id for each in draw_pool(space, 100, random.Random(0))] == [each.arch_id for each in pool]


def test_a_pool_keeps_to_the_space_s_own_constraints_on_costs():
    limited = open_space({**SPACE, "constraints": ["macs <= 200000"]})
    assert max(each.macs for each in draw_pool(limited, 50, random.Random(0))) <= 200000
    with pytest.raises(
        NasError, match=r"must be buildable, but none of .* drawn was: the space's constraints on costs"
    ):
        draw_pool(open_space({**SPACE, "constraints": ["macs <= 2"]}), 5, random.Random(0))
