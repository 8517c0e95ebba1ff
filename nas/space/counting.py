"""How many decision vectors satisfy the structural constraints, exactly, and uniform draws from them.

Dynamic programming over the chain of a space's decisions: after each step, how many ways lead to each state, a state
being the labels, repeats and drawn vars that a later step or constraint still asks about. A constraint is checked once
its last name is decided; until then states that leave the same of it to be decided are one.

What is counted: the decisions of the architecture; those of training (`train: true`) count once, whatever they are.
Vectors that satisfy the constraints but cannot be built are counted too, for that needs no block to be known; `s2.out`
in a constraint is the `out` that is written, and where it has no value (a width that is no integer) the constraint
does not hold. Whoever wants only what can be built draws from the table and rejects what does not decode, which is
uniform over what can be built.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from nas.space.chain import Step, build_chain
from nas.space.decisions import Decision, Decisions
from nas.space.forms import Constraint, Network
from nas.space.support import NotWritten, Outs
from nas.space.twigs import Slot
from nas.space.watching import Check, Merge, Watch
from nas.space.weaving import Env, TooManyStates, pick

MAX_STATES = 20_000
MAX_TRANSITIONS = 400_000


@dataclass(frozen=True)
class Size:
    """The number of decision vectors of a space; where not `exact`, there are at most so many."""

    value: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.value:,}" if self.exact else f"at most {self.value:,}"


class Table:
    """How many ways lead to each state after each step. Raises `TooManyStates`, `NotWritten`."""

    def __init__(
        self, network: Network, decide: Callable[[str], Decision], constraints: Sequence[Constraint], limit: int
    ) -> None:
        watches = [Watch(constraint, Outs(network)) for constraint in constraints]
        self._steps = build_chain(network, decide, frozenset().union(*(watch.names for watch in watches)))
        self._plan = _Plan(self._steps, watches)
        self._from: list[dict[Env, list[tuple[Env, Env, int]]]] = []  # state: state before, values told, ways
        self._layers: list[dict[Env, int]] = [{(None,) * self._plan.width: 1}]
        self._sums: dict[tuple[int, Env], list[int]] = {}
        self._weave(limit)
        self._ends = list(self._layers[-1])
        self._end_sums = list(accumulate(self._layers[-1].values()))
        self.total = self._end_sums[-1] if self._end_sums else 0

    def _weave(self, limit: int) -> None:
        transitions = 0
        for index, step in enumerate(self._steps):
            at, after_step = self._plan.at[index], self._plan.ends[index]
            table: dict[Env, int] = {}
            origins: dict[Env, list[tuple[Env, Env, int]]] = {}
            for state, count in self._layers[-1].items():
                for told, ways in step.ways(tuple([state[place] for place in at])):
                    transitions += 1
                    after = list(state)
                    for place, value in zip(at, told, strict=True):
                        after[place] = value
                    if not all(check(tuple(after)) for check in after_step.checks):
                        continue
                    for place in after_step.forgotten:
                        after[place] = None
                    for merge in after_step.merges:
                        merge(after)
                    found = tuple(after)
                    table[found] = table.get(found, 0) + count * ways
                    origins.setdefault(found, []).append((state, told, ways))
                if len(table) > limit or transitions > limit * (MAX_TRANSITIONS // MAX_STATES):
                    raise TooManyStates
            self._layers.append(table)
            self._from.append(origins)

    def draw(self, rng: random.Random) -> Decisions:
        """One of the counted vectors, each with the same chance. Only where there is one."""
        state = self._ends[pick(self._end_sums, rng)]
        trail: list[tuple[Step, Env, Env]] = []
        for index in range(len(self._steps) - 1, -1, -1):
            origins = self._from[index][state]
            chosen = origins[0]
            if len(origins) > 1:
                sums = self._sums.get((index, state))
                if sums is None:
                    before = self._layers[index]
                    sums = list(accumulate(before[origin] * ways for origin, _, ways in origins))
                    self._sums[index, state] = sums
                chosen = origins[pick(sums, rng)]
            state, told, _ = chosen
            trail.append((self._steps[index], tuple([state[place] for place in self._plan.at[index]]), told))
        into: Decisions = {}
        for step, env, told in reversed(trail):
            step.draw(env, told, rng, into)
        return into


@dataclass
class _End:
    """What happens after a step: constraints that are complete, slots to forget, states to merge."""

    checks: list[Check]
    forgotten: list[int]
    merges: list[Merge]


class _Plan:
    """Where the slots stand in a state, and when each is needed for the last time."""

    def __init__(self, steps: Sequence[Step], watches: Sequence[Watch]) -> None:
        places: dict[Slot, int] = {}
        last: dict[Slot, int] = {}
        for index, step in enumerate(steps):
            for slot in step.slots:
                places.setdefault(slot, len(places))
                last[slot] = index
        self.width = len(places)
        self.at = [[places[slot] for slot in step.slots] for step in steps]
        done = [max((last.get(("label", name), 0) for name in watch.names), default=0) for watch in watches]
        needed = dict(last)
        for watch, end in zip(watches, done, strict=True):
            for name in watch.names:
                if ("label", name) in needed:
                    needed["label", name] = max(needed["label", name], end)
        self.ends = [_End([], [], []) for _ in steps]
        for slot, index in needed.items():
            self.ends[index].forgotten.append(places[slot])
        for watch, end in zip(watches, done, strict=True):
            self.ends[end].checks.append(Check(watch, places))
            others = [(other, until) for other, until in zip(watches, done, strict=True) if other is not watch]
            before: tuple[tuple[str, ...], frozenset[Slot]] = ((), frozenset())
            for index in range(end):
                found = _mergeable(watch, index, last, others)
                if found != before and found[1]:
                    self.ends[index].merges.append(Merge(watch, *found, places))
                before = found


def _mergeable(
    watch: Watch, index: int, last: dict[Slot, int], others: Sequence[tuple[Watch, int]]
) -> tuple[tuple[str, ...], frozenset[Slot]]:
    """The facts of a constraint that are decided after a step, and the slots that only they still need."""
    known = tuple(
        fact for fact, names in watch.supports.items() if all(last.get(("label", name), -1) <= index for name in names)
    )
    own: set[Slot] = {("label", name) for fact in known for name in watch.supports[fact]}
    own &= last.keys()
    for fact, names in watch.supports.items():
        if fact not in known:
            own -= {("label", name) for name in names}
    for other, until in others:
        if until > index:
            own -= {("label", name) for name in other.names}
    return known, frozenset(own)


class Counter:
    """The size of a space and draws from what it counts; constraints that would need too many states are left out.

    A constraint that names training decisions, or an `out` that only building tells, cannot be counted either.
    """

    def __init__(self, network: Network, decisions: Sequence[Decision], limit: int = MAX_STATES) -> None:
        by_name = {decision.name: decision for decision in decisions}
        self._most = prod(
            len(decision.values) + (decision.when is not None) for decision in decisions if not decision.train
        )
        counted = [constraint for constraint in network.constraints if _countable(constraint, network, by_name)]
        self.table: Table | None = None
        while self.table is None:
            try:
                self.table = Table(network, by_name.__getitem__, counted, limit)
            except TooManyStates:
                if not counted:
                    break
                # those that name most need most states
                counted = sorted(counted, key=lambda constraint: len(constraint.facts))[: len(counted) // 2]
        self.complete = self.table is not None and len(counted) == len(network.constraints)

    @property
    def size(self) -> Size:
        return Size(self._most if self.table is None else self.table.total, self.complete)


def _countable(constraint: Constraint, network: Network, decisions: dict[str, Decision]) -> bool:
    try:
        names = Watch(constraint, Outs(network)).names
    except NotWritten:
        return False
    return not any(decisions[name].train for name in names if name in decisions)
