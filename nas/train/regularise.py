"""Dropout and drop path of a recipe, set on the modules that offer them; neither is part of a network's config."""

from __future__ import annotations

from torch import nn


def set_rates(network: nn.Module, dropout: float, drop_path: float) -> None:
    """Sets the attribute `dropout` of every module that has one, and `drop_path` by depth.

    Of L modules with `drop_path` the l-th (from 1, in the network's order) drops its branch with `drop_path * l / L`
    (Huang et al., Deep Networks with Stochastic Depth, 2016). Attributes that are no numbers are left alone.
    """
    for module in _with(network, "dropout"):
        module.dropout = dropout  # type: ignore[assignment]
    branches = _with(network, "drop_path")
    for depth, module in enumerate(branches, start=1):
        module.drop_path = drop_path * depth / len(branches)  # type: ignore[assignment]


def _with(network: nn.Module, attribute: str) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(getattr(module, attribute, None), int | float)]
