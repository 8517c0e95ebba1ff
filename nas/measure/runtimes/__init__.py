"""The table of runtimes: what turns a module into something that can be timed. One file and one line each.

A runtime is a module (or any object) with two functions:

    check(device) -> None
        raises DeviceError, naming the extra to install, when it cannot run on such a device here
    prepare(module, example, device) -> Callable[[], Any]
        one inference of `example` each time it is called, its output returned; all slow work is done before

and with these where it has them:

    write(module, example, device, folder) -> int
        puts what would be shipped into a folder, and tells its bytes: the size of the model
    read(folder, example, device) -> Callable[[], Any]
        like `prepare`, from what `write` left; with both the memory of an inference can be told
    tolerance(device) -> Tolerance
        how far outputs may be from eager's; without it `nas.measure.agreement.usual`
    OWN_THREADS
        True where it has threads beside torch's: torch then keeps to one, for its threads go on spinning for a while
        after each run of the reference, and would take the processors from those of the network
    BUILD_S
        the longest that preparing a network may take, in seconds; without it 600
    versions() -> dict
        of the libraries that run the network, by their names

What `prepare` returns may have a method `outputs(images)`, the outputs for other images of the example's shape; a
tolerance that compares several images needs it. Outsiders add theirs by an entry point of the group `nas.runtimes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from nas.errors import DeviceError

if TYPE_CHECKING:
    import torch

    from nas.measure.devices import Device

TABLE = {
    "eager": "nas.measure.runtimes.eager",
    "compile": "nas.measure.runtimes.torch_compile",
    "cudagraph": "nas.measure.runtimes.cudagraph",
    "onnxruntime": "nas.measure.runtimes.onnx_runtime",
    "onnxruntime_int8": "nas.measure.runtimes.onnx_runtime_int8",
    "onnxruntime_int8_dynamic": "nas.measure.runtimes.onnx_runtime_int8_dynamic",
    "openvino": "nas.measure.runtimes.open_vino",
    "openvino_int8": "nas.measure.runtimes.open_vino_int8",
    "openvino_int8_dynamic": "nas.measure.runtimes.open_vino_int8_dynamic",
    "tensorrt": "nas.measure.runtimes.tensorrt",
}

BUILD_S = 600.0


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


def build_seconds(name: str) -> float:
    """The longest that a runtime may take to prepare a network."""
    return float(getattr(runtime(name), "BUILD_S", BUILD_S))


def torch_threads(device: Device) -> int:
    """The threads that torch runs the reference with, and the network where the runtime has no threads of its own."""
    return 1 if getattr(runtime(device.runtime), "OWN_THREADS", False) else device.threads


def need(package: str, runtime: str, extra: str) -> ModuleType:
    """An optional package; raises `DeviceError` that names the extra which brings it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise DeviceError(
            f"runtime {runtime} must have the package {package}, but it cannot be imported ({error}); "
            f"install the extra: pip install 'nas[{extra}]'"
        ) from error


def through_files(
    write: Callable[[torch.nn.Module, torch.Tensor, Device, Path], int],
    read: Callable[[Path, torch.Tensor, Device], Callable[[], Any]],
) -> Callable[[torch.nn.Module, torch.Tensor, Device], Callable[[], Any]]:
    """The `prepare` of a runtime that runs what it has written; the files are gone when it returns."""

    def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
        with TemporaryDirectory(prefix="nas-runtime-") as folder:
            write(module, example, device, Path(folder))
            return read(Path(folder), example, device)

    return prepare


def only(device: Device, runtime: str, **allowed: tuple[Any, ...]) -> None:
    """Raises `DeviceError` where a setting of the device is none that the runtime has."""
    for key, values in allowed.items():
        found = getattr(device, key)
        if found not in values:
            wanted = " or ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
            told = str(found).lower() if isinstance(found, bool) else found
            raise DeviceError(f"runtime {runtime}: {key} must be {wanted}, but got {told}")
