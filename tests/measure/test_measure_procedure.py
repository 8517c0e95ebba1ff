from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from simulated import REFERENCE_S, Simulated

from nas.measure import Device, Latency, Protocol, bench, calibration, procedure
from nas.measure.bench import Bench
from nas.measure.calibration import Calibration
from nas.measure.procedure import take

PROTOCOL = Protocol(retries=0, max_pairs=600, warmup_ms=0)


def network() -> None:
    """Stands for what is measured; its times are simulated."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bench, "LOOK_S", 0.02)
    monkeypatch.setattr(bench, "PAUSE_S", 0.0)
    monkeypatch.setattr(procedure, "PAUSE_S", 0.0)
    calibration.store(Device(), Calibration(1.0, 0.0))  # too old to hold


def measured(
    protocol: Protocol = PROTOCOL, budget_ms: float | None = None, device: Device | None = None, **how
) -> tuple[Latency, Simulated]:
    clock = Simulated(network)
    found = Bench(device or Device(), protocol, clock)
    for key, value in how.items():
        setattr(clock, key, value)
    clock.now, clock.rng = 0.0, np.random.default_rng(7)
    return take(found, network, budget_ms, {}), clock


TRUE_MS = 3 * REFERENCE_S * 1e3


def test_a_quiet_device_gives_a_narrow_trusted_interval_in_little_time():
    latency, clock = measured()
    assert latency.trusted
    assert latency.flags == ()
    assert latency.p50 == pytest.approx(TRUE_MS, rel=0.01)
    assert latency.low <= latency.p50 <= latency.high
    assert PROTOCOL.floor < latency.half_width <= 1.01 * math.hypot(PROTOCOL.target, PROTOCOL.floor)
    assert latency.p50 <= latency.p90 <= latency.p99
    assert clock.now < 0.5


def test_half_of_the_time_disturbed_is_left_out_and_said():
    latency, _ = measured(slow=lambda now: 1.6 if now % 0.05 < 0.036 else 1.0)
    assert latency.p50 == pytest.approx(TRUE_MS, rel=0.02)
    assert latency.trusted
    assert latency.flags == ("disturbed",)
    assert latency.p90 < 1.3 * latency.p50


def test_a_device_that_is_never_quiet_is_not_trusted_and_not_far_off():
    latency, _ = measured(slow=lambda now: 1.5)
    assert not latency.trusted
    assert "contended" in latency.flags
    assert latency.p50 == pytest.approx(TRUE_MS, rel=0.02)
    assert latency.evidence["slowdown"] == pytest.approx(0.5, abs=0.03)


def each_second(now: float, took: float) -> float:
    """50 ms a second, as Linux takes them from threads of real-time priority."""
    return 0.05 * (math.floor(now + took) - math.floor(now))


def each_run(share: float):
    return lambda now, took: share * took


def test_long_runs_that_were_stopped_now_and_then_are_left_out():
    latency, _ = measured(ratio=150.0, taken=each_second)
    assert latency.trusted
    assert latency.flags == ()
    assert latency.p50 == pytest.approx(150 * REFERENCE_S * 1e3, rel=0.01)
    assert latency.evidence["cpu_share"] == 1.0


def test_what_is_taken_from_every_run_of_seconds_is_subtracted():
    latency, _ = measured(ratio=4000.0, taken=each_second)
    assert latency.trusted
    assert latency.p50 == pytest.approx(4000 * REFERENCE_S * 1e3, rel=0.01)
    assert 0.93 < latency.evidence["cpu_share"] < 0.98


def test_with_several_threads_what_is_taken_is_not_known_and_not_subtracted():
    latency, _ = measured(ratio=4000.0, taken=each_second, device=Device(threads=2))
    assert "contended" in latency.flags
    assert not latency.trusted


def test_an_interruption_of_microseconds_in_every_long_run_does_no_harm():
    latency, _ = measured(ratio=150.0, taken=lambda now, took: 50e-6 if took > 0.01 else 0.0)
    assert latency.trusted
    assert latency.flags == ()


@pytest.mark.parametrize("ratio", [1.0, 3.0, 150.0, 1000.0])
@pytest.mark.parametrize("share", [0.12, 1.0])
def test_a_busy_core_that_takes_its_share_of_every_run_is_seen(ratio, share):
    latency, _ = measured(ratio=ratio, taken=each_run(share))
    assert "contended" in latency.flags
    assert not latency.trusted


def test_two_percent_are_too_much_where_they_cannot_be_subtracted():
    latency, _ = measured(ratio=150.0, taken=each_run(0.02))
    assert "contended" in latency.flags


def test_what_does_not_converge_says_so():
    latency, _ = measured(noise=1.0, protocol=PROTOCOL.model_copy(update={"max_pairs": 100}))
    assert "not_converged" in latency.flags
    assert not latency.trusted
    assert latency.half_width > PROTOCOL.limit


def test_a_network_that_gets_slower_while_measured_is_flagged():
    protocol = PROTOCOL.model_copy(update={"min_pairs": 400, "keep": 20.0})
    latency, _ = measured(protocol, model_only=lambda now: 1 + now)
    assert "drift" in latency.flags
    assert not latency.trusted


def test_it_is_measured_again_when_it_cannot_be_trusted():
    protocol = PROTOCOL.model_copy(update={"retries": 3})
    latency, _ = measured(protocol, slow=lambda now: 1.5 if now < 4.0 else 1.0)
    assert latency.trusted
    assert latency.evidence["attempts"] > 1
    assert latency.p50 == pytest.approx(TRUE_MS, rel=0.02)


@pytest.mark.parametrize(("budget", "side"), [(TRUE_MS / 2, "over"), (TRUE_MS * 2, "within")])
def test_a_budget_far_away_is_decided_early(budget, side):
    full, _ = measured(noise=0.05)
    latency, _ = measured(noise=0.05, budget_ms=budget)
    assert latency.pairs < full.pairs
    assert (latency.p50 > budget) == (side == "over")
    assert latency.trusted


def test_a_budget_inside_the_interval_buys_more_pairs():
    full, _ = measured(noise=0.05)
    latency, _ = measured(noise=0.05, budget_ms=full.p50)
    assert latency.pairs > full.pairs
    assert latency.half_width < full.half_width
    assert latency.budget_ms == full.p50
    assert latency.flags == ("straddles_budget",)
    assert latency.trusted


@pytest.mark.parametrize("share", [0.95, 1.05])
def test_a_budget_near_by_is_decided_by_the_whole_interval(share):
    full, _ = measured(noise=0.05)
    latency, _ = measured(noise=0.05, budget_ms=share * full.p50)
    assert latency.trusted
    assert latency.high < latency.budget_ms if share > 1 else latency.budget_ms < latency.low
    assert "straddles_budget" not in latency.flags


def test_pairs_are_bought_until_a_budget_inside_the_first_interval_is_on_one_side():
    full, _ = measured(noise=0.1)
    budget = full.p50 * (1 + 0.6 * full.half_width)
    latency, _ = measured(noise=0.1, budget_ms=budget, protocol=PROTOCOL.model_copy(update={"max_pairs": 4000}))
    assert latency.pairs > full.pairs
    assert latency.half_width < full.half_width
    assert latency.p50 < budget


def test_the_quiet_time_is_shared_between_processes():
    latency, _ = measured()
    stored = calibration.load(Device())
    assert stored is not None
    assert stored.seconds == pytest.approx(REFERENCE_S, rel=0.02)
    assert latency.evidence["reference_ms"] == pytest.approx(1e3 * stored.seconds)


def test_a_calibration_taken_while_something_ran_is_replaced_when_the_device_is_quiet():
    calibration.store(Device(), Calibration(1.4 * REFERENCE_S, time.time()))
    latency, _ = measured()
    assert latency.p50 == pytest.approx(TRUE_MS, rel=0.01)
    assert calibration.load(Device()).seconds < 1.05 * REFERENCE_S


def test_a_moment_of_higher_speed_does_not_make_all_that_follows_seem_disturbed():
    calibration.store(Device(), Calibration(REFERENCE_S, time.time()))
    fast, _ = measured(slow=lambda now: 0.92)
    assert fast.p50 == pytest.approx(TRUE_MS, rel=0.01)
    assert calibration.load(Device()).hint[0] == pytest.approx(0.92 * REFERENCE_S, rel=0.02)
    usual, _ = measured()
    assert usual.trusted
    assert usual.flags == ()
    assert usual.p50 == pytest.approx(TRUE_MS, rel=0.01)


def test_a_reference_that_is_slower_than_it_ever_was_is_flagged():
    calibration.store(Device(), Calibration(REFERENCE_S / 1.3, time.time()))
    latency, _ = measured()
    assert {"reference_unstable", "contended"} <= set(latency.flags)
    assert not latency.trusted


def test_json_round_trip():
    latency, _ = measured(budget_ms=TRUE_MS)

    assert Latency.from_json(json.loads(json.dumps(latency.to_json()))) == latency
