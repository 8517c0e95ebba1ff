"""`model.json`: what a folder with a model says of it to a program: input, preparation, classes, files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import DataError, ExportError, StoreError
from nas.store.files import read_json
from nas.train.preparation import Preparation

FILE = "model.json"
VERSION = 1


@dataclass(frozen=True)
class Description:
    """What is needed to use a model; `preparation` is None where nobody said how its images were prepared."""

    name: str
    arch_id: str
    trained: bool
    preparation: Preparation | None


def describe(plan: Plan, preparation: Preparation | None, *, trained: bool) -> dict[str, Any]:
    """What every `model.json` has; an export adds its files, formats and numbers."""
    return {
        "format": VERSION,
        "name": plan.name,
        "arch_id": plan.arch_id,
        "trained": trained,
        "input": {
            "name": "image",
            "shape": ["batch", plan.input.channels, plan.input.height, plan.input.width],
            "dtype": "float32",
        },
        "output": {"name": "output", "shape": ["batch", plan.classes], "what": "logits: softmax gives probabilities"},
        "prepare": None if preparation is None else preparation.to_json(),
        "classes": None if preparation is None else list(preparation.classes),
    }


def read_description(folder: Path) -> Description:
    """What the folder's `model.json` says. Raises `ExportError` where there is none, or it cannot be used."""
    path = folder / FILE
    try:
        data = read_json(path)
    except StoreError as error:
        raise ExportError(str(error)) from error
    if data is None:
        if (folder / "network.yaml").exists():
            raise ExportError(
                f"{folder} has no {FILE}, for it was written by an earlier version, which did not record how images "
                "are prepared; export the network anew: nas export STUDY --best"
            )
        raise ExportError(f"{folder} must hold a model that nas exported, but has no {FILE}")
    try:
        if data["format"] != VERSION:
            raise ExportError(f"{path} has format {data['format']}, this version reads {VERSION}; update nas")
        prepare = data["prepare"]
        preparation = None if prepare is None else Preparation.from_json(prepare, data["classes"])
        return Description(str(data["name"]), str(data["arch_id"]), bool(data["trained"]), preparation)
    except (KeyError, TypeError, DataError) as error:
        raise ExportError(f"{path} must describe a model, but: {error}; export it anew") from error
