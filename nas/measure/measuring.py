"""Measures a module in this process, holding the device's lock."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from nas.arch import Shape
from nas.errors import DeviceError, NasError
from nas.measure import runtimes
from nas.measure.bench import Bench
from nas.measure.devices import Device, check_device
from nas.measure.latency import Latency
from nas.measure.lock import DeviceLock
from nas.measure.procedure import take
from nas.measure.protocol import Protocol
from nas.measure.provenance import environment
from nas.measure.settings import settings

_benches: dict[tuple[Device, Protocol], Bench] = {}


def measure(
    module: nn.Module,
    in_shape: Shape | Sequence[int],
    device: Device | None = None,
    protocol: Protocol | None = None,
    budget_ms: float | None = None,
) -> Latency:
    """The latency of a module: its median in milliseconds with an interval, and whether to believe it.

    `in_shape` is that of one image, (C, H, W) or a `Shape`. The module itself stays as it is; a copy in evaluation
    mode is measured on random input. With `budget_ms` it stops as soon as the answer is on one side, and takes
    longer where it is close. Waits until nobody else measures on the device and trainers that share its lock pause.
    Other work of this very process disturbs: `Meter` measures in a process of its own.

    Raises `DeviceError` when the device is not there, or the network cannot run on it.

    >>> latency = measure(nn.Conv2d(3, 16, 3), (3, 32, 32))
    >>> 0 < latency.low <= latency.p50 <= latency.high
    True
    """
    device, protocol = device or Device(), protocol or Protocol()
    check_device(device)
    with DeviceLock(device.lock_name).exclusive(), settings(device, protocol):
        bench = _benches.get((device, protocol))
        if bench is None:
            bench = _benches[device, protocol] = Bench(device, protocol)
        run = prepare(copy.deepcopy(module), in_shape, device, protocol.seed)
        return take(bench, run, budget_ms, environment(device))


def prepare(module: nn.Module, in_shape: Shape | Sequence[int], device: Device, seed: int) -> Callable[[], Any]:
    """What runs the module once on random input, after one run whose output was looked at.

    Raises `DeviceError` when it fails, or its output is not made of finite numbers, or of zeros alone: such a
    network is broken, and zeros can be computed faster than numbers.
    """
    shape = in_shape if isinstance(in_shape, Sequence) else in_shape.tensor()[1:]
    example = torch.randn((device.batch, *shape), generator=torch.Generator().manual_seed(seed))
    try:
        run = runtimes.runtime(device.runtime).prepare(module, example, device)
        output = run()
    except NasError:
        raise
    except Exception as error:  # whatever a runtime or an operator raises, it cannot be measured
        raise DeviceError(
            f"the network must run on {device.name} ({device.runtime}, {device.precision}), "
            f"but: {type(error).__name__}: {error}"
        ) from error
    for tensor in output if isinstance(output, tuple | list) else [output]:
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            if not bool(torch.isfinite(tensor).all()):
                raise DeviceError("the output of a network to be measured must be finite, but it holds inf or nan")
            if not bool(tensor.any()):
                raise DeviceError("the output of a network to be measured must not be all zeros")
    return run
