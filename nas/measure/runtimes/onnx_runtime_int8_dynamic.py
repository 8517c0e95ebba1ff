"""ONNX Runtime with weights in eight bits and activations quantised as they come: dynamic quantisation.

Held to the same as static quantisation: 1e-3 of the largest output before quantising, then, on 16 pictures, a likeness
of 0.25 to eager's float32 outputs or a difference of at most 0.5. Meant for transformers: of convolutions it makes
slow ones, for each has to look at its whole input first.
"""

from __future__ import annotations

from pathlib import Path

import torch

from nas.measure.devices import Device
from nas.measure.onnx_export import FILE, size
from nas.measure.runtimes import onnx_runtime, onnx_runtime_int8, through_files

NAME = "onnxruntime_int8_dynamic"
BUILD_S = onnx_runtime_int8.BUILD_S
OWN_THREADS = onnx_runtime.OWN_THREADS

read = onnx_runtime.read
versions = onnx_runtime.versions
tolerance = onnx_runtime_int8.tolerance


def check(device: Device) -> None:
    """Raises `DeviceError` without the packages, and for other devices than the CPU."""
    onnx_runtime_int8.check_int8(device, NAME)


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The ONNX file with quantised weights; tells its bytes."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with onnx_runtime_int8.whole(module, example, NAME) as path, onnx_runtime_int8.quiet():
        # Unsigned: integer convolutions exist for unsigned weights only.
        quantize_dynamic(path, folder / FILE, weight_type=QuantType.QUInt8)
    return size(folder)


prepare = through_files(write, read)
