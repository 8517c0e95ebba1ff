"""A network drawn: its blocks from the image to the classes, and under each stage its share of every cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nas.report.figures.hover import safe
from nas.report.figures.scaling_parts import nothing
from nas.report.stages import COSTS, Stage, block_words, resolution, stages_of
from nas.report.theme import LIGHT, Theme, layout, note
from nas.report.words import amount, join, label, opening, plural, quantity, short

COLUMN = 104  # least width of a stage in pixels
WIDE = 1080  # of the figure on a wide screen
CHARACTER = 6.4  # mean width of a letter of 11 px
CHAIN = 116  # height of the drawn blocks in pixels
LINE = 15  # height of a line of words
ROW = 58  # height of the shares of one cost
MOST_LINES = 4
LETTERS = (16, 26)  # of a line of words, at least and at most
FILLED = 0.86  # of a column by its blocks
LOWEST = 0.1  # height of a block of one pixel, of the chain's


def stages_figure(stages: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> go.Figure:
    """A column a stage. Above its blocks, as high as the logarithm of their resolution, below shares of the costs.

    `stages` are rows of blocks (`nas.study.stages.stage_rows`). The figure's meta has `least_width` in pixels.
    """
    found = stages_of(stages)
    if not found:
        return nothing(theme, "The blocks of this network are not known.")
    letters = min(max(int(WIDE / len(found) / CHARACTER), LETTERS[0]), LETTERS[1])
    words = [_lines(stage, letters) for stage in found]
    lines = max(map(len, words))
    words_height = LINE * lines + 10
    inner = CHAIN + words_height + ROW * len(COSTS)
    figure = go.Figure(
        layout=layout(
            theme,
            inner + 54,
            _summary(found),
            barmode="overlay",
            bargap=0,
            showlegend=_mixed(found),
            xaxis={"range": [-0.52, len(found) - 0.48], "visible": False, "fixedrange": True, "anchor": "y"},
            margin={"l": 8, "r": 8, "t": 40, "b": 14},
            legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}},
        )
    )
    longest = max(len(line) for each in words for line in each)
    figure.layout.meta["least_width"] = round(max(COLUMN, CHARACTER * longest + 6)) * len(found) + 16
    bottom = 1 - CHAIN / inner
    figure.update_layout(yaxis=_hidden([bottom, 1], [-0.52, 0.52]))
    for trace in _chain(found, theme):
        figure.add_trace(trace)
    notes = [_stage_words(i, each, bottom, theme) for i, each in enumerate(words)]
    for row, name in enumerate(COSTS):
        top = 1 - (CHAIN + words_height + ROW * row) / inner
        low = top - ROW / inner
        figure.update_layout({f"yaxis{row + 2}": _hidden([low + 4 / inner, top - 22 / inner], [0, 1.5])})
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "top"}
        known = all(name in stage.shares for stage in found)
        missing = ": not measured" if name == "latency_ms" else ": none"
        title = opening(label(name)) + ("" if known else missing)
        notes.append(note(theme, title, **place, font={"size": 12, "color": theme.muted}))
        if known:
            figure.add_trace(_shares(name, found, f"y{row + 2}", theme))
    figure.update_layout(annotations=notes)
    return figure


def _hidden(domain: Sequence[float], along: Sequence[float]) -> dict[str, Any]:
    return {"domain": list(domain), "range": list(along), "visible": False, "fixedrange": True}


def _attends(block: Mapping[str, Any]) -> bool:
    return bool(block.get("attention") or block.get("mixer"))


def _mixed(found: Sequence[Stage]) -> bool:
    return any(_attends(block) for stage in found for block in stage.blocks)


def _chain(found: Sequence[Stage], theme: Theme) -> list[go.Bar]:
    """The blocks side by side in their stages; those with attention or a mixer have a pattern."""
    most = math.log2(1 + max(resolution(block) for stage in found for block in stage.blocks))
    groups: dict[bool, dict[str, list[Any]]] = {}
    for column, stage in enumerate(found):
        step = FILLED / len(stage.blocks)
        for i, block in enumerate(stage.blocks):
            height = max(LOWEST, math.log2(1 + resolution(block)) / most) if most else LOWEST
            into = groups.setdefault(_attends(block), {"x": [], "y": [], "base": [], "width": [], "hovertext": []})
            into["x"].append(column - FILLED / 2 + step * (i + 0.5))
            into["y"].append(height)
            into["base"].append(-height / 2)
            into["width"].append(step * (0.9 if len(stage.blocks) > 1 else 1))
            into["hovertext"].append(_block_card(stage, i, block))
    return [_blocks(attends, bars, theme) for attends, bars in sorted(groups.items())]


def _blocks(attends: bool, bars: Mapping[str, list[Any]], theme: Theme) -> go.Bar:
    name, colour = ("with attention or a mixer", theme.final) if attends else ("other blocks", theme.scale_4)
    pattern = {"shape": "/", "size": 6, "solidity": 0.22, "fgcolor": theme.paper, "bgcolor": colour}
    marker = {"color": colour, "line": {"width": 0}, **({"pattern": pattern} if attends else {})}
    return go.Bar(name=name, marker=marker, hoverinfo="text", **bars)


def _stage_words(column: int, lines: Sequence[str], bottom: float, theme: Theme) -> Mapping[str, Any]:
    place = {"x": column, "xanchor": "center", "yref": "paper", "y": bottom, "yanchor": "top", "align": "center"}
    name, *rest = map(safe, lines)
    text = "<br>".join([f"<b>{name}</b>", *rest])
    return note(theme, text, **place, yshift=-4, font={"size": 11, "color": theme.ink})


def _lines(stage: Stage, letters: int) -> list[str]:
    """Name and blocks of a stage and what it hands on, each cut to so many letters."""
    words = [short(text, letters) for text in stage.words]
    kept = words if len(words) <= MOST_LINES else [*words[: MOST_LINES - 1], f"and {len(words) - MOST_LINES + 1} more"]
    return [short(stage.name, letters), *kept, short(stage.output, letters)]


def _shares(name: str, found: Sequence[Stage], y_axis: str, theme: Theme) -> go.Bar:
    shares = [stage.shares[name] for stage in found]
    most = max(shares) or 1.0
    return go.Bar(
        x=list(range(len(found))),
        y=[share / most for share in shares],
        width=[FILLED] * len(found),
        yaxis=y_axis,
        text=[_percent(share) for share in shares],
        textposition="outside",
        textfont={"size": 11.5, "color": theme.ink},
        cliponaxis=False,
        hovertext=[_share_card(stage, name) for stage in found],
        hoverinfo="text",
        marker={"color": theme.accent if name == "latency_ms" else theme.line, "line": {"width": 0}},
        showlegend=False,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.0095 or share == 0 else "&lt;1%"


def _share_card(stage: Stage, name: str) -> str:
    text = f"{amount(name, stage.costs[name])}, {100 * stage.shares[name]:.1f}% of the network"
    return f"<b>{safe(stage.name)}</b><br>{safe(text)}"


def _block_card(stage: Stage, index: int, block: Mapping[str, Any]) -> str:
    which = f" {index + 1} of {len(stage.blocks)}" if len(stage.blocks) > 1 else ""
    lines = [
        f"<b>{safe(stage.name)}</b>{which}: {safe(block_words(block))}",
        f"output {safe(str(block.get('output')))}",
    ]
    lines += [amount(name, block[name]) for name in COSTS[:3] if block.get(name) is not None]
    ms = block.get("ms")
    lines += [f"alone {quantity('latency_ms', ms)}"] if ms is not None else []
    return "<br>".join(lines)


def _summary(found: Sequence[Stage]) -> str:
    blocks = sum(len(stage.blocks) for stage in found)
    parts = []
    for name in ("macs", "params", "latency_ms"):
        known = [stage for stage in found if name in stage.shares]
        if known:
            leader = max(known, key=lambda stage: stage.shares[name])
            parts.append(f"{label(name)} {leader.name} ({_plain(leader.shares[name])})")
    most = f"; most of the {join(parts)}" if parts else ""
    measured = "" if all("latency_ms" in stage.shares for stage in found) else " Latency by stage was not measured."
    tall = " Blocks are as high as the logarithm of the resolution that they hand on."
    return f"{plural(blocks, 'block')} in {plural(len(found), 'stage')}{most}.{measured}{tall}"


def _plain(share: float) -> str:
    return f"{100 * share:.0f}%"
