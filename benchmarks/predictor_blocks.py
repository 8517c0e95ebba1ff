"""The plainest predictor of latency: a lookup table of blocks, each measured alone, whose times are added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas import blocks
from nas.arch import Block, Plan, Shape, Step, shape_from_json, shape_to_json
from nas.blocks import fuse
from nas.errors import DeviceError, InvalidArchitecture
from nas.measure import Device, Meter, Protocol
from nas.measure.networks import settle
from nas.store.files import append_line, read_lines

BUILDER = "benchmarks.predictor_blocks:from_block"
QUICK = Protocol(max_seconds=0.3, min_pairs=40, retries=0)  # there are many; their sum has less noise than each


@dataclass(frozen=True)
class Alone:
    """A block in front of which there is nothing but its input; what a meter measures instead of a network."""

    block: Block
    in_shape: Shape

    @property
    def arch_id(self) -> str:
        return hashlib.sha256(f"{self.block.canonical} {self.in_shape}".encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {"block": self.block.to_json(), "in_shape": shape_to_json(self.in_shape)}


def from_block(data: Mapping[str, Any], seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """The module of a block and the shape of one input; what a measuring process calls."""
    in_shape = shape_from_json(data["in_shape"])
    module = blocks.create(Block.from_json(data["block"]), in_shape).eval()
    shape = in_shape.tensor()[1:]
    settle(module, shape, seed)
    fuse(module)
    return module, shape


class LookupTable:
    """Times of blocks alone in ms, each measured once and kept in a file of JSON lines."""

    def __init__(self, file: Path, device: Device) -> None:
        self.file = file
        self.device = device
        self.ms: dict[str, float] = {line["block"]: line["ms"] for line in read_lines(file)}

    def fill(self, plans: Iterable[Plan]) -> int:
        """Measure the blocks of these networks that are not known yet; how many there were."""
        wanted = {each.arch_id: each for plan in plans for each in map(_alone, plan.steps)}
        new = [each for key, each in wanted.items() if key not in self.ms]
        with Meter(self.device, QUICK, builder=BUILDER) as meter:
            for each in new:
                try:
                    ms = meter.measure(each).p50  # type: ignore[arg-type]
                except (DeviceError, InvalidArchitecture):
                    ms = float("nan")  # a runtime that cannot run a block alone: its networks have no sum
                append_line(self.file, {"block": each.arch_id, "ms": ms})
                self.ms[each.arch_id] = ms
        return len(new)

    def total(self, plan: Plan) -> float:
        """The sum over a network's blocks; NaN where one of them is not known."""
        return sum(self.ms.get(_alone(step).arch_id, float("nan")) for step in plan.steps)


def _alone(step: Step) -> Alone:
    return Alone(step.block, step.in_shape)
