"""Small networks of mixed kind for the latency benchmarks, sampled from `spaces/latency.yaml`."""

from __future__ import annotations

import random
from pathlib import Path

from torch import nn

from nas.blocks import fuse
from nas.build import build
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.measure.networks import settle
from nas.space import load_space

SPACE = Path(__file__).parent / "spaces" / "latency.yaml"


def networks(count: int, seed: int = 0) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """Untrained networks, different ones, the same in every process; each with the shape of an image for it."""
    space, rng = load_space(SPACE, CostTable()), random.Random(seed)
    found: dict[str, tuple[nn.Module, tuple[int, ...]]] = {}
    while len(found) < count:
        try:
            plan = space.decode(space.sample(rng))
        except InvalidArchitecture:
            continue
        if plan.arch_id not in found:
            module, shape = build(plan, seed).eval(), plan.input.tensor()[1:]
            settle(module, shape, seed)
            fuse(module)
            found[plan.arch_id] = module, shape
    return list(found.values())
