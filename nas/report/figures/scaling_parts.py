"""What the figures of scaling share: hover text, axes, error bars, labels at ends, words where nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.scaling_rows import Scaled, method_title
from nas.report.theme import Theme, axis, layout, note
from nas.report.ticks import ticks
from nas.report.words import axis_label, bare, interval, label, plain_bound, plural, quantity, significant

INSIDE = (1012.0, 360.0)  # width and height of a plot in pixels on a wide screen, by which words are placed
CHARACTER = 6.8  # mean width of a letter of 12 px
FEWEST_TICKS = 3


@dataclass(frozen=True)
class Span:
    """The ends of an axis; `high` leaves room for words on its right where it was asked for."""

    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, value: float) -> float:
        """A value as plotly's annotations and ranges want it."""
        return math.log10(value) if self.log else value


def nothing(theme: Theme, words: str) -> go.Figure:
    """A figure without data that says why."""
    empty = layout(theme, 160, words, annotations=[note(theme, safe(words), x=0.5, y=0.5, xref="paper", yref="paper")])
    return go.Figure(layout=empty | {"xaxis": {"visible": False}, "yaxis": {"visible": False}})


def scaled_card(network: Scaled) -> str:
    """Name, method, factors, then accuracy and costs with their intervals; `<br>` between lines, the rest escaped."""
    title = method_title(network.method)
    lines = [f"<b>{safe(network.name)}</b>" + (f"  {safe(title)}" if title != network.name else "")]
    factors = [f"{name} {factor_text(network.values[name])}" for name in _FACTORS if name in network.values]
    pixels = f" ({network.values['side']:g} px)" if "side" in network.values else ""
    lines += [", ".join(factors) + pixels] if factors else []
    for name in ("accuracy", "macs", "params", "activations", "latency_ms"):
        if name in network.values:
            text = f"{label(name)} {quantity(name, network.values[name])} {interval(name, network.bounds.get(name))}"
            seeds = f", {plural(len(network.accuracies), 'seed')}" if name == "accuracy" and network.accuracies else ""
            lines.append(safe(text.rstrip() + seeds))
    return "<br>".join(lines)


_FACTORS = ("depth", "width", "resolution")


def factor_text(factor: float) -> str:
    """A factor to three digits without trailing zeros, with the sign of multiplication before it."""
    return f"\N{MULTIPLICATION SIGN}{plain_bound(significant(factor))}"


def span(values: Sequence[float], *, log: bool = False, share: bool = False, right: float = 0.06) -> Span:
    """Ends with some room around the values; a share ends at 100%. `right` is the part of the length left free."""
    low, high = min(values), max(values)
    if log:
        length = math.log(high / low) or 1.0
        return Span(low * math.exp(-0.06 * length), high * math.exp(right * length), True)
    length = high - low or 0.05 * abs(high) or 1.0
    high += right * length
    return Span(low - 0.06 * length, min(high, 1.004) if share else high, False)


def spanned_axis(theme: Theme, name: str, along: Span, *, title: str = "", **rest: Any) -> dict[str, Any]:
    """An axis over a span, with round numbers along it and the name of the value unless there is a `title`."""
    found = axis(theme, title or axis_label(name), range=[along.at(along.low), along.at(along.high)])
    if along.log:
        values = ticks(along.low, along.high, log=True)
        if len(values) < FEWEST_TICKS:
            values = ticks(along.low, along.high, 6)
        texts = [plain_bound(bare(name, value)) for value in values]
        found |= {"type": "log", "tickmode": "array", "tickvals": values, "ticktext": texts}
    return found | rest


def accuracy_axis(theme: Theme, along: Span, **rest: Any) -> dict[str, Any]:
    """An axis of shares in percent."""
    return axis(theme, label("accuracy"), range=[along.low, along.high], tickformat=".1~%", **rest)


def ends_of(networks: Sequence[Scaled], name: str) -> list[float]:
    """All values of a name and the ends of their intervals."""
    found = [network.values[name] for network in networks]
    return found + [end for network in networks for end in network.bounds.get(name, ())]


def error_bars(
    values: Sequence[float], bounds: Sequence[tuple[float, float] | None], colour: str
) -> dict[str, Any] | None:
    """Intervals as error bars of a trace; None where no value has one."""
    if not any(bounds):
        return None
    pairs = [(value, ends or (value, value)) for value, ends in zip(values, bounds, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - value) for value, (_, high) in pairs],
        "arrayminus": [max(0.0, value - low) for value, (low, _) in pairs],
        "color": colour,
        "thickness": 1,
        "width": 0,
    }
