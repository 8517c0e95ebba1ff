"""A decided network with a shape at every step, ready to be costed and built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from nas.arch.architecture import Architecture, Segment, arch_id_of
from nas.arch.shapes import MapShape, Shape, VectorShape
from nas.arch.values import Block, Fields
from nas.errors import InvalidArchitecture


@dataclass(frozen=True, slots=True)
class SharedUse:
    """That a step uses a shared part: its name, its parameters, and all that must be the same wherever it is used."""

    name: str
    params: int
    made_of: str


@dataclass(frozen=True, slots=True)
class Step:
    """One block in its place.

    `inputs` are the indices of the steps it reads (-1: the network's input); `inserted` marks an adapter nobody wrote;
    `shared` are the shared parts it uses.
    """

    block: Block
    in_shape: Shape
    out_shape: Shape
    inputs: tuple[int, ...] = (-1,)
    inserted: bool = False
    shared: tuple[SharedUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """The steps `start` to `stop` (exclusive) that one segment (stem, a stage, an exit, head) became.

    An `exit` is a side chain: what follows it goes on from what came before. `leave` is the share of images that are
    expected to leave there, where the file says so.
    """

    name: str
    start: int
    stop: int
    exit: bool = False
    leave: float | None = None


@dataclass(frozen=True)
class Plan:
    """The steps of a network in order of execution; the last one gives its output.

    `exits` are the last steps of its exits, which give outputs too.
    """

    name: str
    input: MapShape
    classes: int
    steps: tuple[Step, ...]
    spans: tuple[Span, ...]
    train: Fields = field(default_factory=Fields)
    exits: tuple[int, ...] = ()

    @cached_property
    def arch_id(self) -> str:
        exits = [(span.start, span.stop) for span in self.spans if span.exit] if self.exits else ()
        return arch_id_of(self.input, self.classes, (step.block for step in self.steps), exits)

    @cached_property
    def architecture(self) -> Architecture:
        """The same network without shapes, as it is stored."""
        segments = tuple(
            Segment(span.name, tuple(step.block for step in self.steps[span.start : span.stop]), span.exit, span.leave)
            for span in self.spans
        )
        return Architecture(self.name, self.input, self.classes, segments, self.train)

    def by_span(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Each segment's name with its steps."""
        for span in self.spans:
            yield span.name, self.steps[span.start : span.stop]


def check_end(shape: Shape, classes: int, name: str | None = None) -> None:
    """A network, and each of its exits, ends in logits. Raises `InvalidArchitecture`."""
    if shape != VectorShape(classes):
        what = "the network" if name is None else "an exit"
        raise InvalidArchitecture(
            f"{what} must end in one vector of {classes} classes, but got {shape}; add a classifier", path=name
        )


def check_shared_uses(steps: Iterable[Step]) -> None:
    """A shared part is one module, so it must be the same in all blocks. Raises `InvalidArchitecture`."""
    seen: dict[str, SharedUse] = {}
    for step in steps:
        for use in step.shared:
            first = seen.setdefault(use.name, use)
            if first != use:
                raise InvalidArchitecture(
                    f"a shared part must be the same wherever it is used, but is {first.made_of} and {use.made_of};"
                    " use it where the widths are the same, or write it as a var, which is copied",
                    path=f"shared.{use.name}",
                )
