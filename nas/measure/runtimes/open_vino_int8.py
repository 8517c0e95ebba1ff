"""OpenVINO with weights and activations in eight bits, quantised beforehand by NNCF (static quantisation).

Before quantising it may differ from eager by 1e-3 of the largest output; after it, it is held to a likeness (see
`nas.measure.agreement`) of 0.25 to eager's float32 outputs on 16 pictures that it was not calibrated with, a low bar
for the reasons told in `onnx_runtime_int8`. What NNCF is told of the data are 32 other pictures. This is how fast it is, not how accurate.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.measure.agreement import Tolerance, pictures, verify
from nas.measure.devices import Device
from nas.measure.onnx_export import size
from nas.measure.runtimes import need, only, onnx_runtime_int8, open_vino

NAME, EXTRA = "openvino_int8", "int8"
BUILD_S = 900.0

read = open_vino.read


def check(device: Device) -> None:
    """Raises `DeviceError` without the packages, and for other devices than the CPU."""
    open_vino.ready(device, NAME, EXTRA)
    with _quiet():
        need("nncf", NAME, EXTRA)
    only(device, NAME, precision=("float32",))  # of input, output and what is not quantised


def tolerance(device: Device) -> Tolerance:
    return Tolerance("likeness", onnx_runtime_int8.LIKENESS)


def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    with TemporaryDirectory(prefix="nas-openvino-") as folder:
        write(module, example, device, Path(folder))
        return read(Path(folder), example, device)


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The quantised network in OpenVINO's format; tells the bytes of both files."""
    import openvino

    batch = len(example)
    count = max(1, onnx_runtime_int8.CALIBRATION // batch)
    images = pictures(count * batch, tuple(example.shape[1:]), onnx_runtime_int8.CALIBRATION_SEED)
    with TemporaryDirectory(prefix="nas-openvino-") as between, _quiet():
        import nncf

        module, example = module.cpu().float(), example.cpu().float()
        whole = open_vino.whole(module, example, Path(between), NAME)
        verify(module, example, open_vino.compiled(whole, example, device)(), NAME)
        data = nncf.Dataset([batch.numpy() for batch in images.split(batch)])
        quantised = nncf.quantize(whole, data, subset_size=count)
        openvino.save_model(quantised, folder / open_vino.FILE, compress_to_fp16=False)
    return size(folder)


def versions() -> dict[str, str]:
    import nncf

    return open_vino.versions() | {"nncf": nncf.__version__}


@contextmanager
def _quiet() -> Iterator[None]:
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
