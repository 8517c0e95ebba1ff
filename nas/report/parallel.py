"""Parallel coordinates as numbers: which axes to show, and where each network crosses them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.importance import ABSENT, importance, trained_candidates
from nas.report.standing import ranked
from nas.report.words import label, quantity
from nas.store.record import Record

DECISIONS = 7
MOST = 300
FAN = 0.035


@dataclass(frozen=True)
class Coordinate:
    """One axis: `places` are where the networks cross it, from 0 (bottom) to 1; `ticks` name places along it."""

    name: str
    title: str
    words: tuple[str, ...]
    places: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Coordinates:
    """The networks, best first, and the axes from decisions over costs to the first objective."""

    networks: tuple[Record, ...]
    axes: tuple[Coordinate, ...]
    decisions: int
    trained: int


def coordinates(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Coordinates:
    """The decisions that matter most, then costs, other objectives and the first objective.

    At most `DECISIONS` decisions, and of more than `MOST` networks an even selection from best to worst.
    """
    aims = read_aims(study)
    done = ranked(trained_candidates(records, aims), aims)
    shares = importance(done, aims)
    chosen = [name for name, share in shares.items() if share > 0][:DECISIONS]
    kept = done if len(done) <= MOST else [done[round(i * (len(done) - 1) / (MOST - 1))] for i in range(MOST)]
    titles = short_names(chosen)
    axes = [_labels(name, titles[name], kept) for name in chosen]
    numbers = ["params", "macs", "latency_ms", *(o.name for o in reversed(aims.objectives))]
    last_of_each = [name for i, name in enumerate(numbers) if name not in numbers[i + 1 :]]
    axes += [found for name in last_of_each if (found := _numbers(name, kept, aims)) is not None]
    return Coordinates(tuple(kept), tuple(axes), len(shares), len(done))


def short_names(names: Sequence[str]) -> dict[str, str]:
    """`s1.0.block.mbconv.kernel` as `s1.0 kernel`, in full where two would look alike."""
    short = {}
    for name in names:
        head, *rest = name.split(".")
        index = f".{rest[0]}" if len(rest) > 1 and rest[0].isdigit() else ""
        short[name] = f"{head}{index} {rest[-1]}" if rest else head
    counts = list(short.values())
    return {name: text if counts.count(text) == 1 else name for name, text in short.items()}


def _labels(name: str, title: str, kept: Sequence[Record]) -> Coordinate:
    """Evenly spaced labels, numbers by size, words by name, absent ones lowest; lines on one label fan out a little."""
    values = [r.decisions.get(name) for r in kept]
    present = {v for v in values if v is not None}
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)
    order: list[Any] = sorted(present) if numeric else sorted(present, key=str)
    if None in values:
        order = [None, *order]
    height = {v: (i + 0.5) / len(order) for i, v in enumerate(order)}
    fan = min(FAN, 0.3 / len(order))
    middle = max(len(kept) - 1, 1) / 2
    places = [height[v] - fan * (i - middle) / middle for i, v in enumerate(values)]
    ticks = [(height[v], _word(v)) for v in order]
    return Coordinate(name, title, tuple(map(_word, values)), tuple(places), tuple(ticks))


def _numbers(name: str, kept: Sequence[Record], aims: Aims) -> Coordinate | None:
    objective = next((o for o in aims.objectives if o.name == name), None)
    values = [objective.value(r) if objective else r.values.get(name) for r in kept]
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return None
    low, high = min(known), max(known)
    log = low > 0 and high / low > 10

    def place(value: float) -> float:
        if high == low:
            return 0.5
        return math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)

    middle = math.sqrt(low * high) if log else (low + high) / 2
    ends = [low, middle, high] if high > low else [low]
    places = [place(v) if v is not None and math.isfinite(v) else math.nan for v in values]
    words = tuple(quantity(name, v) for v in values)
    return Coordinate(name, label(name), words, tuple(places), tuple((place(v), quantity(name, v)) for v in ends))


def _word(value: Any) -> str:
    if value is None:
        return ABSENT
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
