"""The reference network: a fixed workload timed beside every network measured, so that their ratio can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nas.measure.devices import Device
from nas.measure.runtimes import eager

# A number that grows with every change of the workload below: calibrations of another version do not hold.
VERSION = 2


def _conv(channels: int, out: int, kernel: int, stride: int, groups: int = 1, act: bool = True) -> list[nn.Module]:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out), *([nn.Hardswish()] if act else [])]


class _Inverted(nn.Module):
    """An inverted residual (MobileNetV2, 2018): it mixes dense, depthwise and elementwise work."""

    def __init__(self, channels: int, out: int, kernel: int, expand: int, stride: int) -> None:
        super().__init__()
        hidden = channels * expand
        self.body = nn.Sequential(
            *_conv(channels, hidden, 1, 1),
            *_conv(hidden, hidden, kernel, stride, groups=hidden),
            *_conv(hidden, out, 1, 1, act=False),
        )
        self.residual = channels == out and stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


def reference(device: Device) -> Callable[[], Any]:
    """One inference of the reference network on the device each time it is called.

    Always eager, float32, contiguous and at batch 1, whatever the device's settings: it is a yardstick, not a model.
    It is a small network like those of a search, 0.7 ms on one core of 2023, because what runs beside us should slow
    both alike: it slowed twenty small networks 1.05 times as much (in logarithms) as this one, but 1.25 times as much
    as networks with fewer layers or a smaller image. A GPU gets a larger image.
    """
    size = 128 if device.kind == "cuda" else 48
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        torch.manual_seed(VERSION)
        network = nn.Sequential(
            *_conv(3, 24, 3, 2),
            _Inverted(24, 32, kernel=3, expand=4, stride=2),
            _Inverted(32, 64, kernel=5, expand=3, stride=2),
            _Inverted(64, 64, kernel=5, expand=3, stride=1),
            *_conv(64, 64, 3, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 32),
        )
        example = torch.randn(1, 3, size, size)
    plain = Device(kind=device.kind, index=device.index)
    return eager.prepare(network, example, plain)
