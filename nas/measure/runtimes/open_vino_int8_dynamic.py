"""OpenVINO with weights in eight bits and, in linear layers, activations quantised as they come, in groups of 32.

Held to the same as static quantisation: 1e-3 of the largest output before quantising, then, on 16 pictures, a likeness
of 0.25 to eager's float32 outputs or a difference of at most 0.5. Meant for transformers: convolutions stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.measure.devices import Device
from nas.measure.onnx_export import size
from nas.measure.runtimes import open_vino, open_vino_int8, through_files

NAME = "openvino_int8_dynamic"
GROUP = 32  # activations that share a scale; OpenVINO's own default differs between processors
BUILD_S = open_vino_int8.BUILD_S
OWN_THREADS = open_vino.OWN_THREADS

versions = open_vino_int8.versions
tolerance = open_vino_int8.tolerance


def check(device: Device) -> None:
    """Raises `DeviceError` without the packages, and for other devices than the CPU."""
    open_vino_int8.check_int8(device, NAME)


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The network with weights of eight bits in OpenVINO's format; tells the bytes of both files."""
    import openvino

    with TemporaryDirectory(prefix="nas-openvino-") as between, open_vino_int8.quiet():
        import nncf

        whole = open_vino_int8.verified(module, example, device, Path(between), NAME)
        compressed = nncf.compress_weights(whole, mode=nncf.CompressWeightsMode.INT8_ASYM)
        openvino.save_model(compressed, folder / open_vino.FILE, compress_to_fp16=False)
    return size(folder)


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """What was written, compiled for the device."""
    import openvino

    model = openvino.Core().read_model(folder / open_vino.FILE)
    return open_vino.compiled(model, example, device, DYNAMIC_QUANTIZATION_GROUP_SIZE=GROUP)


prepare = through_files(write, read)
