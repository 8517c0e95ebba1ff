"""Decisions as points of the unit cube, one coordinate a decision, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nas.space.decisions import Decision, Label

ABSENT = 0.5


def encode(decisions: Sequence[Decision], made: Mapping[str, Label]) -> tuple[float, ...]:
    """A coordinate in [0, 1] for each decision of a space: the middle of its label's share; 0.5 where it did not arise.

    Labels keep their order, so for a range near numbers are near; for a choice the order is that of the file.
    """
    return tuple(
        coordinate(decision, made[decision.name]) if decision.name in made else ABSENT for decision in decisions
    )


def coordinate(decision: Decision, label: Label) -> float:
    """Where a label lies in [0, 1]."""
    if not decision.continuous:
        return (decision.values.index(label) + 0.5) / len(decision.values)
    low, high, value = (_scaled(decision, number) for number in (*decision.values, label))
    return (value - low) / (high - low) if high > low else ABSENT


def label_at(decision: Decision, position: float) -> Label:
    """The label in whose share a position lies; positions outside [0, 1] count as its ends."""
    position = min(max(position, 0.0), 1.0)
    if not decision.continuous:
        return decision.values[min(int(position * len(decision.values)), len(decision.values) - 1)]
    low, high = (_scaled(decision, number) for number in decision.values)
    value = low + position * (high - low)
    ends = [float(number) for number in decision.values]
    return min(max(math.exp(value) if decision.log else value, ends[0]), ends[1])


def _scaled(decision: Decision, number: Label) -> float:
    return math.log(float(number)) if decision.log else float(number)
