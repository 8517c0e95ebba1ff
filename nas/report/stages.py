"""A network's stages as the report shows them: what stands in each, and its share of every cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any

# The costs by stage, in the order in which they are shown, by the names of values.
COSTS = ("macs", "params", "activations", "latency_ms")
_KEYS = {"latency_ms": "ms"}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """One stage: its blocks, in words too, what it hands on, and its costs.

    `costs` has no latency where a block of the stage was not measured; `shares` are of the whole network's sum, and
    have none where any stage was not measured.
    """

    name: str
    blocks: tuple[Row, ...]
    words: tuple[str, ...]
    output: str
    costs: Mapping[str, float]
    shares: Mapping[str, float]


def stages_of(rows: Sequence[Row]) -> list[Stage]:
    """The stages of a network from its blocks (`nas.study.stages.stage_rows`), in order."""
    groups = [(name, tuple(blocks)) for name, blocks in groupby(rows, key=lambda row: str(row.get("stage", "")))]
    costs = [{name: total for name in COSTS if (total := _total(blocks, name)) is not None} for _, blocks in groups]
    sums = {name: sum(each[name] for each in costs) for name in COSTS if all(name in each for each in costs)}
    return [
        Stage(
            name,
            blocks,
            tuple(_words(blocks)),
            str(blocks[-1].get("output", "")),
            cost,
            {key: cost[key] / total for key, total in sums.items() if total > 0},
        )
        for (name, blocks), cost in zip(groups, costs, strict=True)
    ]


def block_words(block: Row) -> str:
    """A block with what is plugged into it: `mbconv + se`, `transformer + window`."""
    parts = [str(part) for part in (block.get("attention"), block.get("mixer")) if part]
    return " + ".join([str(block.get("block", "?")), *parts])


def resolution(block: Row) -> float:
    """The pixels along one side of what a block hands on, as a square would have them; of a pyramid its finest map."""
    sizes = block.get("out_shape") or [1]
    first = sizes[0] if isinstance(sizes[0], list) else sizes
    if len(first) == 3:
        return float(prod(first[1:]) ** 0.5)
    return float(first[0] ** 0.5) if len(first) == 2 else 1.0


def _total(blocks: Sequence[Row], name: str) -> float | None:
    values = [block.get(_KEYS.get(name, name)) for block in blocks]
    return sum(v for v in values if v is not None) if None not in values else None


def _words(blocks: Sequence[Row]) -> list[str]:
    """One for each run of like blocks, with how many there are."""
    runs = [(words, len(list(run))) for words, run in groupby(blocks, key=block_words)]
    return [words if count == 1 else f"{words} \N{MULTIPLICATION SIGN}{count}" for words, count in runs]
