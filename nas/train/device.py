"""Where training computes: the named device if this host has it."""

from __future__ import annotations

import torch

from nas.errors import DeviceError


def find_device(name: str | torch.device) -> torch.device:
    """The device `cpu`, `cuda` or `cuda:N`; `DeviceError` when it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"a device must be cpu, cuda or cuda:N, but got {str(name)!r}") from error
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        raise DeviceError(f"{name} was asked for, but torch {torch.__version__} finds no CUDA device here; take cpu")
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise DeviceError(f"{name} was asked for, but there are {torch.cuda.device_count()} CUDA devices, from 0")
    return torch.device("cuda", index)
