"""Why decisions could not be built, counted by reason, with an example of each to explain it by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from nas.errors import InvalidArchitecture, SpecError
from nas.space.decisions import Label

Told = Callable[[Mapping[str, Label], InvalidArchitecture], SpecError]


class Refusals:
    """Counts refusals; what is told of a reason is told of the first decisions that met it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, tuple[Mapping[str, Label], InvalidArchitecture]] = {}

    def add(self, decisions: Mapping[str, Label], error: InvalidArchitecture) -> None:
        reason = str(error)
        self._counts[reason] += 1
        self._first.setdefault(reason, (decisions, error))

    def commonest(self, count: int, told: Told) -> dict[str, int]:
        """The commonest reasons in the words of `told`, each with how often it was met."""
        return {str(told(*self._first[reason])): times for reason, times in self._counts.most_common(count)}
