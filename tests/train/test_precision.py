import time

import pytest
import torch
from tiny_training import network
from torch import nn

from nas.train import precision
from nas.train.precision import family, faster_precision


class Slow(nn.Module):
    """Takes its time in one precision."""

    def __init__(self, slow):
        super().__init__()
        self.slow = slow
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        now = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
        time.sleep(0.02 if now == self.slow else 0)
        return x


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(precision, "_remembered", {})


@pytest.mark.parametrize(("slow", "expected"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_the_faster_one_is_kept(slow, expected):
    assert faster_precision(network(slow=Slow(slow)), torch.randn(8, 3, 8, 8), 4) == expected


def test_it_is_measured_once_for_a_kind_of_network(monkeypatch):
    measured = []
    monkeypatch.setattr(precision, "_measure", lambda *_: measured.append(1) or "float32")
    for seed in range(3):
        faster_precision(network(seed), torch.randn(8, 3, 8, 8), 4)
    assert len(measured) == 1
    faster_precision(network(), torch.randn(16, 3, 8, 8), 4)
    faster_precision(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), torch.randn(8, 3, 8, 8), 4)
    assert len(measured) == 3


def test_nothing_changes_but_the_clock():
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    entered = []

    class Pause:
        def __enter__(self):
            entered.append(1)

        def __exit__(self, *error):
            pass

    faster_precision(net, torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)), 4, Pause)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert len(entered) >= 4


def test_families_tell_dense_from_depthwise():
    assert family(network()) == {"dense", "depthwise", "linear"}
    assert family(nn.Conv2d(8, 8, 1)) == {"pointwise"}
    assert family(nn.Conv2d(8, 8, 3, groups=2)) == {"grouped"}
