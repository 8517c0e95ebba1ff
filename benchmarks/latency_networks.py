"""Small networks of mixed kind for the latency benchmarks, sampled from `spaces/latency.yaml`."""

from __future__ import annotations

import random
from pathlib import Path

from nas.arch import Plan
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.space import load_space

SPACE = Path(__file__).parent / "spaces" / "latency.yaml"


def plans(count: int, seed: int = 0) -> list[Plan]:
    """Different networks, the same in every process."""
    space, rng = load_space(SPACE, CostTable()), random.Random(seed)
    found: dict[str, Plan] = {}
    while len(found) < count:
        try:
            plan = space.decode(space.sample(rng))
        except InvalidArchitecture:
            continue
        found.setdefault(plan.arch_id, plan)
    return list(found.values())
