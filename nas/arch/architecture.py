"""A decided network as a value: canonical, hashable, and stored as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nas.arch.shapes import MapShape
from nas.arch.values import Block, Fields, value_from_json, value_to_json

FORMAT = 1


@dataclass(frozen=True)
class Segment:
    """A named run of blocks: stem, a stage, an exit, or head; `exit` and `leave` as in `Span`."""

    name: str
    blocks: tuple[Block, ...]
    exit: bool = False
    leave: float | None = None

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"name": self.name, "blocks": [block.to_json() for block in self.blocks]}
        if self.exit:
            data |= {"exit": True, "leave": self.leave}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Segment:
        blocks = tuple(Block.from_json(block) for block in data["blocks"])
        return cls(data["name"], blocks, data.get("exit", False), data.get("leave"))


def arch_id_of(input: MapShape, classes: int, blocks: Iterable[Block], exits: Iterable[tuple[int, int]] = ()) -> str:
    """Sixteen hex digits that name a network by its input, classes and flat list of blocks, whatever was decided.

    `exits` are the runs of blocks, start and stop, that are side chains.
    """
    text = f"{FORMAT}|{input}|{classes}|" + "|".join(block.canonical for block in blocks)
    text += "".join(f"|exit {start} {stop}" for start, stop in exits)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Architecture:
    """A network with no choice left. `train` (dropout, drop path, ...) is carried along, never part of `arch_id`."""

    name: str
    input: MapShape
    classes: int
    segments: tuple[Segment, ...]
    train: Fields = field(default_factory=Fields)

    @cached_property
    def arch_id(self) -> str:
        exits, start = [], 0
        for segment in self.segments:
            stop = start + len(segment.blocks)
            if segment.exit and segment.blocks:
                exits.append((start, stop))
            start = stop
        blocks = (block for segment in self.segments for block in segment.blocks)
        return arch_id_of(self.input, self.classes, blocks, exits)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "arch_id": self.arch_id,
            "name": self.name,
            "input": [self.input.channels, self.input.height, self.input.width],
            "classes": self.classes,
            "segments": [segment.to_json() for segment in self.segments],
            "train": value_to_json(self.train),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Raises `ValueError` when the format is unknown or the stored `arch_id` does not fit the blocks."""
        if data["format"] != FORMAT:
            raise ValueError(f"architecture format must be {FORMAT}, but got {data['format']}")
        segments = tuple(map(Segment.from_json, data["segments"]))
        train = value_from_json(data["train"])
        architecture = cls(data["name"], MapShape(*data["input"]), data["classes"], segments, train)  # type: ignore[arg-type]
        if data["arch_id"] != architecture.arch_id:
            raise ValueError(
                f"arch_id must be {architecture.arch_id} for these blocks, but the file says {data['arch_id']}"
            )
        return architecture
