"""What to ask for next: the sampler while it finds new networks, else a neighbour, a random one, or a small one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.arch import Plan
from nas.errors import BudgetUnreachable
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates
from nas.search.local import LocalProposals
from nas.search.probe import find_reachable
from nas.search.proposals import SPREAD, Draw, Proposals, SpaceProposals
from nas.search.spaces import Decisions
from nas.search.spread import spread_out


@dataclass(frozen=True)
class Patience:
    """How many proposals in a row may be turned away before something else is tried.

    After `duplicates` repeats or `rejections` of any kind the engine looks for an unseen network itself; after `probe`
    rejections (`measured` of them by latency) before anything trained it finds out whether a budget can be met at all;
    after `end` rejections (`measured_end` by latency) the search ends with what it has.
    """

    duplicates: int = 3
    rejections: int = 10
    probe: int = 30
    measured: int = 8
    end: int = 300
    measured_end: int = 80


class Supply:
    """Draws, one after the other. Not thread-safe: only the engine's gating uses it.

    `feasible` is what to draw from where the sampler does not; `spread` says which of the networks that are spread over
    it (see `spread_out`) have no trial yet, of how many.
    """

    def __init__(
        self,
        proposals: Proposals,
        gates: Gates,
        seen: Callable[[Mapping[str, Any], Plan], bool],
        rng: random.Random,
        patience: Patience,
        feasible: FeasibleSet | None = None,
        spread: range = range(0),
    ) -> None:
        self.note = ""
        self._feasible = feasible
        self._wanted = spread
        self._spread: list[Decisions] | None = None
        self._proposals = proposals
        self._gates = gates
        self._rng = rng
        self._patience = patience
        self._space = proposals.space if isinstance(proposals, SpaceProposals) else None
        self._local = LocalProposals(self._space, gates, seen, feasible=feasible) if self._space is not None else None
        self._row = 0
        self._duplicates = 0
        self._measured = 0
        self._slow = 0  # by measurement or by prediction
        self._probes = 0
        self._reachable: list[Mapping[str, Any]] = []

    def passed(self) -> None:
        self._row = self._duplicates = self._measured = self._slow = 0

    def rejected(self, gate: str) -> None:
        self._row += 1
        self._duplicates = self._duplicates + 1 if gate == "duplicate" else 0
        self._measured += gate == "latency"
        self._slow += gate in ("latency", "predicted")

    def next(self, good: Sequence[Mapping[str, Any]], any_passed: bool) -> Draw | None:
        """The next draw, None when there is none; then `note` says why.

        `good` are decisions worth being near to. Raises `BudgetUnreachable` while nothing has passed.
        """
        if self._space is None or self._local is None:
            return self._proposals.ask()
        if isinstance(self._proposals, SpaceProposals) and self._proposals.starting:
            return self._proposals.ask()
        if self._feasible is not None:
            self._feasible.look(good if any_passed else ())
        patience = self._patience
        spent = self._row >= patience.end or self._measured >= patience.measured_end
        if any_passed and spent:
            return self._end(f"none of the last {self._row} proposals was new and within the budgets")
        if not any_passed and (self._row >= patience.probe or self._measured >= patience.measured):
            return self._probe()
        if first := self._start():
            return self._proposals.ask(decisions=first.pop(0), by=SPREAD)
        if self._row < patience.rejections and self._duplicates < patience.duplicates:
            return self._proposals.ask()
        near = [dict(decisions) for decisions in (*good, *self._reachable)]
        pressure = min(1.0, self._slow / 20)
        for _ in range(2):
            decisions = self._local.propose(near, self._rng, pressure)
            if decisions is not None:
                return self._proposals.ask(decisions=decisions, by=self._local.by)
        if not any_passed:
            return self._probe()
        return self._end(f"no new network within the budgets was found in {self._local.looked_at} tries")

    def _start(self) -> list[Decisions]:
        """What is left of the networks that are spread over the budgets, which come before the sampler's own."""
        if self._spread is None:
            self._spread = []
            if self._wanted and self._feasible is not None:
                rng = random.Random(f"{self._feasible.seed}/spread")  # the same again in a search that goes on
                self._spread = spread_out(self._feasible, self._wanted.stop, rng)[self._wanted.start :]
        return self._spread

    def _probe(self) -> Draw | None:
        if self._space is None or self._probes >= 3:
            raise BudgetUnreachable(
                f"none of {self._row} proposals passed the gates twice in a row: the budgets lie where measurements "
                "scatter; raise them a little"
            )
        self._probes += 1
        decisions = find_reachable(self._space, self._gates, self._rng, feasible=self._feasible)
        self._reachable.append(decisions)
        self._row = self._measured = self._slow = 0
        return self._proposals.ask(decisions=decisions, by="reachable")

    def _end(self, note: str) -> Draw | None:
        self.note = note
        return None
