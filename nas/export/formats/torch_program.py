"""A program of torch.export: runs in any PyTorch without this package, for any number of images."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.export.formats.format import Format, Run
from nas.export.formats.weights import eager
from nas.export.model import Model

FILE = "model.pt2"


def write(model: Model, folder: Path) -> None:
    """The deployed form."""
    with _quiet():
        torch.export.save(program(model.deployed, model.example), folder / FILE)


def program(module: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    """The module as a program whose number of images is open. Raises what torch raises."""
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        batch = torch.export.Dim("batch", min=1)
        return torch.export.export(module.eval(), (example.clone(),), dynamic_shapes=({0: batch},))


def read(folder: Path) -> Run:
    """The program as a module."""
    with _quiet():
        return eager(torch.export.load(folder / FILE).module())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warnings about its own insides."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.|copyreg")
        try:
            yield
        finally:
            logger.setLevel(level)


FORMAT = Format(
    name="pt2",
    what="a program of torch.export",
    files=(FILE,),
    runtime="torch_export",
    write=write,
    read=read,
    attempt=program,
    instead=("source", "safetensors"),
)
