"""OpenVINO with weights and activations in eight bits, quantised beforehand by NNCF (static quantisation).

Before quantising outputs may differ from eager's by 1e-3 of the largest; after it, on 16 pictures that it was not
calibrated with, their likeness to eager's in float32 must be 0.25 or their difference at most 0.5 of the largest (see
`nas.measure.agreement.INT8` for why so little). NNCF takes its ranges from 32 other pictures. This is how fast it is,
not how accurate.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.measure.agreement import INT8, Tolerance, pictures, verify
from nas.measure.devices import Device
from nas.measure.onnx_export import size
from nas.measure.runtimes import need, only, onnx_runtime_int8, open_vino, through_files

NAME, EXTRA = "openvino_int8", "int8"
BUILD_S = 900.0
OWN_THREADS = open_vino.OWN_THREADS

read = open_vino.read


def check(device: Device) -> None:
    """Raises `DeviceError` without the packages, and for other devices than the CPU."""
    check_int8(device, NAME)


def check_int8(device: Device, name: str) -> None:
    """Raises `DeviceError` for what static and dynamic quantisation need alike."""
    open_vino.ready(device, name, EXTRA)
    with quiet():
        need("nncf", name, EXTRA)
    only(device, name, precision=("float32",))  # of input, output and what is not quantised


def tolerance(device: Device) -> Tolerance:
    """A likeness of 0.25, or a difference of 0.5."""
    return INT8


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The quantised network in OpenVINO's format; tells the bytes of both files."""
    import openvino

    batch = len(example)
    count = max(1, onnx_runtime_int8.CALIBRATION // batch)
    images = pictures(count * batch, tuple(example.shape[1:]), onnx_runtime_int8.CALIBRATION_SEED)
    with TemporaryDirectory(prefix="nas-openvino-") as between, quiet():
        import nncf

        whole = verified(module, example, device, Path(between), NAME)
        data = nncf.Dataset([batch.numpy() for batch in images.split(batch)])
        quantised = nncf.quantize(whole, data, subset_size=count)
        openvino.save_model(quantised, folder / open_vino.FILE, compress_to_fp16=False)
    return size(folder)


prepare = through_files(write, read)


def verified(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path, name: str) -> Any:
    """The network in float32 as OpenVINO has it, its outputs compared with eager's; `folder` must stay."""
    module, example = module.cpu().float(), example.cpu().float()
    whole = open_vino.whole(module, example, folder, name)
    verify(module, example, open_vino.compiled(whole, example, device)(), name)
    return whole


def versions() -> dict[str, str]:
    """Of the libraries that run the network."""
    import nncf

    return open_vino.versions() | {"nncf": nncf.__version__}


@contextmanager
def quiet() -> Iterator[None]:
    """Without progress on standard output, and without the package reporting its use to its makers."""
    os.environ.setdefault("NNCF_CI", "1")  # read once, when it is imported
    logger = logging.getLogger("nncf")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"nncf\.|openvino\.|torch\.jit")
        logger.setLevel(logging.ERROR)
        try:
            with redirect_stdout(io.StringIO()):
                yield
        finally:
            logger.setLevel(level)
