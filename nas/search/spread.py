"""Where a search starts: networks spread over the range of a cost within the budgets, not in a clump in its middle.

Draws at random are nearly all of a middling size, the more so the more decisions there are. The range from the smallest
network found within the budgets to the largest is cut into equal parts on a log scale, and each gives one network.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from nas.search.feasible import FeasibleSet
from nas.search.priced import Priced
from nas.search.spaces import Decisions

Size = Callable[[Priced], float]

_DRAWS = 5  # for each part
_OUTWARD = 200  # steps tried from the smallest and from the largest draw to what is beyond
_INTO = 100  # steps tried into a part that no draw is in


def spread_out(feasible: FeasibleSet, count: int, rng: random.Random) -> list[Decisions]:
    """Decisions of at most `count` networks within the budgets, in an order in which the first few are spread as well.

    The range is that of latency where it is forecast, else that of MACs (of parameters where MACs are not known). A
    part that no way was found into gives none. Raises as `FeasibleSet.draw`.
    """
    feasible.look()
    drawn = list(feasible.known)
    drawn += [feasible.draw(rng) for _ in range(_DRAWS * count - len(drawn))]
    forecast = all(priced.predicted_ms is not None for priced in drawn)

    def size(priced: Priced) -> float:
        return math.log(max(1e-9, priced.size if forecast or priced.predicted_ms is None else priced.counted))

    low = _stepped(feasible, min(drawn, key=size), size, _OUTWARD, rng)
    high = _stepped(feasible, max(drawn, key=size), lambda priced: -size(priced), _OUTWARD, rng)
    drawn += [low, high]
    begin, width = size(low), (size(high) - size(low)) / count
    chosen: dict[str, Priced] = {}
    for part in sorted(range(count), key=_inverse):
        found = _inside(feasible, drawn, size, begin + part * width, begin + (part + 1) * width, rng)
        if found is not None:
            chosen.setdefault(found.plan.arch_id, found)
    return [dict(priced.decisions) for priced in chosen.values()]


def _inverse(number: int) -> float:
    """Its binary digits behind the point, in the other order (J. G. van der Corput, 1935)."""
    found, place = 0.0, 0.5
    while number:
        found, number, place = found + place * (number & 1), number >> 1, place / 2
    return found


def _inside(
    feasible: FeasibleSet, drawn: Sequence[Priced], size: Size, low: float, high: float, rng: random.Random
) -> Priced | None:
    """One of the draws whose size is between these, or where steps from the nearest of them lead there."""
    inside = [priced for priced in drawn if low <= size(priced) <= high]
    if inside:
        return rng.choice(inside)

    def away(priced: Priced) -> float:
        return max(low - size(priced), size(priced) - high, 0.0)

    found = _stepped(feasible, min(drawn, key=away), away, _INTO, rng)
    return found if away(found) <= 0 else None


def _stepped(feasible: FeasibleSet, here: Priced, badness: Size, tried: int, rng: random.Random) -> Priced:
    """Where steps at random within the budgets lead, each to what is less bad."""
    for _ in range(tried):
        step = feasible.moves.step(here.decisions, rng)
        there = feasible.price(step[0]) if step is not None else None
        if there is not None and feasible.within(there) and badness(there) < badness(here):
            here = there
    return here
