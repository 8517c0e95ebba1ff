"""OpenVINO for any number of images, from the ONNX file of the network."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from nas.export.formats import onnx_file
from nas.export.formats.format import Format, Run
from nas.export.model import Model
from nas.measure.runtimes.open_vino import FILE


def write(model: Model, folder: Path) -> None:
    """The deployed form, weights in float32."""
    convert(onnx_file.onnx_of(model), folder / FILE)


def convert(before: Path, after: Path) -> None:
    """An ONNX file in OpenVINO's format."""
    import openvino

    openvino.save_model(openvino.Core().read_model(before), after, compress_to_fp16=False)


def attempt(module: nn.Module, example: Tensor) -> None:
    """Converts and runs a part of a network."""
    with TemporaryDirectory(prefix="nas-openvino-") as text:
        folder = Path(text)
        convert(onnx_file.converted(module, example, folder), folder / FILE)
        read(folder)(example[:1])


def read(folder: Path) -> Run:
    """The network compiled for this processor, in float32."""
    import openvino

    compiled = openvino.Core().compile_model(
        folder / FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    )

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(compiled(images.contiguous().numpy())[0].copy())

    return run


FORMAT = Format(
    name="openvino",
    what="OpenVINO",
    files=(FILE, "model.bin"),
    runtime="openvino",
    write=write,
    read=read,
    attempt=attempt,
    made_of="onnx",
    packages=("onnx", "onnxscript", "onnxruntime", "openvino"),
    extra="onnx,openvino",
    instead=("onnx", "pt2", "source"),
    measured_as=FILE,
)
