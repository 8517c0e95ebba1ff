"""Finds out, before anything trains, whether any network of a space meets the budgets."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nas.errors import BudgetUnreachable
from nas.search.descent import descend
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates, Rejected
from nas.search.priced import Priced, price
from nas.search.spaces import Space
from nas.search.unreachable import nearest_message
from nas.store.attributes import latency_values

Order = Callable[[Priced], tuple[bool, float]]


# What memory and size follow from, before they are measured.
STANDS_FOR = {"inference_memory_mb": "peak_bytes", "model_mb": "params"}


def find_reachable(
    space: Space,
    gates: Gates,
    rng: random.Random,
    *,
    feasible: FeasibleSet | None = None,
    samples: int = 300,
    measured: int = 5,
    further: int = 20,
    seconds: float = 15.0,
    measuring: float = 20.0,
) -> Mapping[str, Any]:
    """Decisions of a network that passes every gate, searched for on purpose among small ones.

    Goes from the smallest of some draws of `feasible` (networks within the budgets on costs) to smaller neighbours for
    as long as there are any; of all these it measures the smallest (`measured` of them), and where none passes goes on
    from the fastest, to at most `further` others and for `measuring` seconds. `seconds` bounds the part without
    measurements. Raises `BudgetUnreachable` with the smallest value seen of what no network met, and the network that
    had it; `NasError` when no network of the space can be built at all.
    """
    feasible = feasible or FeasibleSet(space, gates, rng.getrandbits(31))
    deadline = time.monotonic() + seconds
    feasible.look()
    within = list(feasible.known)
    while len(within) < samples and time.monotonic() < deadline - seconds / 2:
        within.append(feasible.draw(rng))
    smallest = sorted(within, key=lambda p: p.size)[:3]
    within += [descend(space, gates, p, lambda q: (not feasible.within(q), q.size), deadline) for p in smallest]
    if not gates.measures:
        return min(within, key=lambda p: p.size).decisions
    expected = _order([budget.text for budget in gates.goals.budgets], lambda p: (False, p.size))
    smallest = list({p.plan.arch_id: p for p in sorted(within, key=expected)}.values())[:measured]
    return _Measured(space, gates).search(smallest, within, further, measuring)


class _Measured:
    """What was measured on the way to a network that passes; all of it was turned away."""

    def __init__(self, space: Space, gates: Gates) -> None:
        self._space = space
        self._gates = gates
        self._tried: dict[str, Priced] = {}

    def search(self, smallest: list[Priced], within: list[Priced], further: int, seconds: float) -> Mapping[str, Any]:
        """Measures the smallest; then by turns what is promising near the best so far, and among all others as well.

        Raises `BudgetUnreachable`.
        """
        for priced in smallest:
            if self._passes(priced):
                return priced.decisions
        deadline = time.monotonic() + seconds
        best = min(self._tried.values(), key=_over)
        for turn in range(further):
            candidate = self._next(best, within if turn % 2 else [])
            if candidate is None or time.monotonic() >= deadline:
                break
            if self._passes(candidate):
                return candidate.decisions
            best = min(best, self._tried[candidate.plan.arch_id], key=_over)
        raise BudgetUnreachable(nearest_message(list(self._tried.values()), _over, len(within)))

    def _passes(self, priced: Priced) -> bool:
        try:
            self._gates.latency(priced.plan, priced.values, priced.decisions)
        except Rejected as rejected:
            values = {**priced.values, **latency_values(rejected.latency)}
            self._tried[priced.plan.arch_id] = Priced(priced.decisions, priced.plan, values, rejected.constraints)
            return False
        return True

    def _next(self, best: Priced, within: list[Priced]) -> Priced | None:
        """The most promising of the neighbours of the best, and of those looked at before, that was not measured."""
        around = (
            price(self._space, self._gates, d) for d in itertools.islice(self._space.neighbours(best.decisions), 500)
        )
        near = [p for p in around if p is not None and p.feasible]
        unseen = [p for p in (*near, *within) if p.plan.arch_id not in self._tried]
        exceeded = [key for key, excess in best.excesses.items() if excess > 0]
        return min(unseen, key=_order(exceeded, _expected), default=None)


def _over(priced: Priced) -> float:
    """By how much budgets are exceeded, all together."""
    return sum(max(0.0, excess) for excess in priced.excesses.values())


def _order(budgets: Iterable[str], otherwise: Order) -> Order:
    """What orders networks before they are measured: where only memory or size count, what these follow from."""
    texts = list(budgets)
    costs = [cost for name, cost in STANDS_FOR.items() if any(name in text for text in texts)]
    if not costs or any("latency_ms" in text for text in texts):
        return otherwise
    return lambda priced: (False, sum(math.log(max(1.0, priced.values.get(cost, 1.0))) for cost in costs))


def _expected(priced: Priced) -> tuple[bool, float]:
    """What orders networks before they are measured: the forecast, else the geometric mean of MACs, activations, steps.

    MACs alone mislead among small networks, whose time is that of moving data and of starting
    each step. What has a forecast comes first.
    """
    if priced.predicted_ms is not None:
        return False, priced.predicted_ms
    sizes = [priced.values[name] for name in ("macs", "activations") if priced.values.get(name)]
    return True, math.exp(sum(math.log(size) for size in (*sizes, len(priced.plan.steps))) / (len(sizes) + 1))
