"""SynFlow: how much flows from the input to the output along all paths, each worth the product of its weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nas.build import Network
from nas.proxy.operations import Linear
from nas.proxy.proxy import Proxy


def synflow(network: Network) -> float:
    """The logarithm of 1 + S, S the sum of |weight * gradient| for an input of ones, all weights positive.

    Every activation and every norm is passed by, which makes a network of convolutions linear in each weight; gates and
    the softmax of attention stay (see `Linear`). What a block hands on is divided by its mean, whose logarithm is added
    again, so that deep networks do not overflow. In float64; 0 where nothing arrives.
    """
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    scale = _Scale()
    handles = [network.block(step).register_forward_hook(scale) for step in _main_path(network)]
    try:
        with Linear():
            output = network(torch.ones(network.plan.input.tensor(), dtype=torch.float64))
        if not output.requires_grad:
            return 0.0
        weights = [each for each in network.parameters() if each.dim() > 1 and each.requires_grad]
        gradients = torch.autograd.grad(output.sum(), weights, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    flow = sum(
        float((weight.detach() * gradient).abs().sum())
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    )
    if flow == 0.0:
        return 0.0
    log_flow = math.log(flow) + scale.log
    return log_flow + math.log1p(math.exp(-log_flow)) if log_flow > 0 else math.log1p(math.exp(log_flow))


class _Scale:
    """A hook that divides what a block hands on by its mean size, and adds up the logarithms."""

    def __init__(self) -> None:
        self.log = 0.0

    def __call__(self, module: Any, args: tuple[Any, ...], output: Any) -> Any:
        if module.side is not None:
            main, side = output
            return self._scaled(main), side
        return self._scaled(output)

    def _scaled(self, output: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        tensors = output if isinstance(output, tuple) else (output,)
        size = sum(float(each.detach().abs().sum()) for each in tensors) / sum(each.numel() for each in tensors)
        if size == 0 or not math.isfinite(size):
            return output
        self.log += math.log(size)
        scaled = tuple(each / size for each in tensors)
        return scaled if isinstance(output, tuple) else scaled[0]


def _main_path(network: Network) -> list[int]:
    """The steps between the input and the end, without those of exits."""
    steps, at = [], len(network.plan.steps) - 1
    while at >= 0:
        steps.append(at)
        (at,) = network.plan.steps[at].inputs
    return steps


SYNFLOW = Proxy(
    "synflow",
    "Tanaka et al., 2020; as a proxy Abdelfattah et al., 2021",
    "one image of ones, forwards and backwards in float64",
    synflow,
)
