"""Weights far from where training starts, so that no part of a network is silent when outputs are compared."""

from __future__ import annotations

import torch
from torch import nn


def shake(network: nn.Module, seed: int = 0) -> None:
    """Random values, in place, for what starts at zero, one or nearly so: scales, biases, running statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, each in (*network.named_parameters(), *network.named_buffers()):
            if key.endswith("running_mean"):
                each.normal_(0, 0.1, generator=generator)
            elif key.endswith("running_var"):
                each.uniform_(0.5, 1.5, generator=generator)
            elif each.dim() == 1 and each.is_floating_point():
                sign = 0.0 if "bias" in key else 1.0
                each.normal_(sign, 0.1, generator=generator)
