"""Building modules on the meta device: shapes without memory, and without the time that initial values would take."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

META = torch.device("meta")

_MAKER_NAMES = """
    empty empty_strided zeros ones full arange linspace logspace eye rand randn randint randperm tensor as_tensor
    tril_indices triu_indices scalar_tensor hann_window hamming_window bartlett_window blackman_window
"""
_FILLER_NAMES = """
    uniform_ normal_ bernoulli_ exponential_ log_normal_ random_ erfinv_ fill_ zero_ mul_ add_ sub_ div_ clamp_ copy_
"""

_MAKERS: frozenset[Callable[..., Any]] = frozenset(getattr(torch, name) for name in _MAKER_NAMES.split())
_FILLERS: frozenset[Callable[..., Any]] = frozenset(
    getattr(torch.Tensor, name) for name in _FILLER_NAMES.split()
) | frozenset(
    getattr(nn.init, name) for name in ("uniform_", "normal_", "constant_", "kaiming_uniform_", "kaiming_normal_")
)


class OnMeta(TorchFunctionMode):
    """While it is entered, this thread's new tensors are on the meta device and filling them does nothing.

    Other threads are not touched, which patching `torch.nn.init` would do.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FILLERS:
            target = args[0] if args else kwargs["tensor"]
            if target.is_meta:
                return target
        elif func in _MAKERS and kwargs.get("device") is None:
            kwargs["device"] = META
        return func(*args, **kwargs)


def to_meta(module: nn.Module) -> nn.Module:
    """The module itself when it is on the meta device, else a copy there that shares no memory with it.

    Tensors that are neither parameters nor buffers are copied as they are.
    """
    tensors = [*module.parameters(), *module.buffers()]
    if all(tensor.is_meta for tensor in tensors):
        return module
    memo: dict[int, Any] = {id(tensor): _meta_twin(tensor) for tensor in tensors}
    return copy.deepcopy(module, memo)


def _meta_twin(tensor: torch.Tensor) -> torch.Tensor:
    twin = torch.empty_like(tensor, device=META)
    return nn.Parameter(twin, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin
