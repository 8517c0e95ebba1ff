"""PyTorch as it comes: the module called, operator by operator. Nothing to compare: it is what others are held to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.measure.devices import Device

PEAK_WHILE_PREPARING = False  # on CUDA: an inference allocates anew each time


def check(device: Device) -> None:
    """Runs wherever torch does."""


def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """The module and the example on the device, in its precision and layout. Moves the module itself."""
    run, example = placed(module, example, device)
    return partial(run, example)


def placed(
    module: torch.nn.Module, example: torch.Tensor, device: Device
) -> tuple[Callable[[torch.Tensor], Any], torch.Tensor]:
    """The module, in evaluation mode, and the example as the device wants them."""
    where = torch.device(device.kind, device.index) if device.kind == "cuda" else torch.device("cpu")
    layout = torch.channels_last if device.channels_last else torch.contiguous_format
    dtype = getattr(torch, device.precision)
    module = module.eval().to(device=where, dtype=dtype)
    module = module.to(memory_format=layout)  # type: ignore[call-overload]
    image_like = example.dim() == 4
    example = example.to(device=where, dtype=dtype)
    return module, example.contiguous(memory_format=layout) if image_like else example.contiguous()


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The module; tells the bytes of its parameters and buffers in the device's precision, as safetensors has them."""
    module = module.eval().to(dtype=getattr(torch, device.precision))
    torch.save(module, folder / "module.pt")
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """`prepare` for the module that was written."""
    return prepare(torch.load(folder / "module.pt", weights_only=False), example, device)
