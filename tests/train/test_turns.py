from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from nas.train import turns
from nas.train.turns import TURN_S, Turns

CPU = torch.device("cpu")


class Waiting:
    """A pause whose context takes a while to be entered; notes when it was entered and left."""

    def __init__(self, clock: SimpleNamespace, wait: float = 0.0) -> None:
        self.clock, self.wait = clock, wait
        self.inside = 0
        self.entered: list[float] = []

    def __call__(self):
        return self

    def __enter__(self):
        self.inside += 1
        self.clock.now += self.wait
        self.entered.append(self.clock.now)

    def __exit__(self, *error):
        self.inside -= 1


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(turns, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def test_short_steps_share_a_turn_and_nobody_waits_for_longer_than_one(clock):
    pause = Waiting(clock)
    with Turns(pause, CPU) as each:
        for _ in range(100):
            each.step()
            assert pause.inside == 1
            assert clock.now - pause.entered[-1] < TURN_S
            clock.now += 0.003
    assert pause.inside == 0
    assert 10 <= len(pause.entered) <= 16


def test_long_steps_have_a_turn_each_and_waiting_is_told(clock):
    pause = Waiting(clock, wait=0.5)
    with Turns(pause, CPU) as each:
        waited = 0.0
        for _ in range(5):
            waited += each.step()
            clock.now += 0.1
    assert len(pause.entered) == 5
    assert waited == pytest.approx(2.5)


def test_an_error_in_a_step_ends_the_turn(clock):
    pause = Waiting(clock)

    def fail() -> None:
        with Turns(pause, CPU) as each:
            each.step()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert pause.inside == 0
    with Turns(pause, CPU):
        pass
    assert pause.inside == 0


def test_what_was_queued_on_a_gpu_is_done_before_the_turn_ends(clock, monkeypatch):
    seen = []
    pause = Waiting(clock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: seen.append((device, pause.inside)))
    with Turns(pause, torch.device("cuda", 1)) as each:
        each.step()
        each.step()
    assert seen == [(torch.device("cuda", 1), 1)]
