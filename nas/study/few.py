"""Says of a space that it has fewer networks than a search asks for."""

from __future__ import annotations

from nas.space import Space


def few_networks(space: Space, trials: int) -> str:
    """The sentence for a person; empty where there are enough, or may be: with another training a network is another.

    What cannot be built is counted, so there may be fewer still.
    """
    size = space.size()
    if size.value >= trials or any(decision.train for decision in space.decisions):
        return ""
    if size.value == 1:
        return "the space has one network: the search ends after it"
    return f"the space has at most {size.value:,} networks: the search ends after them"
