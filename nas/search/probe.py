"""Finds out, before anything trains, whether any network of a space meets the budgets."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from nas.errors import BudgetUnreachable, InvalidArchitecture, NasError
from nas.search.gates import Gates, Rejected
from nas.search.local import Priced, price
from nas.search.spaces import Space
from nas.store.attributes import latency_values


def find_reachable(
    space: Space, gates: Gates, rng: random.Random, *, samples: int = 1000, measured: int = 5, seconds: float = 15.0
) -> Mapping[str, Any]:
    """Decisions of a network that passes every gate, searched for on purpose among small ones.

    Looks at a random sample, then goes from the best of it to better neighbours for as long as there are any; of those
    within the budgets on costs it measures the smallest. `seconds` bounds the part without measurements.
    Raises `BudgetUnreachable` with the smallest value seen of what no network met, and the network that had it;
    `NasError` when no network of the space can be built at all.
    """
    deadline = time.monotonic() + seconds
    pool = _sample(space, gates, rng, samples, deadline - seconds / 2)
    spread = {key: max(abs(p.excesses[key]) for p in pool) or 1.0 for key in pool[0].excesses}

    def violation(priced: Priced) -> float:
        return sum(max(0.0, excess) / spread.get(key, 1.0) for key, excess in priced.excesses.items())

    start = sorted(pool, key=lambda p: (violation(p), p.size))[:3]
    reached = [_descend(space, gates, p, lambda q: (violation(q), q.size), deadline) for p in start]
    pool += reached
    within = [p for p in pool if p.feasible]
    if not within:
        raise BudgetUnreachable(_message(pool, violation, len(pool)))
    if not gates.measures:
        return min(within, key=lambda p: p.size).decisions
    return _measure_smallest(gates, within, measured)


def _sample(space: Space, gates: Gates, rng: random.Random, samples: int, deadline: float) -> list[Priced]:
    pool: list[Priced] = []
    for count in range(samples):
        priced = price(space, gates, space.sample(rng))
        if priced is not None:
            pool.append(priced)
        if time.monotonic() > deadline and (pool or count >= samples // 2):
            break
    if not pool:
        decisions = space.sample(rng)
        try:
            space.decode(decisions)
            why = "its costs cannot be told"
        except InvalidArchitecture as error:
            why = str(error)
        raise NasError(f"some network of the space must be buildable, but none of {count + 1} samples was: {why}")
    return pool


def _descend(
    space: Space, gates: Gates, start: Priced, badness: Callable[[Priced], tuple[float, float]], deadline: float
) -> Priced:
    """The first network on the way of best neighbours that has no better one, or where time ran out."""
    best = start
    while True:
        around = []
        for decisions in itertools.islice(space.neighbours(best.decisions), 500):
            if (priced := price(space, gates, decisions)) is not None:
                around.append(priced)
            if time.monotonic() > deadline:
                break
        better = min(around, key=badness, default=best)
        if badness(better) >= badness(best) or time.monotonic() > deadline:
            return best
        best = better


def _measure_smallest(gates: Gates, within: list[Priced], measured: int) -> Mapping[str, Any]:
    tried: list[tuple[Priced, Rejected]] = []
    smallest = list({p.plan.arch_id: p for p in sorted(within, key=lambda p: p.size)}.values())[:measured]
    for priced in smallest:
        try:
            gates.latency(priced.plan, priced.values, priced.decisions)
            return priced.decisions
        except Rejected as rejected:
            tried.append((priced, rejected))
    rows = [Priced(p.decisions, p.plan, {**p.values, **latency_values(r.latency)}, r.constraints) for p, r in tried]
    raise BudgetUnreachable(_message(rows, lambda p: sum(max(0.0, e) for e in p.excesses.values()), len(within)))


def _message(pool: list[Priced], violation: Callable[[Priced], float], looked_at: int) -> str:
    nearest = min(pool, key=violation)
    lines = []
    for key, excess in nearest.excesses.items():
        if excess <= 0:
            continue
        least = min(pool, key=lambda p: p.excesses.get(key, float("inf")))
        shown = ", ".join(f"{name} {least.values[name]:.6g}" for name in least.values if name in key) or "its value"
        lines.append(
            f"`{key}` was exceeded by at least {least.excesses[key]:.4g}: the smallest seen is {shown} at network "
            f"{least.plan.arch_id} ({describe(least.decisions)})"
        )
    return (
        f"no network of the space meets the budgets (looked at {looked_at}, the smallest on purpose); "
        + "; ".join(lines)
        + "; raise the budget, or let the space have smaller networks"
    )


def describe(decisions: Mapping[str, Any], longest: int = 12) -> str:
    """Decisions in one line, the first dozen of them."""
    parts = [f"{name}={label}" for name, label in itertools.islice(decisions.items(), longest)]
    return ", ".join(parts) + (f", and {len(decisions) - longest} more" if len(decisions) > longest else "")
