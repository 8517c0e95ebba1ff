"""A trained network that others learn from: read from its files, frozen, in evaluation mode."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from nas.arch import Architecture
from nas.build import Network, build, lower
from nas.cost import CostTable
from nas.errors import NasError, StoreError
from nas.train.augment import blend
from nas.train.batches import Normaliser
from nas.train.loss import mean_logits

ARCHITECTURE, WEIGHTS = "architecture.json", "weights.safetensors"


class Teacher:
    """The network in `folder` on `device`; images are prepared with `mean` and `std` of the pupils' data.

    `fingerprint` tells teachers apart, wherever they lie. Raises `StoreError` where there is none, or it is damaged,
    and `NasError` where it was made for other classes or channels.
    """

    def __init__(self, folder: Path, dataset: Any, device: torch.device, *, channels_last: bool = True) -> None:
        network = read_network(folder)
        plan, channels, classes = network.plan, len(dataset.mean), len(dataset.classes)
        if (plan.input.channels, plan.classes) != (channels, classes):
            raise NasError(
                f"a teacher must know the data, but the one in {folder} takes {plan.input.channels} channels and "
                f"{plan.classes} classes, and the data has {channels} channels and {classes} classes"
            )
        self.fingerprint = fingerprint(folder)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.eval().requires_grad_(False).to(device, memory_format=layout)  # type: ignore[call-overload]
        size = (plan.input.height, plan.input.width)
        self._normalise = Normaliser(dataset.mean, dataset.std, size, channels_last, device)

    @torch.no_grad()
    def logits(self, images: Tensor, weight: float = 1.0) -> Tensor:
        """(batch, classes) for images uint8 (B, H, W, C), each blended with its neighbour where `weight` is below 1.

        So it sees what the pupil sees, at its own resolution.
        """
        x = self._normalise(images)
        return mean_logits(self.network(x if weight == 1 else blend(x, weight)))


def read_network(folder: Path) -> Network:
    """The network of a folder with `architecture.json` and `weights.safetensors`, such as a study's `best/`.

    Raises `StoreError`.
    """
    for name in (ARCHITECTURE, WEIGHTS):
        if not (folder / name).is_file():
            raise StoreError(
                f"{folder} must be a folder with {ARCHITECTURE} and {WEIGHTS}, as a study's best/ is, but has no {name}"
            )
    try:
        architecture = Architecture.from_json(json.loads((folder / ARCHITECTURE).read_bytes()))
        network = build(lower(architecture, CostTable()), seed=0)
        network.load_state_dict(safetensors.torch.load((folder / WEIGHTS).read_bytes()))
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise StoreError(f"{folder} must hold a whole network, but {error}; restore it from a copy") from error
    return network


def fingerprint(folder: Path) -> str:
    """Sixteen hex digits of a network's files. Raises `StoreError`."""
    digest = hashlib.sha256()
    try:
        for name in (ARCHITECTURE, WEIGHTS):
            digest.update((folder / name).read_bytes())
    except OSError as error:
        raise StoreError(f"{folder} must hold {ARCHITECTURE} and {WEIGHTS}, but: {error.strerror}") from error
    return digest.hexdigest()[:16]
