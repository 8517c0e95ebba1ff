"""What a step of the chain asks, prepared for counting: decisions by name, with slots for what is asked about later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from math import prod

from nas.space.decisions import Decision, Label
from nas.space.reach import Given, Open, Reach, Use, reach

Slot = tuple[str, str]  # what is remembered (`label`, `drawn`, `repeat`) and of whom
Twigs = tuple["Twig", ...]


class Asked:
    """A decision made here. `slot` is where its label is remembered, None where nothing later depends on it."""

    def __init__(self, decision: Decision, then: tuple[Twigs, ...], slot: Slot | None) -> None:
        self.decision = decision
        self.name = decision.name
        self.labels = decision.values
        self.then = then
        self.slot = slot
        self.leaf = not any(then)
        self.free: bool = slot is None and all(twig.free for inside in then for twig in inside)

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """Of each label: how many ways there are to decide what it opens. Only where `free`.

        What belongs to training counts once, however many labels it has.
        """
        if self.leaf:
            return (1,) * len(self.labels)
        return tuple(prod(twig.total for twig in inside if isinstance(twig, Asked)) for inside in self.then)

    @cached_property
    def total(self) -> int:
        """How many ways there are to decide this. Only where `free`."""
        return max(self.weights) if self.decision.train else sum(self.weights)


class Known:
    """A decision made earlier, and what follows from its label."""

    free: bool = False

    def __init__(self, slot: Slot, then: Mapping[Label, Twigs]) -> None:
        self.slot = slot
        self.then = then
        self.light = all(_light(twig) for inside in then.values() for twig in inside)


class Drawn:
    """A var or default, decided here unless its slot says that it was."""

    free: bool = False

    def __init__(self, slot: Slot, inside: Twigs) -> None:
        self.slot = slot
        self.inside = inside


Twig = Asked | Known | Drawn


def _light(twig: Twig) -> bool:
    """Whether counting it changes nothing that is remembered."""
    return twig.free or (isinstance(twig, Known) and twig.light)


def light(twigs: Twigs) -> bool:
    """Whether deciding all of these changes nothing that is remembered."""
    return all(_light(twig) for twig in twigs)


def slots_of(twigs: Iterable[Twig]) -> set[Slot]:
    """Every slot that is read or written inside."""
    found: set[Slot] = set()
    for twig in twigs:
        match twig:
            case Asked(slot=slot, then=options):
                found |= {slot} if slot is not None else set()
                inner = [inside for option in options for inside in option]
            case Known(slot=slot, then=by_label):
                found.add(slot)
                inner = [inside for option in by_label.values() for inside in option]
            case Drawn(slot=slot, inside=inside_group):
                found.add(slot)
                inner = list(inside_group)
        found |= slots_of(inner)
    return found


class Growth:
    """Turns reaches into twigs. `live` are the names that something later depends on; `settled` the vars and defaults
    that were decided before this step in every network, which are left out.
    """

    def __init__(self, decide: Callable[[str], Decision], live: frozenset[str]) -> None:
        self._decide = decide
        self._live = live
        self.settled: set[str] = set()

    def grow(self, items: Reach, index: int | None) -> Twigs:
        """The twigs of a reach; a decision that stands in it twice is asked once, what asks nothing is left out."""
        found: dict[Slot, Twig] = {}
        for item in items:
            for key, twig in self._twig(item, index):
                found.setdefault(key, twig)
        return tuple(found.values())

    def _twig(self, item: Open | Given | Use, index: int | None) -> Iterator[tuple[Slot, Twig]]:
        if isinstance(item, Use):
            if item.group.name not in self.settled:
                inside = self.grow(reach(item.group.form, "shared"), None)
                yield ("drawn", item.group.name), Drawn(("drawn", item.group.name), inside)
            return
        name = item.site.name(index)
        slot = ("label", name)
        if isinstance(item, Open):
            decision = self._decide(name)
            then = () if decision.continuous else tuple(self.grow(item.then[label], index) for label in decision.values)
            yield slot, Asked(decision, then, slot if name in self._live else None)
            return
        by_label = {label: self.grow(inside, index) for label, inside in item.then.items()}
        if any(by_label.values()):
            yield ("given", name), Known(slot, by_label)

    def settle(self, twigs: Twigs) -> None:
        """Notes the vars and defaults that are decided with these twigs whatever is chosen."""
        for twig in twigs:
            if isinstance(twig, Drawn):
                self.settled.add(twig.slot[1])
                self.settle(twig.inside)


def givens(items: Reach, index: int | None) -> Iterator[str]:
    """The names of all earlier decisions that a reach looks at."""
    for item in items:
        if not isinstance(item, Use):
            if isinstance(item, Given):
                yield item.site.name(index)
            for inside in item.then.values():
                yield from givens(inside, index)
