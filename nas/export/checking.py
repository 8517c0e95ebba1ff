"""Whether what was written computes what the network computes in eager PyTorch; nothing else is handed over."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import ExportError
from nas.export.formats import Format
from nas.export.formats.format import Run
from nas.export.formats.weights import eager
from nas.export.model import Model
from nas.measure import culprit
from nas.measure.agreement import Agreement, compare

BATCH = 16


@dataclass(frozen=True)
class Check:
    """How far outputs are from eager's on `images` images.

    `absolute` is the largest difference, `agreement` has it relative to eager's largest output; `top1` is the share of
    images of the same class.
    """

    images: int
    absolute: float
    top1: float
    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        found = self.agreement.to_json()
        return {"images": self.images, "absolute": float(f"{self.absolute:.4g}"), **found, "top1": round(self.top1, 4)}


def check(format: Format, model: Model, folder: Path) -> Check:
    """Runs what was written, on one image and on several at a time.

    Raises `ExportError` with the difference where it is beyond the format's tolerance, and what running it raises.
    """
    expected, found = outputs(eager(model.network), model.images), outputs(format.read(folder), model.images)
    agreement = compare(format.tolerance, expected, found)
    if not agreement.holds:
        raise ExportError(
            f"outputs of {format.name} must agree with eager's on {len(found)} images, {agreement.tolerance.words}, "
            f"but {agreement.words}; refused: take another format ({format.alternatives()})"
        )
    top1 = float((expected.argmax(1) == found.argmax(1)).double().mean())
    return Check(len(found), float((expected.double() - found.double()).abs().max()), top1, agreement)


def outputs(run: Run, images: Tensor) -> Tensor:
    """Outputs for many images: for the first alone, then a few at a time, so that more than one number is tried."""
    return torch.cat([run(batch).float() for batch in _batches(images)])


def _batches(images: Tensor) -> Iterator[Tensor]:
    yield images[:1]
    yield from images[1:].split(BATCH)


def blamed(format: Format, model: Model, error: Exception, failed: Collection[str] = ()) -> ExportError:
    """The error of a format with the block and the operator that it is about; `failed` are formats that failed too."""
    path, inner, kind = "", error, type(model.network).__name__
    if format.attempt is not None:
        network = copy.deepcopy(model.deployed)
        path, inner = culprit.find(network, model.example, format.attempt, error)
        kind = type(network.get_submodule(path)).__name__
    operator = culprit.operator_of(inner) or culprit.operator_of(error)
    what = f"operator {operator}" if operator else "an operator"
    where = f"of block {path}" if path else "of the network"
    return ExportError(
        f"format {format.name} cannot express {what} {where} ({kind}): {culprit.words_of(inner)}; "
        f"take another format ({format.alternatives(failed)}), or another block there"
    )
