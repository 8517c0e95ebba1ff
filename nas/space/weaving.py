"""How often, and how, one step of the chain leads from what is remembered before it to what is remembered after it."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate
from typing import Any

from nas.space.decisions import Decisions, Label
from nas.space.sampling import draw_uniformly
from nas.space.twigs import Asked, Drawn, Known, Slot, Twig, Twigs

Env = tuple[Any, ...]  # one value for each slot of a step, None where nothing is remembered

MAX_WAYS = 200_000


class TooManyStates(Exception):
    """Counting needs more states than allowed."""


def pick(cumulative: list[int], rng: random.Random) -> int:
    """An index with probability by weight; `cumulative` are the sums of the weights. Exact for weights of any size."""
    return bisect_right(cumulative, rng.randrange(cumulative[-1])) if len(cumulative) > 1 else 0


def draw_free(twig: Asked, rng: random.Random, into: Decisions) -> None:
    """Decides a free twig, each way to do so with the same chance."""
    while True:
        if twig.decision.continuous:
            into[twig.name] = draw_uniformly(rng)(twig.decision)
            return
        labels = twig.labels
        if twig.leaf or twig.decision.train:
            at = int(rng.random() * len(labels))
        else:
            at = pick(list(accumulate(twig.weights)), rng)
        into[twig.name] = labels[at]
        inside = twig.then[at]
        if not inside:
            return
        for each in inside[:-1]:
            assert isinstance(each, Asked)
            draw_free(each, rng, into)
        last = inside[-1]
        assert isinstance(last, Asked)
        twig = last


class Loom:
    """The tables of one step, filled when asked for."""

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self._place = {slot: at for at, slot in enumerate(slots)}
        self._layers: dict[tuple[Twigs, Env], list[dict[Env, int]]] = {}
        self._choices: dict[tuple[Asked, Env, Env], tuple[list[int], list[int]]] = {}
        self._ways = 0

    def ways(self, twigs: Twigs, env: Env) -> dict[Env, int]:
        """To each environment that deciding all twigs may lead to: in how many ways."""
        return self._through(twigs, env)[-1]

    def _through(self, twigs: Twigs, env: Env) -> list[dict[Env, int]]:
        """The same after each of the twigs, in order, beginning with none of them."""
        key = (twigs, env)
        layers = self._layers.get(key)
        if layers is None:
            layers = [{env: 1}]
            for twig in twigs:
                table: dict[Env, int] = {}
                for before, count in layers[-1].items():
                    for after, ways in self._of(twig, before).items():
                        table[after] = table.get(after, 0) + count * ways
                layers.append(table)
                self._ways += len(table)
                if self._ways > MAX_WAYS:
                    raise TooManyStates
            self._layers[key] = layers
        return layers

    def _of(self, twig: Twig, env: Env) -> dict[Env, int]:
        match twig:
            case Asked(free=True):
                return {env: twig.total}
            case Asked():
                table: dict[Env, int] = {}
                for at, label in enumerate(twig.labels):
                    for after, ways in self.ways(twig.then[at], self._told(twig, label, env)).items():
                        before = table.get(after, 0)
                        table[after] = max(before, ways) if twig.decision.train else before + ways
                return table
            case Known():
                return self.ways(twig.then[env[self._place[twig.slot]]], env)
            case Drawn():
                place = self._place[twig.slot]
                if env[place]:
                    return {env: 1}
                return self.ways(twig.inside, (*env[:place], True, *env[place + 1 :]))

    def _told(self, twig: Asked, label: Label, env: Env) -> Env:
        if twig.slot is None:
            return env
        place = self._place[twig.slot]
        return (*env[:place], label, *env[place + 1 :])

    def draw(self, twigs: Twigs, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        """Decides all twigs such that they lead to `after`, each way to do so with the same chance."""
        if not twigs:
            return
        layers = self._through(twigs, env)
        trail = [after]
        for at in range(len(twigs) - 1, 0, -1):
            befores = [(before, count * self._of(twigs[at], before).get(trail[-1], 0))
                       for before, count in layers[at].items()]  # fmt: skip
            chosen = pick(list(accumulate(ways for _, ways in befores)), rng)
            trail.append(befores[chosen][0])
        for twig, target in zip(twigs, reversed(trail), strict=True):
            self._draw(twig, env, target, rng, into)
            env = target

    def _draw(self, twig: Twig, env: Env, after: Env, rng: random.Random, into: Decisions) -> None:
        match twig:
            case Asked(free=True):
                draw_free(twig, rng, into)
            case Asked():
                key = (twig, env, after)
                found = self._choices.get(key)
                if found is None:
                    found = self._choices[key] = self._chances(twig, env, after)
                at = found[0][pick(found[1], rng)]
                label = into[twig.name] = twig.labels[at]
                self.draw(twig.then[at], self._told(twig, label, env), after, rng, into)
            case Known():
                self.draw(twig.then[env[self._place[twig.slot]]], env, after, rng, into)
            case Drawn():
                place = self._place[twig.slot]
                if not env[place]:
                    self.draw(twig.inside, (*env[:place], True, *env[place + 1 :]), after, rng, into)

    def _chances(self, twig: Asked, env: Env, after: Env) -> tuple[list[int], list[int]]:
        """The labels that may lead to `after`, and the sums of their weights."""
        labels, weights = [], []
        for at, label in enumerate(twig.labels):
            ways = self.ways(twig.then[at], self._told(twig, label, env)).get(after, 0)
            if ways:
                labels.append(at)
                weights.append(1 if twig.decision.train else ways)
        return labels, list(accumulate(weights))
