"""The exponential moving average of a network's weights, which is what gets evaluated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A copy of a network in evaluation mode whose parameters follow the network's on average.

    Buffers are copied: the running statistics of batch norm are averages already, and averaging them once more keeps
    the first epochs' from being usable (digits at epoch 2: 95% with copies, 86% with averages; 98.9% both at epoch 6).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.network.zero_grad(set_to_none=True)
        self._parameters = [tensor.detach() for tensor in self.network.parameters()]
        self._sources = [tensor.detach() for tensor in network.parameters()]
        self._buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    def decay_at(self, step: int) -> float:
        """The decay rises with the step (from 0), so that the average of a short run forgets where it began."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follows the parameters after the optimiser's `step`-th step (from 0)."""
        torch._foreach_lerp_(self._parameters, self._sources, 1 - self.decay_at(step))

    @torch.no_grad()
    def copy_buffers(self) -> None:
        """Takes the buffers as they are now; once an epoch is enough, before evaluation."""
        for ours, theirs in self._buffers:
            ours.copy_(theirs)
