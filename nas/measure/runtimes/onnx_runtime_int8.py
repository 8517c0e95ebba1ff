"""ONNX Runtime with weights and activations in eight bits, their ranges fixed beforehand: static quantisation.

Before quantising outputs may differ from eager's by 1e-3 of the largest; after it, on 16 pictures that it was not
calibrated with, their likeness to eager's in float32 must be 0.25 or their difference at most 0.5 of the largest (see
`nas.measure.agreement.INT8` for why so little). What was found is recorded with the latency.

Ranges are the least and greatest values over 32 other pictures, weights have a scale a channel (Jacob et al., 2018).
This is how fast it is, not how accurate: a network to be shipped so must be calibrated with data and evaluated.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.measure.agreement import INT8, Tolerance, pictures, verify
from nas.measure.devices import Device
from nas.measure.host import cpu_flags
from nas.measure.onnx_export import FILE, export, size
from nas.measure.runtimes import only, onnx_runtime, through_files

NAME = "onnxruntime_int8"
CALIBRATION = 32  # pictures; ranges of untrained networks change by little beyond
CALIBRATION_SEED = 12_345  # not that of the pictures outputs are compared on
BUILD_S = 900.0
OWN_THREADS = onnx_runtime.OWN_THREADS

read = onnx_runtime.read
versions = onnx_runtime.versions


def check(device: Device) -> None:
    """Raises `DeviceError` without the packages, and for other devices than the CPU."""
    check_int8(device, NAME)


def check_int8(device: Device, name: str) -> None:
    """Raises `DeviceError` for what static and dynamic quantisation need alike."""
    onnx_runtime.ready(device, name)
    only(device, name, kind=("cpu",), precision=("float32",))  # float32: input, output and what is not quantised


def tolerance(device: Device) -> Tolerance:
    """A likeness of 0.25, or a difference of 0.5."""
    return INT8


def write(module: torch.nn.Module, example: torch.Tensor, device: Device, folder: Path) -> int:
    """The quantised ONNX file; tells its bytes."""
    batch = len(example)
    images = pictures(max(1, CALIBRATION // batch) * batch, tuple(example.shape[1:]), CALIBRATION_SEED)
    with whole(module, example, NAME) as path:
        quantise(path, folder / FILE, images.split(batch))
    return size(folder)


def quantise(before: Path, after: Path, batches: Iterable[torch.Tensor]) -> None:
    """Quantises an ONNX file that `prepared` has made ready, with ranges over these batches of its input."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with quiet():
        quantize_static(
            before,
            after,
            _Reader(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Without these instructions, products of eight bits are added up in sixteen and may not use all of them.
            reduce_range="avx512_vnni" not in cpu_flags() and "avx_vnni" not in cpu_flags(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


prepare = through_files(write, read)


@contextmanager
def whole(module: torch.nn.Module, example: torch.Tensor, name: str) -> Iterator[Path]:
    """The ONNX file in float32, its shapes written in and batch norms folded, as quantisers want it."""
    with TemporaryDirectory(prefix="nas-onnx-") as text:
        folder = Path(text)
        module, example = module.cpu().float(), example.cpu().float()
        before = export(module, example, folder, name, onnx_runtime.EXTRA)
        verify(module, example, onnx_runtime.session(before, example, Device())(), name)
        yield prepared(before, folder / "whole.onnx")


def prepared(before: Path, after: Path) -> Path:
    """The same network with its shapes written in, as quantisers want it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with quiet():
        # All shapes are fixed but the number of images: nothing symbolic.
        quant_pre_process(str(before), str(after), skip_symbolic_shape=True)
    return after


class _Reader:
    """Feeds images for calibration."""

    def __init__(self, batches: Iterable[torch.Tensor]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch.numpy()}


@contextmanager
def quiet() -> Iterator[None]:
    """Without the quantiser's advice on the root logger, and what numpy says of ranges of one value."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)  # errors; of the sessions that the quantiser makes for itself
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"onnxruntime\.quantization")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"onnxruntime\.|onnx\.")
        try:
            yield
        finally:
            root.setLevel(level)
