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
    """A named run of blocks: stem, a stage, or head."""

    name: str
    blocks: tuple[Block, ...]


def arch_id_of(input: MapShape, classes: int, blocks: Iterable[Block]) -> str:
    """Sixteen hex digits that name a network by its input, classes and flat list of blocks, whatever was decided."""
    text = f"{FORMAT}|{input}|{classes}|" + "|".join(block.canonical for block in blocks)
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
        return arch_id_of(self.input, self.classes, (block for segment in self.segments for block in segment.blocks))

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "arch_id": self.arch_id,
            "name": self.name,
            "input": [self.input.channels, self.input.height, self.input.width],
            "classes": self.classes,
            "segments": [{"name": s.name, "blocks": [b.to_json() for b in s.blocks]} for s in self.segments],
            "train": value_to_json(self.train),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Raises `ValueError` when the format is unknown or the stored `arch_id` does not fit the blocks."""
        if data["format"] != FORMAT:
            raise ValueError(f"architecture format must be {FORMAT}, but got {data['format']}")
        segments = tuple(Segment(s["name"], tuple(Block.from_json(b) for b in s["blocks"])) for s in data["segments"])
        train = value_from_json(data["train"])
        architecture = cls(data["name"], MapShape(*data["input"]), data["classes"], segments, train)  # type: ignore[arg-type]
        if data["arch_id"] != architecture.arch_id:
            raise ValueError(
                f"arch_id must be {architecture.arch_id} for these blocks, but the file says {data['arch_id']}"
            )
        return architecture
