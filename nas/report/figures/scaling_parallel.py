"""Parallel coordinates of a grid: which triples the accurate networks have, and what these cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.parallel_lines import parallel_lines
from nas.report.figures.scaling_parts import nothing, scaled_card
from nas.report.parallel import FAN, Coordinate
from nas.report.scaling_rows import TRIPLE, Scaled, scaled_networks
from nas.report.theme import LIGHT, Theme
from nas.report.words import join, label, plain_bound, plural, quantity, significant

HEIGHT = 420
MOST_TICKS = 9
COSTS = ("macs", "params")
_MEANINGS = {"alpha": "depth", "beta": "width", "gamma": "resolution"}


def scaling_parallel(rows: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> go.Figure:
    """One line a network of the grid, coloured by the fifth of the accuracy that it falls in."""
    found = sorted(scaled_networks(rows, *TRIPLE, "accuracy"), key=lambda n: -n.values["accuracy"])
    if not found:
        return nothing(theme, "No network of a grid was trained, so there are no triples to compare.")
    axes = [_choice(name, found) for name in TRIPLE]
    axes += [_amount(name, found) for name in (*COSTS, "accuracy") if any(name in n.values for n in found)]
    cards = [scaled_card(network) for network in found]
    return parallel_lines(
        theme,
        HEIGHT,
        _summary(found),
        axes,
        [network.name for network in found],
        lambda i, axis: cards[i],
        least_width=92 * len(axes),
    )


def _summary(found: Sequence[Scaled]) -> str:
    drawn = f"{plural(len(found), 'network')} of the grid: alpha (depth), beta (width) and gamma (resolution)"
    highest = found[: len(found) // len(LIGHT.scale)]
    if not highest:
        return f"{drawn}, then costs and accuracy."
    parts = []
    for name in TRIPLE:
        low, high = (plain_bound(significant(end(n.values[name] for n in highest), 4)) for end in (min, max))
        parts.append(f"{name} {low} to {high}" if low != high else f"{name} {low}")
    return f"{drawn}, then costs and accuracy. The most accurate fifth has {join(parts)}."


def _choice(name: str, found: Sequence[Scaled]) -> Coordinate:
    """A factor that the grid steps through, evenly spaced; lines on one value fan out a little, the best highest."""
    values = [round(n.values[name], 6) for n in found]
    order = sorted(set(values))
    fan = min(FAN, 0.3 / len(order))
    middle = max(len(found) - 1, 1) / 2
    places = [(order.index(v) + 0.5) / len(order) - fan * (i - middle) / middle for i, v in enumerate(values)]
    texts = [plain_bound(significant(v, 4)) for v in values]
    every = math.ceil(len(order) / MOST_TICKS)
    ticks = [((i + 0.5) / len(order), plain_bound(significant(v, 4))) for i, v in enumerate(order) if i % every == 0]
    return Coordinate(name, f"{name} ({_MEANINGS[name]})", tuple(texts), tuple(places), tuple(ticks))


def _amount(name: str, found: Sequence[Scaled]) -> Coordinate:
    """A number from its lowest to its highest value."""
    values = [n.values.get(name, math.nan) for n in found]
    known = [v for v in values if not math.isnan(v)]
    low, high = min(known), max(known)

    def place(value: float) -> float:
        return 0.5 if high == low else (value - low) / (high - low)

    ends = [low, (low + high) / 2, high] if high > low else [low]
    words = tuple(quantity(name, v) for v in values)
    return Coordinate(
        name, label(name), words, tuple(map(place, values)), tuple((place(v), quantity(name, v)) for v in ends)
    )
