"""What a network, a stage or a block costs, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nas.arch import Shape


@dataclass(frozen=True, slots=True)
class Cost:
    """The static costs of a block or network for one image, in evaluation mode.

    `params` counts every parameter element once, frozen tables included. `macs` are the multiply-accumulates of
    convolutions, linear layers and matrix products; `activations` the elements they write. `peak_bytes` is the most
    memory that activations take at one moment of an eager float32 forward, input included, weights and kernels'
    workspace not.
    """

    params: int
    macs: int
    activations: int
    peak_bytes: int

    def values(self) -> dict[str, int]:
        """Each number by the name that budgets and records use; `flops` is twice `macs`."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": 2 * self.macs,
            "activations": self.activations,
            "peak_bytes": self.peak_bytes,
        }


@dataclass(frozen=True, slots=True)
class SpanCost:
    """What one segment of a network (stem, a stage, head) costs, and the shape it hands on.

    `peak_bytes` is the highest of its steps, so the spans' maximum, not their sum, is the network's.
    """

    name: str
    cost: Cost
    out_shape: Shape

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, **self.cost.values(), "out_shape": list(self.out_shape.tensor()[1:])}


@dataclass(frozen=True, slots=True)
class Profile:
    """A network's costs, in total and for each of its segments."""

    name: str
    arch_id: str
    resolution: int
    classes: int
    cost: Cost
    spans: tuple[SpanCost, ...]

    def to_json(self) -> dict[str, Any]:
        """One JSON document, as `nas profile --json` prints it; `out_shape` is the tensor's without the batch."""
        return {
            "name": self.name,
            "arch_id": self.arch_id,
            "resolution": self.resolution,
            "classes": self.classes,
            **self.cost.values(),
            "stages": [span.to_json() for span in self.spans],
        }


def in_sequence(costs: Iterable[Cost]) -> Cost:
    """Blocks one after the other: everything adds up but the peak, which is the highest."""
    params = macs = activations = peak = 0
    for cost in costs:
        params += cost.params
        macs += cost.macs
        activations += cost.activations
        peak = max(peak, cost.peak_bytes)
    return Cost(params, macs, activations, peak)
