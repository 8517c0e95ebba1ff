"""The network that proxies look at: built afresh, with weights that only its `arch_id` decides, and random images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nas.arch import MapShape, Plan
from nas.build import Network, build

PIXELS = 32 * 32 * 32  # of a batch together
FEWEST, MOST = 8, 64  # images

_INITIALISERS = ("uniform", "normal", "trunc_normal", "kaiming_uniform", "kaiming_normal", "orthogonal")
_DRAWING: frozenset[Callable[..., Any]] = frozenset(
    [getattr(torch, name) for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli")]
    + [getattr(Tensor, f"{name}_") for name in ("uniform", "normal", "bernoulli", "exponential", "random")]
    + [getattr(nn.init, f"{name}_") for name in _INITIALISERS]
)


class DrawingFrom(TorchFunctionMode):
    """While it is entered, what this thread draws comes from a generator of its own; no other thread sees a change."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWING and kwargs.get("generator") is None:
            kwargs = {**kwargs, "generator": self._generator}
        return func(*args, **kwargs)


def untrained(plan: Plan) -> Network:
    """The network in evaluation mode, its weights drawn from a generator that its `arch_id` seeds.

    Convolutions and linear layers are drawn by their fan-in (He et al., 2015) with zero biases, norms and layer scales
    are one: what a recipe would start small, so that a branch begins as nothing, would leave nothing to look at.
    """
    generator = torch.Generator().manual_seed(int(plan.arch_id, 16) % 2**63)
    with DrawingFrom(generator), torch.no_grad():
        network = build(plan)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.modules.batchnorm._BatchNorm | nn.GroupNorm | nn.LayerNorm):
                for name, parameter in module.named_parameters(recurse=False):
                    parameter.fill_(1.0 if name == "weight" else 0.0)
        for name, parameter in network.named_parameters():
            if parameter.dim() == 1 and name.endswith("scale"):
                parameter.fill_(1.0)
    return network.eval()


def images(shape: MapShape) -> Tensor:
    """The same standard normal images for all networks of an input, fewer where they are large: (B, C, H, W)."""
    count = min(MOST, max(FEWEST, PIXELS // (shape.height * shape.width)))
    return torch.randn(shape.tensor(count), generator=torch.Generator().manual_seed(0))


def by_batch(network: Network) -> Network:
    """The same network, its batch norms taking their statistics from the batch; all else stays in evaluation mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    return network
