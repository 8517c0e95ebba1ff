"""Measures a module in this process, holding the device's lock."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nas.arch import Shape
from nas.errors import DeviceError, NasError
from nas.measure import agreement, culprit, energy, runtimes
from nas.measure.agreement import Agreement, Tolerance
from nas.measure.bench import Bench
from nas.measure.devices import Device, check_device
from nas.measure.latency import Latency
from nas.measure.lock import DeviceLock
from nas.measure.memory import example_of, weigh
from nas.measure.procedure import take
from nas.measure.protocol import Protocol
from nas.measure.provenance import environment
from nas.measure.runtimes import eager
from nas.measure.settings import settings

_benches: dict[tuple[Device, Protocol], Bench] = {}


def measure(
    module: nn.Module,
    in_shape: Shape | Sequence[int],
    device: Device | None = None,
    protocol: Protocol | None = None,
    budget_ms: float | None = None,
    extras: Collection[str] = (),
) -> Latency:
    """The latency of a module: its median in milliseconds with an interval, and whether to believe it.

    `in_shape` is that of one image, (C, H, W) or a `Shape`. The module itself stays as it is; a copy in evaluation
    mode is measured on random input. With `budget_ms` it stops as soon as the answer is on one side, and takes
    longer where it is close. `extras` are names of `EXTRAS` to be told as well. Waits until nobody else measures on
    the device and trainers that share its lock pause. Other work of this very process disturbs: `Meter` measures in a
    process of its own.

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
        latency = take(bench, run, budget_ms, environment(device))
        latency = spent(latency, run, bench, extras)
    if {"model_mb", "inference_memory_mb"}.isdisjoint(extras):
        return latency
    memory = "inference_memory_mb" in extras
    return replace(latency, **weigh(module, image_shape(in_shape), device, protocol.seed, memory=memory))


def spent(latency: Latency, run: Callable[[], Any], bench: Bench, extras: Collection[str]) -> Latency:
    """The latency with the energy of an image, where it is asked for and the host has a counter."""
    if "energy_mj" not in extras:
        return latency
    found = energy.per_image(run, bench.clock, bench.device, latency.p50 / 1e3)
    if found is None:
        return latency
    return replace(latency, energy_mj=found["energy_mj"], evidence={**latency.evidence, **found})


def image_shape(in_shape: Shape | Sequence[int]) -> tuple[int, ...]:
    """The size of one image, whether it came as a shape or as numbers."""
    return tuple(in_shape) if isinstance(in_shape, Sequence) else in_shape.tensor()[1:]


def prepare(module: nn.Module, in_shape: Shape | Sequence[int], device: Device, seed: int) -> Callable[[], Any]:
    """What runs the module once on random input, after its outputs were looked at.

    Raises `DeviceError` when it fails, naming the block and the operator where a runtime cannot express one; when the
    output is not made of finite numbers, or of zeros alone: such a network is broken, and zeros can be computed faster
    than numbers; and when a runtime's outputs are further from eager's than its tolerance.
    """
    return checked(module, in_shape, device, seed)[0]


@torch.no_grad()
def checked(
    module: nn.Module, in_shape: Shape | Sequence[int], device: Device, seed: int
) -> tuple[Callable[[], Any], Agreement | None]:
    """`prepare`, and how well the outputs agree with eager's; None for eager itself."""
    shape = image_shape(in_shape)
    example = example_of(shape, device.batch, seed)
    runtime = runtimes.runtime(device.runtime)
    if device.runtime == "eager":
        run = _tried(lambda: runtime.prepare(module, example, device), device)
        _look(_tried(run, device))
        return run, None
    tolerance = getattr(runtime, "tolerance", agreement.usual)(device)
    images = _images(tolerance, shape, device, seed, example)
    module = module.eval()
    eager_device = device.model_copy(update={"runtime": "eager"})
    expected = _tried(lambda: _eager_outputs(copy.deepcopy(module), images, eager_device), eager_device)
    _look(expected)
    try:
        run = runtime.prepare(copy.deepcopy(module), example, device)
        output = run()
    except NasError:
        raise
    except Exception as error:  # whatever a runtime raises, it cannot run this network: who is to blame?
        raise _blamed(error, module, example, device) from error
    if tolerance.kind == "likeness":
        output = agreement.outputs_of(run.outputs, images, device.batch)  # type: ignore[attr-defined]
    found = agreement.compare(tolerance, expected, agreement.first(output).float())
    agreement.check(found, device.runtime, device.precision)
    return run, found


def _images(
    tolerance: Tolerance, shape: tuple[int, ...], device: Device, seed: int, example: torch.Tensor
) -> torch.Tensor:
    """What outputs are compared on: the example, or for a likeness pictures, whole batches of them."""
    if tolerance.kind == "difference":
        return example
    return agreement.pictures(-(-agreement.PICTURES // device.batch) * device.batch, shape, seed)


def _eager_outputs(module: nn.Module, images: torch.Tensor, device: Device) -> torch.Tensor:
    return agreement.outputs_of(lambda batch: eager.prepare(module, batch, device)(), images, device.batch)


def _tried(attempt: Callable[[], Any], device: Device) -> Any:
    """What the attempt gives; raises `DeviceError` for whatever it raises."""
    try:
        return attempt()
    except NasError:
        raise
    except Exception as error:  # whatever an operator raises, it cannot be measured
        raise DeviceError(_cannot(device, error)) from error


def _cannot(device: Device, error: Exception) -> str:
    return (
        f"the network must run on {device.name} ({device.runtime}, {device.precision}), "
        f"but: {type(error).__name__}: {str(error).strip()}"
    )


def _blamed(error: Exception, module: nn.Module, example: torch.Tensor, device: Device) -> DeviceError:
    """The error of a runtime with the block and the operator that it is about."""
    runtime = runtimes.runtime(device.runtime)

    def attempt(part: nn.Module, arrived: torch.Tensor) -> None:
        runtime.prepare(copy.deepcopy(part), arrived, device)()

    path, inner = culprit.find(copy.deepcopy(module), example, attempt)
    operator = culprit.operator_of(inner) or culprit.operator_of(error)
    what = f"operator {operator}" if operator else "an operator"
    where = f"of block {path}" if path else "of the network"
    kind = type(module.get_submodule(path)).__name__
    return DeviceError(
        f"runtime {device.runtime} cannot express {what} {where} ({kind}): {culprit.words_of(inner)}; "
        "choose another block there, or measure with another runtime"
    )


def _look(output: Any) -> None:
    """Raises `DeviceError` for an output that tells of a broken network."""
    for tensor in output if isinstance(output, tuple | list) else [output]:
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            if not bool(torch.isfinite(tensor).all()):
                raise DeviceError("the output of a network to be measured must be finite, but it holds inf or nan")
            if not bool(tensor.any()):
                raise DeviceError("the output of a network to be measured must not be all zeros")
