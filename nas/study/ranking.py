"""Whether networks stand in the order in which a search had them, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scipy.stats import kendalltau, spearmanr

FEWEST = 3  # networks that an order is told of
MOST_NAMED = 3
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
HELD, BROKEN, UNKNOWN = "held", "did not hold", "cannot be told"

Interval = tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """One network's number in the search and now; `interval` is that of `now`, None where its noise is not known."""

    name: str
    before: float
    now: float
    interval: Interval | None


@dataclass(frozen=True)
class Ranking:
    """What became of an order.

    `outcome` is `held`, `did not hold` or `cannot be told`. Of the pairs of networks `told` can be told apart now, for
    their intervals do not overlap; `swapped` of those stand the other way round. Spearman (1904) and Kendall's tau-b
    (1945) are of all networks, None where all are equal or there are too few.
    """

    outcome: str
    sentence: str
    told: int
    swapped: int
    pairs: int
    spearman: float | None
    kendall: float | None

    def to_json(self) -> dict[str, Any]:
        """The numbers of a report."""
        return vars(self).copy()


def ranking(networks: Sequence[Pair], what: str, *, maximize: bool) -> Ranking:
    """The order of networks in the search against their order now, by `what` (`accuracy`), more or less being better.

    Only pairs count that can be told apart now, and that the search did not call equal. Fewer than three networks, or
    none told apart, say nothing.
    """
    start = f"the ranking of the search by {what}"
    pairs = list(combinations(networks, 2))
    told = [(a, b) for a, b in pairs if a.before != b.before and _apart(a, b)]
    swapped = [(a, b) for a, b in told if (a.before < b.before) != (a.now < b.now)]
    spearman, kendall = _correlations(networks) if len(networks) >= FEWEST else (None, None)

    def found(outcome: str, why: str) -> Ranking:
        return Ranking(outcome, f"{start} {why}", len(told), len(swapped), len(pairs), spearman, kendall)

    numbers = f" (Spearman {spearman:.2f}, Kendall {kendall:.2f})" if spearman is not None else ""
    if len(networks) < FEWEST:
        there = {0: "there is none", 1: "there is one"}.get(len(networks), f"there are {len(networks)}")
        return found(UNKNOWN, f"cannot be told to have held: that takes {FEWEST} networks, and {there}")
    if not told:
        unknown = all(network.interval is None for network in networks)
        why = "how far seeds differ is not known" if unknown else "all differences are within their noise"
        return found(UNKNOWN, f"cannot be told to have held: {why}")
    if swapped:
        moved = _moved(networks, swapped, maximize)
        return found(BROKEN, f"did not hold: {moved}; {_of(len(swapped), len(told))} the other way round{numbers}")
    if len(told) == len(pairs):
        return found(HELD, f"held: all {len(networks)} networks are in the same order{numbers}")
    rest = len(pairs) - len(told)
    return found(HELD, f"held: {_of(len(told), len(told))} in the same order, {_differ(rest)} within noise{numbers}")


def _apart(a: Pair, b: Pair) -> bool:
    """Whether both have an interval, and the two do not overlap."""
    if a.interval is None or b.interval is None:
        return False
    return a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0]


def _moved(networks: Sequence[Pair], swapped: Sequence[tuple[Pair, Pair]], maximize: bool) -> str:
    """`b was second in the search and is first now`, of those that changed places, those that moved furthest first."""
    before = _places([network.before for network in networks], maximize)
    now = _places([network.now for network in networks], maximize)
    among = {id(network) for pair in swapped for network in pair}
    rows = [
        (abs(was - place), network.name, was, place)
        for network, was, place in zip(networks, before, now, strict=True)
        if id(network) in among and was != place
    ]
    rows.sort(key=lambda row: (-row[0], row[3]))
    words = [f"{name} was {ordinal(was)} in the search and is {ordinal(place)} now" for _, name, was, place in rows]
    return ", ".join(words[:MOST_NAMED])


def _places(values: Sequence[float], maximize: bool) -> list[int]:
    """Each one's place from 1; equal values share the better place."""
    return [1 + sum(other > value if maximize else other < value for other in values) for value in values]


def ordinal(place: int) -> str:
    """`first`, ..., `tenth`, `11th`, `22nd`."""
    if place <= len(ORDINALS):
        return ORDINALS[place - 1]
    suffix = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{suffix}"


def _of(count: int, told: int) -> str:
    if told == 1:
        return "the one pair that can be told apart is"
    if count == told:
        return f"{'both' if told == 2 else f'all {told}'} pairs that can be told apart are"
    return f"of {told} pairs that can be told apart {count} {'is' if count == 1 else 'are'}"


def _differ(count: int) -> str:
    return "1 pair differs" if count == 1 else f"{count} pairs differ"


def _correlations(networks: Sequence[Pair]) -> tuple[float | None, float | None]:
    before, now = [network.before for network in networks], [network.now for network in networks]
    if len(set(before)) < 2 or len(set(now)) < 2:
        return None, None
    return float(spearmanr(before, now).statistic), float(kendalltau(before, now).statistic)
