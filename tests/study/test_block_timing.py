"""Blocks measured alone: which, how often, and what is remembered of them."""

from __future__ import annotations

import random

import pytest
from made_up_meter import SPACE, MadeUpMeter

from nas.errors import DeviceError, DeviceGone, NasError
from nas.measure import Device
from nas.measure.predictor import BlockTimes, blocks_to_measure
from nas.study.block_timing import block_file, time_blocks
from nas.study.pool import draw_pool
from nas.study.spaces import catalogue, open_space


@pytest.fixture(scope="module")
def plans():
    return [each.plan for each in draw_pool(open_space(SPACE), 60, random.Random(0))]


@pytest.fixture(scope="module")
def steps(plans):
    return [step for plan in plans for step in plan.steps]


def run(steps, file, meter, count=20, late=lambda: False, **options):
    seen = []
    found = time_blocks(steps, count, Device(), meter, file, late, lambda *far: seen.append(far), **options)
    return found, seen


def test_the_sum_of_a_network_s_blocks_is_near_its_time_though_most_were_not_measured(plans, steps, tmp_path):
    meter = MadeUpMeter()
    found, seen = run(steps, tmp_path / "b.jsonl", meter)
    assert seen == [(place, 20) for place in range(1, 21)]
    assert len({(step.block, step.in_shape) for step in steps}) > 60
    assert meter.measured.total() == len(meter.measured) == 20
    off = [found.total(plan) / MadeUpMeter().measure(plan.architecture).p50 - 1 for plan in plans]
    assert sorted(map(abs, off))[len(off) // 2] < 0.05
    again = BlockTimes.from_json(found.to_json(), catalogue().step)
    assert [again.total(plan) for plan in plans] == pytest.approx([found.total(plan) for plan in plans])


def test_blocks_are_remembered_in_the_same_environment_unless_all_is_wanted_anew(steps, tmp_path):
    file = tmp_path / "b.jsonl"
    first, _ = run(steps, file, MadeUpMeter())
    for meter, count, expected, anew in (
        (MadeUpMeter(), 20, 1, False),  # one, which tells the environment
        (MadeUpMeter(), 25, 6, False),
        (MadeUpMeter(environment={"torch": "2.1"}), 20, 20, False),
        (MadeUpMeter(), 20, 20, True),
    ):
        again, seen = run(steps, file, meter, count, anew=anew)
        assert meter.measured.total() == expected
        assert len(again.ms) == count == len(seen)
    assert block_file(tmp_path, Device()) != block_file(tmp_path, Device(threads=2))
    assert first.ms == again.ms


def test_those_that_cannot_be_measured_are_left_out_and_a_device_that_is_gone_ends_it(steps, tmp_path):
    def some(count, alone):
        if int(alone.arch_id, 16) % 3 == 0:
            raise DeviceError("no such operator")

    found, _ = run(steps, tmp_path / "a.jsonl", MadeUpMeter(before=some))
    assert 3 <= len(found.ms) < 20

    asked = []

    def none(count, alone):
        asked.append(alone)
        raise DeviceError("no such operator")

    assert run(steps, tmp_path / "b.jsonl", MadeUpMeter(before=none)) == (None, [])
    assert len(asked) == 5

    def gone(count, alone):
        raise DeviceGone("gone")

    with pytest.raises(DeviceGone):
        run(steps, tmp_path / "c.jsonl", MadeUpMeter(before=gone))


def test_it_stops_when_it_is_late(steps, tmp_path):
    meter = MadeUpMeter()
    found, seen = run(steps, tmp_path / "b.jsonl", meter, late=lambda: meter.measured.total() >= 7)
    assert len(found.ms) == len(seen) == 7
    few = MadeUpMeter()
    assert run(steps, tmp_path / "c.jsonl", few, late=lambda: few.measured.total() >= 2)[0] is None


def test_times_of_fewer_than_three_blocks_say_nothing_of_others(steps):
    assert blocks_to_measure(steps[:1] * 3, catalogue().step, 10) == steps[:1]
    with pytest.raises(NasError, match="times of at least 3 blocks must be known to predict others, but got 2"):
        BlockTimes.measured(steps[:2], [0.1, 0.2], catalogue().step)
