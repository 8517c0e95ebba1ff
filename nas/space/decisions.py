"""What a space asks: decisions with their labels, and the error about decisions that do not fit a space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from nas.errors import InvalidArchitecture

Label = str | int | float | bool
Decisions = dict[str, Label]
Draw = Callable[["Decision"], Label]


class BadDecisions(InvalidArchitecture):
    """Decisions that no walk of the space can give: one is missing, one was never asked for, or a label is unknown."""


@dataclass(frozen=True)
class Decision:
    """One question of a space.

    `values` are the labels to choose from, in order (for a `range` evenly spaced numbers, both ends included). Where
    `continuous`, they are the two ends and any number between is allowed; `log` asks to draw on a logarithmic scale.
    `when` says in words when the question arises, None for always. `train` marks what never enters the architecture,
    `scale` what only says how it is scaled.
    """

    name: str
    kind: Literal["choice", "range"]
    values: tuple[Label, ...]
    when: str | None = None
    train: bool = False
    continuous: bool = False
    log: bool = False
    scale: bool = False

    @cached_property
    def _set(self) -> frozenset[Label]:
        return frozenset(self.values)

    def allows(self, label: object) -> bool:
        """Whether a label is one of the answers."""
        if self.continuous:
            low, high = self.values
            return isinstance(label, int | float) and not isinstance(label, bool) and low <= label <= high  # type: ignore[operator]
        try:
            return label in self._set
        except TypeError:
            return False

    def said(self) -> str:
        """The answers in words, for errors."""
        if self.kind == "range":
            return f"from {self.values[0]} to {self.values[-1]}"
        return f"one of {', '.join(str(value) for value in self.values[:12])}{', ...' if len(self.values) > 12 else ''}"
