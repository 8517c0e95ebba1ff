"""Structural re-parametrisation: modules that train in one form and run in a smaller one that computes the same."""

from __future__ import annotations

import torch
from torch import nn


class Fusible(nn.Module):
    """Base of modules inside a block that train as branches; `fuse` puts what they amount to in their place."""

    def fused(self) -> nn.Module:
        """A new module, on the same device, that computes in evaluation mode what this one does."""
        raise NotImplementedError


def fuse(module: nn.Module) -> None:
    """Replaces, in place, every `Fusible` inside a module; a second time there is nothing left to do.

    In evaluation mode the outputs stay what they were, up to rounding. It cannot be undone, and what was fused is not
    meant to be trained on: parameters, MACs, memory and latency are those of the fused form, checkpoints and training
    those of the branches.
    """
    with torch.no_grad():
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, Fusible):
                    setattr(parent, name, child.fused().train(child.training))
