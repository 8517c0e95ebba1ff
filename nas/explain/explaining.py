"""From an image to what a network says of it and which parts of it speak for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor

from nas.build import Network
from nas.errors import NasError, nearest
from nas.explain.gradients import grad_cam
from nas.explain.hiding import occlusion
from nas.explain.places import Place
from nas.explain.rollout import rollout

AUTO = "auto"
METHODS: dict[str, Callable[[Network, Tensor, int], tuple[Tensor, Place | None] | None]] = {
    "gradcam": grad_cam,
    "attention": rollout,
    "occlusion": occlusion,
}


@dataclass(frozen=True)
class Explained:
    """What a network says of an image, and a map of what speaks for the class `target`.

    `map` is (rows, columns), the largest value 1, all zero where nothing speaks for the class; `place` names the step
    that it was taken at, None where it is of the image itself. `probabilities` are of all classes.
    """

    probabilities: tuple[float, ...]
    target: int
    method: str
    place: str | None
    map: tuple[tuple[float, ...], ...]

    @property
    def predicted(self) -> int:
        """The most probable class."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)


def check_method(method: str) -> None:
    """Raises `NasError` for an unknown method, and where captum is missing."""
    if method not in (AUTO, *METHODS):
        raise NasError(f"there is no method '{method}'; {nearest(method, [AUTO, *METHODS])}")
    if find_spec("captum") is None:
        raise NasError("maps of what a network looks at need captum; install it with: pip install 'nas[explain]'")


def explain(network: Network, x: Tensor, method: str = AUTO, target: int | None = None) -> Explained:
    """What of one image, prepared as (1, C, H, W), speaks for a class, by default the one that the network sees there.

    `auto` takes Grad-CAM where the network has a map or a grid of tokens that the class depends on, else occlusion. The
    network must be in evaluation mode. Raises `NasError` for an unknown method, one that does not fit the network, and
    where captum is missing.
    """
    check_method(method)
    with torch.no_grad():
        probabilities = tuple(network(x)[0].softmax(-1).tolist())
    wanted = max(range(len(probabilities)), key=probabilities.__getitem__) if target is None else target
    name = "gradcam" if method == AUTO else method
    found = METHODS[name](network, x, wanted)
    if found is None and method == AUTO:
        name, found = "occlusion", occlusion(network, x, wanted)
    if found is None:
        raise NasError(
            f"gradcam needs a map, or tokens with a place in the image, that the class depends on, but "
            f"{network.plan.name} has none; choose occlusion with --method"
        )
    values, place = found
    values = values / values.max().clamp(min=torch.finfo(values.dtype).tiny)
    rows = tuple(tuple(round(value, 4) for value in row) for row in values.tolist())
    return Explained(probabilities, wanted, name, None if place is None else str(place), rows)
