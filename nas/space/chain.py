"""The walk of a space as a chain of small steps, each with what it reads and writes of what is remembered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from math import prod
from typing import Protocol

from nas.space.decisions import Decision, Decisions
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import Network, Sequence, Stage
from nas.space.listing import block_reach, stage_reach
from nas.space.reach import Reach, reach
from nas.space.support import Outs, form_support
from nas.space.twigs import Asked, Growth, Known, Slot, Twig, Twigs, givens, light, slots_of
from nas.space.weaving import Env, Loom, draw_free


class Step(Protocol):
    """One step: environments are the values of its slots, in their order."""

    slots: tuple[Slot, ...]

    def ways(self, env: Env) -> list[tuple[Env, int]]:
        """What may be remembered after it, and in how many ways."""
        ...

    def draw(self, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        """Decides what the step asks, given what is remembered before and after it, uniformly."""
        ...


class Guard:
    """Lets a step happen only where a stage repeats at least so often."""

    def __init__(self, stage: Stage, least: int) -> None:
        self.slot = ("repeat", stage.name)
        self.least = least


class AskStep:
    """Decisions that something later depends on, or that depend on something earlier."""

    def __init__(self, twigs: Twigs, guard: Guard | None) -> None:
        own = slots_of(twigs) - ({guard.slot} if guard else set())
        self.slots: tuple[Slot, ...] = (*([guard.slot] if guard else []), *sorted(own))
        self._twigs = twigs
        self._guard = guard
        self._loom = Loom(self.slots)
        self._known: dict[Env, list[tuple[Env, int]]] = {}

    def ways(self, env: Env) -> list[tuple[Env, int]]:
        found = self._known.get(env)
        if found is None:
            skipped = self._guard is not None and env[0] < self._guard.least
            found = self._known[env] = [(env, 1)] if skipped else list(self._loom.ways(self._twigs, env).items())
        return found

    def draw(self, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        if self._guard is None or env[0] >= self._guard.least:
            self._loom.draw(self._twigs, env, after, rng, into)


class RepeatStep:
    """Notes how often a stage repeats, from the decisions that say so."""

    def __init__(self, stage: Stage, outs: Outs) -> None:
        self._stage = stage
        self._names = tuple(sorted(form_support(stage.repeat, None, outs)))
        self.slots: tuple[Slot, ...] = (("repeat", stage.name), *(("label", name) for name in self._names))

    def ways(self, env: Env) -> list[tuple[Env, int]]:
        labels = {name: label for name, label in zip(self._names, env[1:], strict=True) if label is not None}
        repeat = evaluate(self._stage.repeat, Frame(labels))
        return [((repeat, *env[1:]), 1)]

    def draw(self, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        pass


class BlocksStep:
    """Neighbouring blocks of a stage whose decisions nothing later depends on."""

    def __init__(self, stage: Stage, first: int, blocks: list[Twigs]) -> None:
        self._fixed = stage.least if stage.least == stage.most else None
        own = sorted({slot for twigs in blocks for slot in slots_of(twigs)})
        self.slots: tuple[Slot, ...] = (*([] if self._fixed is not None else [("repeat", stage.name)]), *own)
        self._place = {slot: at for at, slot in enumerate(self.slots)}
        self._first = first
        self._blocks = blocks
        self._known: dict[Env, list[tuple[Env, int]]] = {}
        self._lists: dict[Env, list[Asked]] = {}

    def ways(self, env: Env) -> list[tuple[Env, int]]:
        found = self._known.get(env)
        if found is None:
            found = self._known[env] = [(env, prod(twig.total for twig in self._asked(env)))]
        return found

    def draw(self, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        random_ = rng.random
        for twig in self._asked(env):
            if twig.leaf:
                into[twig.name] = twig.labels[int(random_() * len(twig.labels))]
            else:
                draw_free(twig, rng, into)

    def _asked(self, env: Env) -> list[Asked]:
        """All that is asked here, in order."""
        found = self._lists.get(env)
        if found is None:
            repeat = self._fixed if self._fixed is not None else env[0]
            count = max(0, repeat - self._first)
            found = self._lists[env] = [
                twig for block in self._blocks[:count] for each in block for twig in self._open(each, env)
            ]
        return found

    def _open(self, twig: Twig, env: Env) -> Iterator[Asked]:
        if isinstance(twig, Asked):
            yield twig
        elif isinstance(twig, Known):
            for inside in twig.then[env[self._place[twig.slot]]]:
                yield from self._open(inside, env)


def build_chain(network: Network, decide: Callable[[str], Decision], named: frozenset[str]) -> list[Step]:
    """All steps in the order of the walk; `named` are the decisions that constraints depend on."""
    return list(_Chain(network, decide, named).steps())


class _Chain:
    def __init__(self, network: Network, decide: Callable[[str], Decision], named: frozenset[str]) -> None:
        self._network = network
        self._outs = Outs(network)
        live = set(named)
        for stage in network.stages:
            live |= form_support(stage.repeat, None, self._outs)
            for index in range(stage.most):
                live |= set(givens(block_reach(stage, index), index))
        self._growth = Growth(decide, frozenset(live))

    def steps(self) -> Iterator[Step]:
        network = self._network
        yield AskStep((), None)  # where constraints on nothing but constants are checked
        square = Sequence((network.height, network.width, network.channels))
        yield from self._ask(reach(square, "stage"), None)
        yield from self._ask(reach(network.stem, "stage"), None)
        for stage in network.stages:
            yield from self._stage(stage)
            yield from self._ask(reach(stage.exit, "stage"), None)
        yield from self._ask(reach(network.head, "stage"), None)
        yield from self._ask(reach(network.scale, "stage"), None)
        yield from self._ask(reach(network.train, "stage"), None)

    def _ask(self, items: Reach, guard: Guard | None, index: int | None = None) -> Iterator[Step]:
        """A step for each twig, so that what is remembered may be forgotten between them."""
        for twig in self._growth.grow(items, index):
            yield AskStep((twig,), guard)
            if guard is None:
                self._growth.settle((twig,))

    def _stage(self, stage: Stage) -> Iterator[Step]:
        yield from self._ask(reach(stage.repeat, "stage"), None)
        if stage.least != stage.most:
            yield RepeatStep(stage, self._outs)
        if not stage.most and stage.downsample is None:
            return
        some = None if stage.least else Guard(stage, 1)
        carrier, body = stage_reach(stage)
        yield from self._ask(carrier, some if stage.downsample is None else None)
        if not stage.most:
            return
        yield from self._ask(body, some)
        pending: list[Twigs] = []
        for index in range(stage.most):
            twigs = self._growth.grow(block_reach(stage, index), index)
            if light(twigs):
                pending.append(twigs)
                continue
            if pending:
                yield BlocksStep(stage, index - len(pending), pending)
                pending = []
            guard = None if index < stage.least else Guard(stage, index + 1)
            for twig in twigs:
                yield AskStep((twig,), guard)
                if guard is None:
                    self._growth.settle((twig,))
        if pending:
            yield BlocksStep(stage, stage.most - len(pending), pending)
