"""Maps from attention: which tokens reach the end, whatever the class (attention rollout)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nas.build import Network
from nas.errors import NasError
from nas.explain.places import Place, places

OTHER = "choose gradcam or occlusion with --method"


def rollout(network: Network, x: Tensor, target: int) -> tuple[Tensor, Place]:
    """Attention rollout (Abnar and Zuidema, 2020): heads averaged, half of each token kept, blocks multiplied.

    It does not depend on the class. Raises `NasError` for networks without tokens, and where attention is not of all
    tokens to all in every block, as in windows and pyramids: there blocks cannot be multiplied.
    """
    name = network.plan.name
    place = next((place for place in places(network) if place.tokens), None)
    if place is None:
        raise NasError(f"attention maps need tokens with a place in the image, but {name} has none; {OTHER}")
    count = place.extra + math.prod(place.grid)
    with torch.no_grad(), _Recording() as recording:
        network(x)
    if not recording.found:
        raise NasError(f"attention maps need softmax attention, but {name} has none; {OTHER}")
    if any(tuple(found.shape[-2:]) != (count, count) or found.shape[0] != 1 for found in recording.found):
        raise NasError(
            f"attention maps need attention of all tokens to all in every block, but {name} has windows, or tokens of "
            f"several sizes; {OTHER}"
        )
    mixed = _multiplied(recording.found, count)
    seen = mixed[: place.extra] if place.extra else mixed
    return seen.mean(0)[place.extra :].view(place.grid), place


def _multiplied(attentions: Sequence[Tensor], count: int) -> Tensor:
    """Rows are tokens at the end, columns tokens at the beginning."""
    mixed = torch.eye(count)
    for attention in attentions:
        mixed = (attention[0].flatten(0, -3).mean(0) + torch.eye(count)) / 2 @ mixed
    return mixed


class _Recording(TorchFunctionMode):
    """Keeps the weights of every scaled dot product attention."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        if function is F.scaled_dot_product_attention:
            self.found.append(_weights(*arguments, **(options or {})))
        return function(*arguments, **(options or {}))


def _weights(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    scores = q @ k.transpose(-2, -1) * (scale or 1 / math.sqrt(q.shape[-1]))
    return (scores if attn_mask is None else scores + attn_mask).softmax(-1).float()
