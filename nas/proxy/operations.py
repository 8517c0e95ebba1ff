"""Activations and norms of a network, wherever they are called, seen or passed by as they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_Function = Callable[..., Any]

# Gates (sigmoid, hardsigmoid) are none: they weigh what others computed.
ACTIVATIONS: frozenset[_Function] = frozenset(
    {
        *(getattr(F, name) for name in ("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "hardtanh")),
        *(getattr(F, name) for name in ("gelu", "silu", "mish", "hardswish", "softplus")),
        *(torch.relu, torch.relu_, torch.tanh, Tensor.relu, Tensor.relu_, Tensor.tanh),
    }
)
NORMS: frozenset[_Function] = frozenset(
    getattr(F, name) for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")
)


class SeeActivations(TorchFunctionMode):
    """While it is entered, `see` gets what enters each activation."""

    def __init__(self, see: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._see = see

    def __torch_function__(
        self, func: _Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in ACTIVATIONS:
            self._see(args[0])
        return func(*args, **(kwargs or {}))


class Linear(TorchFunctionMode):
    """While it is entered, activations and norms hand on what they get.

    Attention gets queries and keys of mean size one, as norms before it would give it: of larger ones the softmax would
    have no gradient that is a number.
    """

    def __torch_function__(
        self, func: _Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in ACTIVATIONS or func in NORMS:
            return args[0]
        if func is F.scaled_dot_product_attention and len(args) > 1:
            args = (*map(_of_size_one, args[:2]), *args[2:])
        return func(*args, **(kwargs or {}))


def _of_size_one(x: Tensor) -> Tensor:
    size = x.detach().abs().mean()
    return x / torch.where(size > 0, size, 1.0)
