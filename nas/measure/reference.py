"""The reference network: a fixed workload timed beside every network measured, so that their ratio can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nas.measure.devices import Device
from nas.measure.runtimes import eager

# A number that grows with every change of the workload below: calibrations of another version do not hold.
VERSION = 1


class _Inverted(nn.Module):
    """An inverted residual (MobileNetV2, 2018): it mixes dense, depthwise and elementwise work."""

    def __init__(self, channels: int, expand: int, kernel: int) -> None:
        super().__init__()
        hidden = channels * expand
        self.body = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.Hardswish(),
            nn.Conv2d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.Hardswish(),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def reference(device: Device) -> Callable[[], Any]:
    """One inference of the reference network on the device each time it is called.

    Always eager, float32, contiguous and at batch 1, whatever the device's settings: it is a yardstick, not a model.
    About 0.35 ms on one core of 2023, so that a block of it fits between two disturbances; a GPU gets a larger input.
    """
    size = 64 if device.kind == "cuda" else 16
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        torch.manual_seed(VERSION)
        network = nn.Sequential(
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            _Inverted(32, expand=3, kernel=3),
            nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, 32),
        )
        example = torch.randn(1, 16, size, size)
    plain = Device(kind=device.kind, index=device.index)
    return eager.prepare(network, example, plain)
