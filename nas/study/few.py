"""Says of a space that it has fewer networks than a search asks for."""

from __future__ import annotations

from nas.space import Space


def possible_trials(space: Space, trials: int) -> int:
    """How many of the trials asked for a space has networks for: with another training a network is another.

    What cannot be built is counted, so there may be fewer still.
    """
    return trials if any(decision.train for decision in space.decisions) else min(trials, space.size().value)


def few_networks(space: Space, trials: int) -> str:
    """The sentence for a person; empty where there are enough, or may be."""
    possible = possible_trials(space, trials)
    if possible >= trials:
        return ""
    if possible == 1:
        return "the space has one network: the search ends after it"
    return f"the space has at most {possible:,} networks: the search ends after them"
