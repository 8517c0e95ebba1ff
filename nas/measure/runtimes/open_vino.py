"""OpenVINO on the CPU, from the ONNX file of the network.

Outputs may differ from eager's at the same precision by 1e-3 of the largest output in float32, 3e-2 in float16, 1e-1 in
bfloat16. In the lower precisions input and output stay float32: that is how its applications feed it. Threads are
fixed, one stream; with one thread it computes in the thread that calls.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.errors import DeviceError
from nas.measure.devices import Device
from nas.measure.onnx_export import export, size
from nas.measure.runtimes import need, only, through_files

NAME, EXTRA = "openvino", "openvino"
FILE = "model.xml"
OWN_THREADS = True
_HINTS = {"float32": ("f32", "FP32"), "float16": ("f16", "FP16"), "bfloat16": ("bf16", "BF16")}


def check(device: Device) -> None:
    """Raises `DeviceError` without the package, and for a precision that this processor does not compute in."""
    ready(device, NAME, EXTRA)
    import openvino

    offered = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if _HINTS[device.precision][1] not in offered:
        has = [name for name, (_, word) in _HINTS.items() if word in offered]
        raise DeviceError(
            f"runtime {NAME}: precision must be one this processor computes in ({', '.join(has)}), "
            f"but got {device.precision}"
        )


def ready(device: Device, name: str, extra: str) -> None:
    """Raises `DeviceError` without the packages, on a GPU, and for a memory layout: the runtime chooses it."""
    for package in ("onnx", "onnxscript", "openvino"):
        need(package, name, extra)
    only(device, name, kind=("cpu",), channels_last=(False,))


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The network in OpenVINO's format, weights as they are; tells the bytes of both files."""
    import openvino

    with TemporaryDirectory(prefix="nas-openvino-") as between:
        openvino.save_model(whole(module, example, Path(between), NAME), folder / FILE, compress_to_fp16=False)
    return size(folder)


def whole(module: torch.nn.Module, example: torch.Tensor, folder: Path, name: str) -> Any:
    """The network as OpenVINO has it in memory; `folder` must stay for as long as it is used."""
    import openvino

    return openvino.Core().read_model(export(module.cpu().float(), example.cpu().float(), folder, name, EXTRA))


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """What was written, compiled for the device and for inputs of the example's shape."""
    import openvino

    model = openvino.Core().read_model(folder / FILE)
    model.reshape(list(example.shape))
    return compiled(model, example, device)


prepare = through_files(write, read)


def compiled(model: Any, example: torch.Tensor, device: Device, **more: Any) -> Callable[[], Any]:
    """A network in memory compiled for the device, its input in place; `more` properties of OpenVINO."""
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": device.threads,
        "INFERENCE_PRECISION_HINT": _HINTS[device.precision][0],
        "ENABLE_CPU_PINNING": False,  # the processors of this process are the device's
        "CPU_DENORMALS_OPTIMIZATION": True,  # as torch is set while measuring
        **more,
    }
    return _Request(openvino.Core().compile_model(model, "CPU", settings), example)


def versions() -> dict[str, str]:
    """Of the libraries that run the network."""
    import openvino

    return {"openvino": openvino.__version__}


class _Request:
    """One inference each time it is called; its output is an array, the same one each time."""

    def __init__(self, compiled: Any, example: torch.Tensor) -> None:
        import openvino

        self._request = compiled.create_infer_request()
        self._input = example.detach().cpu().float().contiguous().numpy()
        self._request.set_input_tensor(openvino.Tensor(self._input, shared_memory=True))
        self._infer = self._request.infer
        self._output = self._request.get_output_tensor(0).data

    def __call__(self) -> Any:
        self._infer()
        return self._output

    def outputs(self, images: torch.Tensor) -> Any:
        before = self._input.copy()
        self._input[...] = images.float().numpy()
        found = self().copy()
        self._input[...] = before
        return found
