"""The table of runtimes: what turns a module into something that can be timed. One file and one line each.

A runtime is a module (or any object) with two functions:

    check(device) -> None
        raises DeviceError, naming the extra to install, when it cannot run on such a device here
    prepare(module, example, device) -> Callable[[], Any]
        one inference of `example` each time it is called, its output returned; all slow work is done before

Outsiders add theirs by an entry point of the group `nas.runtimes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from nas.measure.devices import Device

TABLE = {
    "eager": "nas.measure.runtimes.eager",
}


class Runtime(Protocol):
    """What every entry of the table offers."""

    def check(self, device: Device) -> None: ...

    def prepare(self, module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]: ...


@cache
def _outsiders() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group="nas.runtimes")}


def names() -> list[str]:
    """All runtimes by name, sorted, whether or not what they need is installed."""
    return sorted({*TABLE, *_outsiders()})


def runtime(name: str) -> Runtime:
    """The runtime of that name; `KeyError` when there is none."""
    found: Any = import_module(TABLE[name]) if name in TABLE else _outsiders()[name].load()
    return found
