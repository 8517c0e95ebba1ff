"""Which precision trains faster here: measured once for each kind of network, remembered in the process."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import nn

from nas.train.loss import Target, training_loss

Precision = Literal["float32", "bfloat16"]
# bfloat16 must be faster by this factor: less would be noise, and float32 is the safer of the two.
GAIN = 1.1
PAIRS = 3

_remembered: dict[tuple[object, ...], Precision] = {}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which a training step computes in `precision`; parameters stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def family(network: nn.Module) -> frozenset[str]:
    """The kinds of products in a network: on many CPUs bfloat16 speeds dense ones up and slows depthwise ones down."""
    kinds = set()
    for module in network.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            pointwise = all(size == 1 for size in module.kernel_size)
            grouped = "depthwise" if module.groups == module.in_channels else "grouped"
            kinds.add(grouped if module.groups > 1 else "pointwise" if pointwise else "dense")
        elif isinstance(module, nn.Linear):
            kinds.add("linear")
    return frozenset(kinds)


def faster_precision(
    network: nn.Module,
    images: torch.Tensor,
    classes: int,
    pause: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Precision:
    """The precision in which training steps on batches like `images` (B, C, H, W) take less time, on their device.

    Times a copy of the network: a few steps of each in turn, the fastest of each counts, and ends early where bfloat16
    is far behind. Changes neither the network nor any random state. `pause` is entered around each step.
    """
    device = images.device
    key = (family(network), device, tuple(images.shape), images.stride(), torch.get_num_threads())
    if key not in _remembered:
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            _remembered[key] = _measure(copy.deepcopy(network).train(), images, classes, pause)
    return _remembered[key]


def _measure(
    network: nn.Module, images: torch.Tensor, classes: int, pause: Callable[[], AbstractContextManager[object]]
) -> Precision:
    device = images.device
    labels = torch.arange(len(images), device=device) % classes

    def seconds(precision: Precision) -> float:
        with pause():
            start = time.perf_counter()
            with autocast(device, precision):
                logits = network(images)
            torch.autograd.backward(training_loss(logits, Target(labels)))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            return time.perf_counter() - start

    seconds("float32"), seconds("bfloat16")  # kernels are chosen and compiled in the first step
    best: dict[Precision, float] = {"float32": float("inf"), "bfloat16": float("inf")}
    for _ in range(PAIRS):
        for precision in best:
            best[precision] = min(best[precision], seconds(precision))
        if best["bfloat16"] > 1.5 * best["float32"]:
            break
    return "bfloat16" if best["bfloat16"] * GAIN < best["float32"] else "float32"
