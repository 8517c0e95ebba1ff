"""ONNX Runtime: its CPU provider, or its CUDA provider on a `cuda` device.

Outputs may differ from eager's by 1e-3 of the largest output in float32 (1e-2 on CUDA: TF32), 3e-2 in float16. Threads
are fixed, and those that wait for work sleep instead of spinning, for they would disturb the reference beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from nas.errors import DeviceError
from nas.measure.devices import Device
from nas.measure.onnx_export import FILE, export, size
from nas.measure.runtimes import need, only, through_files

NAME, EXTRA = "onnxruntime", "onnx"
OWN_THREADS = True


def check(device: Device) -> None:
    """Raises `DeviceError` without the package, the provider, or for what it does not have."""
    ready(device, NAME)
    only(device, NAME, precision=("float32", "float16") if device.kind == "cuda" else ("float32",))
    if device.kind == "cuda":
        need_provider("CUDAExecutionProvider", NAME)


def ready(device: Device, name: str) -> None:
    """Raises `DeviceError` without the packages, and for a memory layout, which the runtime chooses by itself."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        need(package, name, EXTRA)
    only(device, name, channels_last=(False,))


def need_provider(provider: str, name: str) -> None:
    """Raises `DeviceError` where the installed build has no such provider."""
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    if provider not in offered:
        raise DeviceError(
            f"runtime {name} must have ONNX Runtime's {provider}, but this build offers {', '.join(offered)}; install "
            "onnxruntime-gpu in place of onnxruntime, with the CUDA libraries that it names"
        )


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The ONNX file; tells its bytes."""
    dtype = getattr(torch, device.precision)
    export(module.cpu().to(dtype), example.cpu().to(dtype), folder, NAME, EXTRA)
    return size(folder)


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """A session of the file."""
    return session(folder / FILE, example, device)


prepare = through_files(write, read)


def versions() -> dict[str, str]:
    """Of the libraries that run the network."""
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__}


ERRORS, NOTHING = 3, 4  # what a session prints by itself


def session(
    path: Path,
    example: torch.Tensor,
    device: Device,
    providers: Sequence[Any] | None = None,
    *,
    prints: int = ERRORS,
) -> _Session:
    """A session on the device, its input in place. `providers`: in place of the device's own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = prints
    for key in ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning"):
        options.add_session_config_entry(key, "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # as torch is set while measuring
    if device.kind == "cuda":
        # On torch's stream, so that the clock's events stand around the work.
        stream = str(torch.cuda.current_stream(device.index).cuda_stream)
        own = {"device_id": str(device.index), "user_compute_stream": stream}
        wanted = list(providers or [("CUDAExecutionProvider", own)])
        found = onnxruntime.InferenceSession(str(path), options, providers=[*wanted, "CPUExecutionProvider"])
        first = wanted[0] if isinstance(wanted[0], str) else wanted[0][0]
        if found.get_providers()[0] != first:  # it falls back to the CPU in silence
            raise DeviceError(f"ONNX Runtime must run on its {first}, but it fell back to {found.get_providers()[0]}")
        return _CudaSession(found, example, device)
    found = onnxruntime.InferenceSession(str(path), options, providers=list(providers or ["CPUExecutionProvider"]))
    return _Session(found, example)


class _Session:
    """One inference on the CPU each time it is called; its output is an array."""

    def __init__(self, session: Any, example: torch.Tensor) -> None:
        self._run = session.run
        self._name = session.get_inputs()[0].name
        self._input = {self._name: example.detach().cpu().float().contiguous().numpy()}

    def __call__(self) -> Any:
        return self._run(None, self._input)[0]

    def outputs(self, images: torch.Tensor) -> Any:
        return self._run(None, {self._name: images.float().contiguous().numpy()})[0]


class _CudaSession(_Session):
    """Input and output stay on the GPU, as torch tensors that the session reads and writes."""

    def __init__(self, session: Any, example: torch.Tensor, device: Device) -> None:
        self._session, self._device = session, device
        self._dtype = getattr(torch, device.precision)
        self._names = session.get_inputs()[0].name, session.get_outputs()[0].name
        shape = tuple(session.get_outputs()[0].shape)
        self._output = torch.empty(shape, dtype=self._dtype, device=torch.device("cuda", device.index))
        self._bind(example)

    def _bind(self, images: torch.Tensor) -> None:
        self._tensor = images.to(self._output.device, self._dtype).contiguous()
        self._binding = self._session.io_binding()
        for name, tensor, bind in (
            (self._names[0], self._tensor, self._binding.bind_input),
            (self._names[1], self._output, self._binding.bind_output),
        ):
            bind(
                name=name,
                device_type="cuda",
                device_id=self._device.index,
                element_type=_numpy(self._dtype),
                shape=tuple(tensor.shape),
                buffer_ptr=tensor.data_ptr(),
            )

    def __call__(self) -> Any:
        self._session.run_with_iobinding(self._binding)
        return self._output

    def outputs(self, images: torch.Tensor) -> Any:
        before = self._tensor
        self._bind(images)
        found = self().clone()
        self._bind(before)
        return found


def _numpy(dtype: torch.dtype) -> Any:
    import numpy as np

    return np.float16 if dtype == torch.float16 else np.float32
