"""Proposals without the sampler, for when it draws only what is known or too costly: neighbours and random networks.

Looking at costs is thousands of times cheaper than a sampler's draw, so many are tried for each that is proposed.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nas.arch import Plan
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates
from nas.search.priced import Priced, price
from nas.search.spaces import Decisions, Space


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
        feasible: FeasibleSet | None = None,
        tries: int = 400,
        seconds: float = 5.0,
    ) -> None:
        self.space = space
        self.gates = gates
        self.looked_at = 0
        self.by = ""  # how the last network was found: `near` a good one, or `anywhere`
        self._feasible = feasible or FeasibleSet(space, gates)
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
            ((price(self.space, self.gates, decisions), "near") for decisions in neighbours),
            ((self._feasible.draw(rng), "anywhere") for _ in itertools.count()),
        )
        for priced, by in itertools.islice(source, self._tries):
            self.looked_at += 1
            if priced is not None and priced.within and not self._seen(priced.decisions, priced.plan):
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
