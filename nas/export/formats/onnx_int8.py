"""ONNX with weights and activations in eight bits, their ranges taken from training images (static quantisation)."""

from __future__ import annotations

from pathlib import Path

from nas.errors import ExportError
from nas.export.formats import onnx_file
from nas.export.formats.format import Format, Run
from nas.export.model import Model
from nas.measure.agreement import INT8
from nas.measure.runtimes import onnx_runtime_int8

FILE = "model_int8.onnx"
BATCH = 32


def write(model: Model, folder: Path) -> None:
    """The deployed form. Raises `ExportError` without images to calibrate on."""
    if model.calibration is None:
        raise ExportError("int8 must be calibrated on training images, but there is no data; name it by --data")
    ready = onnx_runtime_int8.prepared(onnx_file.onnx_of(model), model.scratch / "prepared.onnx")
    onnx_runtime_int8.quantise(ready, folder / FILE, model.calibration.split(BATCH))


def read(folder: Path) -> Run:
    """A session of the file."""
    return onnx_file.session_of(folder / FILE)


FORMAT = Format(
    name="int8",
    what="ONNX in eight bits, calibrated on training images",
    files=(FILE,),
    runtime="onnxruntime_int8",
    write=write,
    read=read,
    tolerance=INT8,
    attempt=onnx_file.attempt,
    made_of="onnx",
    packages=onnx_file.PACKAGES,
    extra="onnx",
    instead=("onnx", "pt2", "source"),
    calibrated=True,
    measured_as=onnx_file.FILE,
)
