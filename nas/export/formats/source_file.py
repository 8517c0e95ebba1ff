"""The network as one Python file that needs torch only; the weights lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nas.build import build
from nas.errors import ExportError
from nas.export.formats import weights
from nas.export.formats.format import SAME, Format, Run
from nas.export.model import Model
from nas.store.files import write_text

FILE = "model.py"


def write(model: Model, folder: Path) -> None:
    """The form of training, so that its keys are those of the weights."""
    from nas.export.source import source_of

    untouched = build(model.network.plan, seed=0)  # whose parameters may still be trained
    write_text(folder / FILE, source_of(untouched, about=model.about, weights=weights.WEIGHTS))
    if not (folder / weights.WEIGHTS).exists():
        weights.write_weights(model.network, folder)


def read(folder: Path) -> Run:
    """Runs the file, as its user would; raises `ExportError` where it fails."""
    path = folder / FILE
    space: dict[str, Any] = {"__name__": "exported_model", "__file__": str(path)}
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
        network: torch.nn.Module = space["load"](folder / weights.WEIGHTS)
    except Exception as error:  # the file may raise anything
        raise ExportError(f"{path} must be a network that loads its weights, but {error!r}") from error
    return weights.eager(network.eval())


FORMAT = Format(
    name="source",
    what="one readable Python file that needs torch only",
    files=(FILE, weights.WEIGHTS),
    runtime="source",
    write=write,
    read=read,
    tolerance=SAME,
    instead=("pt2", "safetensors"),
)
