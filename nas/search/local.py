"""Proposals without the sampler, for when it draws only what is known or too costly: neighbours and random networks.

Looking at costs is thousands of times cheaper than a sampler's draw, so many are tried for each that is proposed.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.search.gates import Gates, Rejected
from nas.search.spaces import Decisions, Space


@dataclass(frozen=True)
class Priced:
    """A network that can be built, with its costs and by how much they exceed each budget that they decide.

    `predicted_ms` is the latency that is forecast, where it can be; `slow`: it surely exceeds a budget.
    """

    decisions: Mapping[str, Any]
    plan: Plan
    values: Mapping[str, float]
    excesses: Mapping[str, float]
    predicted_ms: float | None = None
    slow: bool = False

    @property
    def feasible(self) -> bool:
        return all(excess <= 0 for excess in self.excesses.values())

    @property
    def size(self) -> float:
        """What stands in for latency before it is measured: its forecast, or MACs."""
        if self.predicted_ms is not None:
            return self.predicted_ms
        return float(next((self.values[name] for name in ("macs", "params") if name in self.values), 0.0))


def price(space: Space, gates: Gates, decisions: Mapping[str, Any]) -> Priced | None:
    """The network with its costs, None when it cannot be built."""
    try:
        plan = space.decode(decisions)
        values = gates.cost(plan, decisions, enforce=False)
    except (InvalidArchitecture, Rejected):
        return None
    forecast = gates.forecast(plan)
    predicted_ms = forecast.p50 if forecast is not None else None
    slow = bool(gates.surely_over(forecast, values, decisions))
    return Priced(decisions, plan, values, gates.goals.excesses(values, decisions), predicted_ms, slow)


class LocalProposals:
    """Unseen networks within the budgets that costs and the predictor decide: by turns near a good one, and anywhere.

    `seen` says whether a network is known already, by decisions and plan. `tries` and `seconds` bound one proposal.
    """

    def __init__(
        self,
        space: Space,
        gates: Gates,
        seen: Callable[[Mapping[str, Any], Plan], bool],
        *,
        tries: int = 400,
        seconds: float = 5.0,
    ) -> None:
        self.space = space
        self.gates = gates
        self.looked_at = 0
        self.by = ""  # how the last network was found: `near` a good one, or `anywhere`
        self._seen = seen
        self._tries = tries
        self._seconds = seconds
        self._turn = 0

    def propose(self, good: Sequence[Decisions], rng: random.Random, pressure: float = 0.0) -> Mapping[str, Any] | None:
        """One network, None when none was found.

        `pressure` from 0 to 1 prefers small networks (fast by prediction, else few macs), and from one half on those
        near a good one, for when latency is what turns them away. What is surely too slow is not proposed.
        """
        self._turn += 1
        near = good and (self._turn % 2 or pressure >= 0.5)
        found: list[tuple[Priced, str]] = []
        wanted = 1 + round(31 * pressure)
        deadline = time.monotonic() + self._seconds
        neighbours = self._near(good, rng) if near else ()
        source = itertools.chain(
            ((decisions, "near") for decisions in neighbours),
            ((decisions, "anywhere") for decisions in self._anywhere(rng)),
        )
        for decisions, by in itertools.islice(source, self._tries):
            self.looked_at += 1
            priced = price(self.space, self.gates, decisions)
            good_enough = priced is not None and priced.feasible and not priced.slow
            if priced is not None and good_enough and not self._seen(decisions, priced.plan):
                found.append((priced, by))
            if len(found) >= wanted or time.monotonic() > deadline:
                break
        if not found:
            return None
        found.sort(key=lambda pair: pair[0].size)
        chosen, self.by = found[int((1 - pressure) * (len(found) - 1))]
        return chosen.decisions

    def _near(self, good: Sequence[Decisions], rng: random.Random) -> Iterator[Decisions]:
        neighbours = list(self.space.neighbours(rng.choice(good)))
        rng.shuffle(neighbours)
        yield from neighbours[: self._tries // 2]

    def _anywhere(self, rng: random.Random) -> Iterator[Decisions]:
        while True:
            yield self.space.sample(rng)
