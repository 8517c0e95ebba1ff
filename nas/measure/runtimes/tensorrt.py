"""TensorRT, by ONNX Runtime's provider: an engine is built for the network before anything is timed.

Outputs may differ from eager's by 1e-2 of the largest output in float32 (TF32), 3e-2 in float16. What TensorRT cannot
run goes to the CUDA provider, as in any program that uses it so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nas.measure.devices import Device
from nas.measure.onnx_export import FILE
from nas.measure.runtimes import only, onnx_runtime, through_files

NAME = "tensorrt"
BUILD_S = 1800.0
OWN_THREADS = onnx_runtime.OWN_THREADS

write = onnx_runtime.write
versions = onnx_runtime.versions


def check(device: Device) -> None:
    """Raises `DeviceError` without a CUDA device or the provider."""
    onnx_runtime.ready(device, NAME)
    only(device, NAME, kind=("cuda",), precision=("float32", "float16"))
    onnx_runtime.need_provider("TensorrtExecutionProvider", NAME)


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """Builds the engine, which takes minutes for a large network."""
    stream = str(torch.cuda.current_stream(device.index).cuda_stream)
    shared = {"device_id": str(device.index), "user_compute_stream": stream}
    own = {**shared, "trt_fp16_enable": str(device.precision == "float16")}
    providers = [("TensorrtExecutionProvider", own), ("CUDAExecutionProvider", shared)]
    return onnx_runtime.session(folder / FILE, example, device, providers)


prepare = through_files(write, read)
