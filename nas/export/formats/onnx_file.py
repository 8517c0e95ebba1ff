"""ONNX for any number of images, run by ONNX Runtime."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from nas.export.formats.format import NEAR, Format, Run
from nas.export.model import Model
from nas.measure import Device
from nas.measure.agreement import compare
from nas.measure.onnx_export import export
from nas.measure.runtimes import onnx_runtime
from nas.store.files import writing

FILE = "model.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def write(model: Model, folder: Path) -> None:
    """The deployed form."""
    path = onnx_of(model)
    with writing(folder / FILE):
        shutil.copyfile(path, folder / FILE)


def onnx_of(model: Model) -> Path:
    """The deployed form as an ONNX file in the model's scratch folder, written once for all formats made of it."""
    path = model.scratch / FILE
    return path if path.exists() else converted(model.deployed, model.images[:3], model.scratch)


def converted(module: nn.Module, images: Tensor, folder: Path) -> Path:
    """The module as an ONNX file in a folder, its number of images open. Raises what torch raises.

    `images` are at least two.
    """

    def fits(path: Path) -> bool:
        """Whether another number of images than that of the example can be run, with the same outputs."""
        try:
            run = session_of(path, prints=onnx_runtime.NOTHING)
            found = torch.cat([run(images[:1]), run(images[1:])])
        except RuntimeError:
            return False
        with torch.inference_mode(False), torch.no_grad():
            return compare(NEAR, module(images.clone()), found).holds

    return export(module, images[:2], folder, "onnxruntime", "onnx", fits=fits)


def attempt(module: nn.Module, example: Tensor) -> None:
    """Converts and runs a part of a network."""
    with TemporaryDirectory(prefix="nas-onnx-") as folder:
        session_of(converted(module, example, Path(folder)))(example[:1])


def read(folder: Path) -> Run:
    """A session of the file."""
    return session_of(folder / FILE)


def session_of(path: Path, *, prints: int = onnx_runtime.ERRORS) -> Run:
    """A session of an ONNX file on the CPU, with as many threads as torch has."""
    with _told():
        device = Device(threads=torch.get_num_threads())
        session = onnx_runtime.session(path, torch.zeros(1), device, prints=prints)

    def run(images: Tensor) -> Tensor:
        with _told():
            return torch.from_numpy(session.outputs(images))

    return run


@contextmanager
def _told() -> Iterator[None]:
    """Makes one kind of error of all of ONNX Runtime's, whose classes are not public."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


FORMAT = Format(
    name="onnx",
    what="ONNX",
    files=(FILE,),
    runtime="onnxruntime",
    write=write,
    read=read,
    attempt=attempt,
    packages=PACKAGES,
    extra="onnx",
    instead=("pt2", "source"),
    measured_as=FILE,
)
