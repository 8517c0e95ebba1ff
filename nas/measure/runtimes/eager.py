"""PyTorch as it comes: the module called, operator by operator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from nas.measure.devices import Device


def check(device: Device) -> None:
    """Runs wherever torch does."""


def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """The module and the example on the device, in its precision and layout. Moves the module itself."""
    where = torch.device(device.kind, device.index) if device.kind == "cuda" else torch.device("cpu")
    layout = torch.channels_last if device.channels_last else torch.contiguous_format
    dtype = getattr(torch, device.precision)
    module = module.eval().to(device=where, dtype=dtype)
    module = module.to(memory_format=layout)  # type: ignore[call-overload]
    image_like = example.dim() == 4
    example = example.to(device=where, dtype=dtype)
    return partial(module, example.contiguous(memory_format=layout) if image_like else example.contiguous())
