"""Dimensions and channels of what a network's modules get and give, seen while it runs without memory."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.arch import MapShape


class Ranks:
    """What was seen, by module; where a module is called in several ways, only what they have in common."""

    def __init__(self, network: nn.Module, shape: MapShape) -> None:
        self._inputs: dict[int, list[dict[int, int]]] = defaultdict(list)
        self._outputs: dict[int, set[int | None]] = defaultdict(set)
        self._widths: dict[int, tuple[int | None, int | None]] = {}
        hooks = [
            module.register_forward_hook(self._see, always_call=False)
            for module in network.modules()
            if module is not network
        ]
        tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        training = network.training
        try:
            network.eval()
            with torch.no_grad():
                meta = {key: each.to("meta") for key, each in tensors.items()}
                dtype = next((each.dtype for each in network.parameters()), torch.float32)
                image = torch.zeros(shape.tensor(2), device="meta", dtype=dtype)
                functional_call(network, meta, (image,))
        finally:
            network.train(training)
            for hook in hooks:
                hook.remove()

    def _see(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self._inputs[id(module)].append({i: each.dim() for i, each in enumerate(args) if isinstance(each, Tensor)})
        self._outputs[id(module)].add(output.dim() if isinstance(output, Tensor) else None)

        self._widths[id(module)] = (_width(args[0]) if args else None, _width(output))

    def widths(self, module: Any) -> tuple[int | None, int | None]:
        """Channels of input and output; None where they have none."""
        return self._widths.get(id(module), (None, None))

    def inputs(self, module: nn.Module) -> dict[int, int]:
        """Dimensions of arguments that are tensors in every call."""
        calls = self._inputs[id(module)]
        return {i: rank for i, rank in calls[0].items() if all(each.get(i) == rank for each in calls)} if calls else {}

    def output(self, module: nn.Module) -> int | None:
        """Dimensions of what it returns; None where that is no tensor, or not always the same."""
        seen = self._outputs[id(module)]
        return next(iter(seen)) if len(seen) == 1 else None


def _width(value: Any) -> int | None:
    if isinstance(value, tuple) and value:
        return _width(value[0])  # of a pyramid, its finest map
    if not isinstance(value, Tensor):
        return None
    return value.shape[1] if value.dim() == 4 else value.shape[-1]
