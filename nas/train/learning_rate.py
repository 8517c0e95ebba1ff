"""The learning rate as a pure function of the step, so that nothing of it needs saving."""

from __future__ import annotations

import math


def lr_factor(step: int, steps: int, warmup_steps: float, final: float) -> float:
    """What `lr` is multiplied by at `step` (from 0) of `steps`.

    Linear over `warmup_steps`, then half a cosine to `final` (Loshchilov and Hutter, SGDR, 2017; no restarts).
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    done = (step - warmup_steps) / max(1.0, steps - 1 - warmup_steps)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
