"""Times of blocks alone, some measured and the others predicted from those: what a network's time starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nas.arch import Plan, Step
from nas.errors import NasError
from nas.measure.predictor.choosing import best_fit
from nas.measure.predictor.counts import Counts
from nas.measure.predictor.plans import StepCost, count_step, exact_name
from nas.measure.predictor.proposing import propose_first
from nas.measure.predictor.storing import networks_from_json, networks_to_json

FEWEST = 3
Cost = Callable[[Step], StepCost]


class BlockTimes:
    """The time of every block alone in ms: as measured, or predicted from its type, fields and costs.

    Sums of them are the prior mean of a network's time, `total`. Times of blocks span orders of magnitude, so noise is
    taken to be in proportion.
    """

    def __init__(self, counted: Sequence[Counts], ms: Sequence[float], cost: Cost) -> None:
        """From counts of blocks (`count_step`) and their times in ms. Raises `NasError` for fewer than 3."""
        if len(counted) < FEWEST:
            raise NasError(f"times of at least {FEWEST} blocks must be known to predict others, but got {len(counted)}")
        self.counted, self.ms = tuple(counted), tuple(ms)
        self._cost = cost
        self._fit = best_fit(self.counted, np.array(ms, float), np.zeros(len(ms), bool), ("relative",))
        self._known = {next(iter(each.levels[-1])): time for each, time in zip(counted, ms, strict=True)}

    @classmethod
    def measured(cls, steps: Sequence[Step], ms: Sequence[float], cost: Cost) -> BlockTimes:
        """From blocks and their times in ms. Raises `NasError` for fewer than 3."""
        return cls([count_step(step, cost) for step in steps], ms, cost)

    def total(self, plan: Plan) -> float:
        """The sum over the blocks of a network, in ms."""
        names = [exact_name(step) for step in plan.steps]
        new = {name: step for name, step in zip(names, plan.steps, strict=True) if name not in self._known}
        if new:
            found = self._fit.predict([count_step(step, self._cost) for step in new.values()]).p50
            self._known |= dict(zip(new, found.tolist(), strict=True))
        return sum(self._known[name] for name in names)

    def to_json(self) -> dict[str, Any]:
        """What was measured; reading it learns again."""
        return {"ms": list(self.ms), **networks_to_json(self.counted)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], cost: Cost) -> BlockTimes:
        """What `to_json` wrote; KeyError, TypeError, ValueError or IndexError for anything else."""
        return cls(networks_from_json(data), [float(ms) for ms in data["ms"]], cost)


def blocks_to_measure(steps: Sequence[Step], cost: Cost, count: int) -> list[Step]:
    """The `count` blocks among these (all, where they are fewer) whose times tell most of the others'."""
    different = list({exact_name(step): step for step in steps}.values())
    chosen = propose_first([count_step(step, cost) for step in different], min(count, len(different)))
    return [different[place] for place in chosen]
