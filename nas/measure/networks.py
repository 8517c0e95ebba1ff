"""Makes the network that a measuring process was told to measure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from nas.arch import Architecture, Catalogue
from nas.blocks import fuse
from nas.build import build, lower


def from_architecture(data: Mapping[str, Any], seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """The untrained network of an `Architecture` in JSON, fused, and the shape (C, H, W) of one image for it.

    Raises `InvalidArchitecture` when it cannot be built.
    """
    architecture = Architecture.from_json(data)
    network = build(lower(architecture, _catalogue()), seed)
    shape = architecture.input.tensor()[1:]
    settle(network, shape, seed)
    fuse(network)
    return network, shape


def settle(network: nn.Module, shape: tuple[int, ...], seed: int) -> None:
    """Sets the statistics of batch norms by one batch, so that an untrained network computes numbers of normal size.

    Without it activations fade from layer to layer, and a GPU needs less power, hence less time, for zeros.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        network(torch.randn((4, *shape), generator=torch.Generator().manual_seed(seed)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


@cache
def _catalogue() -> Catalogue:
    from nas.cost import CostTable

    return CostTable()
