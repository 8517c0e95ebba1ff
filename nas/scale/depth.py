"""Deeper and shallower: which blocks of a stage repeat, and the stage with more or fewer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nas.arch import Block, Catalogue, MapShape, Part, PyramidShape, Shape, SharedPart, Step, TokenShape, main_of
from nas.errors import InvalidArchitecture

Kind = tuple[object, ...]


@dataclass(frozen=True)
class Placed:
    """A block of the scaled network, and the step of the network it comes from.

    A `copy` stands behind a block of its own kind: it has no stride, and keeps the channels.
    """

    step: Step
    copy: bool = False

    @property
    def block(self) -> Block:
        """The block before its widths are scaled."""
        return replace(self.step.block, stride=1) if self.copy else self.step.block


@dataclass(frozen=True)
class Run:
    """The part of a stage, `start` to `stop`, that is one unit of `period` blocks again and again."""

    start: int
    stop: int
    period: int

    @property
    def count(self) -> int:
        return (self.stop - self.start) // self.period


@dataclass(frozen=True)
class Repeating:
    """What is known of a network's repetitions: kinds of blocks that can be repeated, and the units that are."""

    kinds: frozenset[Kind]
    units: frozenset[tuple[Kind, ...]]
    catalogue: Catalogue

    @classmethod
    def of(cls, stages: Sequence[Sequence[Step]], catalogue: Catalogue) -> Repeating:
        """Learnt from all stages: a kind can be repeated if it stands somewhere as a block that changes no grid."""
        kinds = frozenset(
            kind_of(step.block, step.in_shape)
            for stage in stages
            for step in stage
            if keeps(step, catalogue) and not has_layers(step.block, catalogue)
        )
        bare = cls(kinds, frozenset(), catalogue)
        units = set()
        for stage in stages:
            run = bare.run(stage)
            if run is not None and run.period > 1 and run.count > 1:
                units.add(_kinds(stage[run.start : run.start + run.period]))
        return cls(kinds, frozenset(units), catalogue)

    def run(self, stage: Sequence[Step]) -> Run | None:
        """The longest run of blocks that can be repeated, in units of one block where no longer unit is seen."""
        runs = _runs([self._repeats(step) for step in stage])
        found = max(runs, key=lambda each: (each[1] - each[0], each[0]), default=None)
        if found is None:
            return None
        start, stop = found
        kinds = _kinds(stage[start:stop])
        return Run(start, stop, self._period(kinds))

    def _repeats(self, step: Step) -> bool:
        """A block that changes the grid does it by its stride: without it, it could stand anywhere."""
        changes = step.block.stride == 1 and _grid(step.in_shape) != _grid(step.out_shape)
        known = kind_of(step.block, step.in_shape) in self.kinds
        return known and not changes and not has_layers(step.block, self.catalogue)

    def _period(self, kinds: tuple[Kind, ...]) -> int:
        length = len(kinds)
        for unit in self.units:
            if length % len(unit) == 0 and kinds == unit * (length // len(unit)):
                return len(unit)
        for period in range(2, length // 2 + 1):
            unit = kinds[:period]
            if length % period == 0 and len(set(unit)) > 1 and kinds == unit * (length // period):
                return period
        return 1


def with_depth(stage: Sequence[Step], counts: Sequence[tuple[Run, int]]) -> list[Placed]:
    """The stage with so many units in each of its runs: evenly spread copies of its units, or the units that are left.

    The first unit of a run stays first, for it may carry the stride and change the width.
    """
    found: list[Placed] = []
    done = 0
    for run, count in counts:
        found += [Placed(step) for step in stage[done : run.start]]
        last = -1
        for index in range(count):
            source = index * run.count // count
            first = run.start + source * run.period
            found += [Placed(step, copy=source == last) for step in stage[first : first + run.period]]
            last = source
        done = run.stop
    return found + [Placed(step) for step in stage[done:]]


def keeps(step: Step, catalogue: Catalogue) -> bool:
    """Whether a block leaves the grid as it is, and its channels too or adds to them as it does wherever it stands."""
    if _grid(step.in_shape) is None or _grid(step.in_shape) != _grid(step.out_shape):
        return False
    before, after = step.in_shape.channels, step.out_shape.channels
    return before == after or (before < after and computes(step, catalogue))


def computes(step: Step, catalogue: Catalogue) -> bool:
    """Whether the channels of a block follow from what arrives."""
    if catalogue.block(step.block.type).out == "fixed":
        return True
    try:
        (*_, last) = catalogue.place(replace(step.block, out=None), step.in_shape)
    except InvalidArchitecture:
        return False
    return step.out_shape.channels != step.in_shape.channels and last.out_shape == step.out_shape


def has_layers(block: Block, catalogue: Catalogue) -> bool:
    """Whether a block is several layers, counted in a field of its own."""
    return any(spec.scales == "depth" for spec in catalogue.block(block.type).fields.values())


def kind_of(block: Block, in_shape: Shape) -> Kind:
    """What tells the blocks of a unit apart: type, mixer with its partition and shift, depthwise or not."""
    fields = block.fields
    mixer = fields.get("mixer")
    part = mixer.part if isinstance(mixer, SharedPart) else mixer
    mixing: tuple[object, ...] = ()
    if isinstance(part, Part):
        mixing = (part.kind, part.fields.get("partition"), bool(part.fields.get("shift")))
    groups = fields.get("groups")
    return (block.type, mixing, groups != 1 and groups == in_shape.channels)


def _kinds(steps: Sequence[Step]) -> tuple[Kind, ...]:
    return tuple(kind_of(step.block, step.in_shape) for step in steps)


def _runs(repeats: Sequence[bool]) -> list[tuple[int, int]]:
    """Start and stop of each run of true values."""
    edges = [i for i, (a, b) in enumerate(zip([False, *repeats], [*repeats, False], strict=True)) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _grid(shape: Shape) -> object:
    """What a map, tokens or a pyramid have besides channels; None for vectors."""
    match main_of(shape):
        case MapShape(_, height, width):
            return height, width
        case TokenShape(count, _, grid, extra):
            return count, grid, extra
        case PyramidShape(maps):
            return tuple((each.height, each.width) for each in maps)
    return None
