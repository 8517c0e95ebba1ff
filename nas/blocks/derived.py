"""Buffers that follow from a few numbers: computed when a module is made, not stored with its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Derivation:
    """How a buffer is computed: `function(*args)`."""

    function: Callable[..., Tensor]
    args: tuple[Any, ...]


def derive(module: nn.Module, name: str, function: Callable[..., Tensor], *args: Any) -> None:
    """Registers `function(*args)` as a buffer that is not stored, and remembers how it came about.

    The function stands in a module, needs torch only and takes numbers or tuples of numbers, so that stand-alone
    source can compute the buffer again.
    """
    module.register_buffer(name, function(*args), persistent=False)
    module.__dict__.setdefault("_derivations", {})[name] = Derivation(function, args)


def derived_of(module: nn.Module, name: str) -> Derivation | None:
    """How a buffer is computed; None where that was not said."""
    found: Derivation | None = module.__dict__.get("_derivations", {}).get(name)
    return found
