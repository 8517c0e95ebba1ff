"""What a network, a stage or a block costs, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nas.arch import Shape, main_of, tensor_sizes


@dataclass(frozen=True, slots=True)
class Dynamic:
    """How few MACs an image may take where they depend on it, and how many are expected; the most are the cost's.

    `shares` are the shares of the images for which optional work is expected, `leaving` the shares that are expected to
    leave at each exit, the last being the end; `keeping` the shares of the tokens that go on, the same for all images.
    """

    least: int
    expected: float
    shares: tuple[float, ...] = ()
    leaving: tuple[float, ...] = ()
    keeping: tuple[float, ...] = ()

    def to_json(self, most: int) -> dict[str, Any]:
        at = {"shares": list(self.shares)} if self.shares else {}
        at |= {"leaving": list(self.leaving)} if self.leaving else {}
        at |= {"keeping": list(self.keeping)} if self.keeping else {}
        return {"least": self.least, "expected": round(self.expected), "most": most, "at": at}


@dataclass(frozen=True, slots=True)
class Cost:
    """The static costs of a block or network for one image, in evaluation mode.

    `params` counts every parameter element once, frozen tables included. `macs` are the multiply-accumulates of
    convolutions, linear layers and matrix products; `activations` the elements they write. `peak_bytes` is the most
    memory that activations take at one moment of an eager float32 forward, input included, weights and kernels'
    workspace not.

    Where work depends on the image everything counts as executed, and `dynamic` says what range the MACs have.
    """

    params: int
    macs: int
    activations: int
    peak_bytes: int
    dynamic: Dynamic | None = None

    def counts(self) -> dict[str, int]:
        """What is counted, everything as executed, by name; `flops` is twice `macs`."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": 2 * self.macs,
            "activations": self.activations,
            "peak_bytes": self.peak_bytes,
        }

    def values(self) -> dict[str, int]:
        """Each number by the name that budgets, objectives and records use.

        Beside the counts `macs_least` and `macs_expected`, which are `macs` where all images take the same.
        """
        least, expected = (
            (self.macs, self.macs) if self.dynamic is None else (self.dynamic.least, self.dynamic.expected)
        )
        return self.counts() | {"macs_least": least, "macs_expected": round(expected)}

    def to_json(self) -> dict[str, Any]:
        """`params` and `macs`, and where images take different MACs `macs_range` with least, expected and most."""
        document: dict[str, Any] = {"params": self.params, "macs": self.macs}
        values = self.values()
        if values["macs_least"] < self.macs:
            span = {"least": values["macs_least"], "expected": values["macs_expected"], "most": self.macs}
            document["macs_range"] = span
        return document


@dataclass(frozen=True, slots=True)
class SpanCost:
    """What one segment of a network (stem, a stage, head) costs, and the shape it hands on.

    `peak_bytes` is the highest of its steps, so the spans' maximum, not their sum, is the network's.
    """

    name: str
    cost: Cost
    out_shape: Shape

    def to_json(self) -> dict[str, Any]:
        sizes = [list(size[1:]) for size in tensor_sizes(main_of(self.out_shape))]
        return {"name": self.name, **self.cost.counts(), "out_shape": sizes[0] if len(sizes) == 1 else sizes}


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
            **self.cost.counts(),
            **({"macs_range": self.cost.dynamic.to_json(self.cost.macs)} if self.cost.dynamic else {}),
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
