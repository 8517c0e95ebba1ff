"""A decided network with a shape at every step, ready to be costed and built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from nas.arch.architecture import Architecture, Segment, arch_id_of
from nas.arch.shapes import MapShape, Shape
from nas.arch.values import Block, Fields


@dataclass(frozen=True, slots=True)
class Step:
    """One block in its place.

    `inputs` are the indices of the steps it reads (-1: the network's input); `inserted` marks an adapter nobody wrote.
    """

    block: Block
    in_shape: Shape
    out_shape: Shape
    inputs: tuple[int, ...] = (-1,)
    inserted: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The steps `start` to `stop` (exclusive) that one segment (stem, a stage, head) became."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """The steps of a network in order of execution; the last one gives its output, `exits` name earlier outputs."""

    name: str
    input: MapShape
    classes: int
    steps: tuple[Step, ...]
    spans: tuple[Span, ...]
    train: Fields = field(default_factory=Fields)
    exits: tuple[int, ...] = ()

    @cached_property
    def arch_id(self) -> str:
        return arch_id_of(self.input, self.classes, (step.block for step in self.steps))

    @cached_property
    def architecture(self) -> Architecture:
        """The same network without shapes, as it is stored."""
        segments = tuple(
            Segment(span.name, tuple(step.block for step in self.steps[span.start : span.stop])) for span in self.spans
        )
        return Architecture(self.name, self.input, self.classes, segments, self.train)

    def by_span(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Each segment's name with its steps."""
        for span in self.spans:
            yield span.name, self.steps[span.start : span.stop]
