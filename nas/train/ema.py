"""The exponential moving average of a network's weights, which is what gets evaluated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A copy of a network in evaluation mode that follows it.

    Floating-point buffers (the running statistics of batch norm) are averaged like parameters, counters are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        for module in self.network.modules():
            module.zero_grad(set_to_none=True)
        ours, theirs = list(_tensors(self.network)), list(_tensors(network))
        self._averaged = [tensor for tensor in ours if tensor.is_floating_point()]
        self._sources = [tensor for tensor in theirs if tensor.is_floating_point()]
        self._copied = [
            (ours, theirs) for ours, theirs in zip(ours, theirs, strict=True) if not ours.is_floating_point()
        ]

    def decay_at(self, step: int) -> float:
        """The decay rises with the step (from 0), so that the average of a short run forgets where it began."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, step: int) -> None:
        torch._foreach_lerp_(self._averaged, self._sources, 1 - self.decay_at(step))
        for ours, theirs in self._copied:
            ours.copy_(theirs)


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [p.detach() for p in network.parameters()] + list(network.buffers())
