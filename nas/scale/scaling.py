"""A deeper, wider, finer network from a network: architecture to architecture, whatever blocks it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from nas.arch import Architecture, Block, Catalogue, Fields, Plan, Segment, Shape, Span, Step
from nas.build import lower
from nas.errors import InvalidArchitecture
from nas.scale.depth import Placed, Repeating, Run, has_layers, with_depth
from nas.scale.factors import Factors
from nas.scale.line import Line
from nas.scale.resolution import sides, with_windows
from nas.scale.rounding import USUAL, Rounding, rounding
from nas.scale.width import Widths

OUTSIDE = ("stem", "head")  # segments whose depth stays
FARTHEST = 0.1  # a network whose stages are farther off was not made along a line
TRIED = 12  # sides around the wanted one
MOST_LAYERS, MOST_PIXELS = 1_000, 100_000  # of a stage, of a side: as many as the language takes


def scale(
    plan: Plan,
    factors: Factors,
    catalogue: Catalogue,
    *,
    rules: str = USUAL,
    side: int | None = None,
) -> Plan:
    """The network with its depth, width and resolution multiplied, every number rounded by the `rules` of a name.

    Depth: the blocks of a stage that repeat are repeated more often. Width: all channels but those of the input and of
    the classes; heads keep their width, groups theirs times `group_width`. Resolution: windows grow along, tables of
    positions with the grid; a `side` in pixels replaces what the factor gives. A factor of one changes nothing.

    Raises `InvalidArchitecture` where less than one channel, layer or pixel would be left, and where the network cannot
    be built; for a `side` that does not fit with the nearest that do.
    """
    scaling = _Scaling(plan, factors, rounding(rules), catalogue)
    return scaling.sized(scaling.deepened(), side)


def scale_along_line(plan: Plan, factors: Factors, catalogue: Catalogue, *, rules: str = USUAL) -> Plan:
    """As `scale`, but blocks and widths of the stages follow RegNet's quantised line (`nas.scale.line`).

    The line is fitted to the network's own stages first. Raises `InvalidArchitecture` where they do not get wider, and
    what `scale` does.
    """
    if factors == Factors():
        return plan
    scaling = _Scaling(plan, factors, rounding(rules), catalogue)
    placed, wanted = scaling.along_line()
    return scaling.sized(placed, None, wanted)


@dataclass(frozen=True)
class _Scaling:
    plan: Plan
    factors: Factors
    rounding: Rounding
    catalogue: Catalogue

    def sized(
        self, placed: Sequence[Sequence[Placed]], side: int | None, wanted: Mapping[int, float] | None = None
    ) -> Plan:
        """The network of these blocks at the side, or at one near what the factor gives.

        `wanted` are widths by the old ones, where not the factor gives them.
        """
        own = self.plan.input.height
        if side is None and self.factors.resolution == 1:
            side = own
        if side is not None:
            try:
                return self._at(side, placed, wanted)
            except InvalidArchitecture as error:
                raise self._with_nearest(error, side, placed, wanted) from error
        pixels = own * self.factors.resolution
        if pixels < 1:
            raise InvalidArchitecture(
                f"a side must stay at least one pixel, but {own} times {self.factors.resolution:g} is {pixels:.3g}"
            )
        if pixels > MOST_PIXELS:
            raise InvalidArchitecture(
                f"a side must have at most {MOST_PIXELS:,} pixels, but {own} times {self.factors.resolution:g} is "
                f"{pixels:.3g}; scale less"
            )
        first: InvalidArchitecture | None = None
        for each in islice(self._sides(pixels), TRIED):
            try:
                return self._at(each, placed, wanted)
            except InvalidArchitecture as error:
                first = first or error
        assert first is not None
        raise first

    def _sides(self, wanted: float) -> Iterator[int]:
        return sides(self.plan, wanted, self.rounding.side(wanted), self.catalogue)

    def _with_nearest(
        self,
        error: InvalidArchitecture,
        side: int,
        placed: Sequence[Sequence[Placed]],
        wanted: Mapping[int, float] | None,
    ) -> InvalidArchitecture:
        """The error with the nearest sides that fit, if the side is at fault."""
        fitting = []
        for each in islice(self._sides(side), TRIED):
            try:
                self._at(each, placed, wanted)
            except InvalidArchitecture:
                continue
            fitting.append(each)
        if not fitting or side in fitting:
            return error
        told = " and ".join(map(str, sorted(fitting[:2])))
        return InvalidArchitecture(
            f"{side} pixels do not suit {self.plan.name}, the nearest that fit are {told}: {error.reason}",
            path=error.path,
        )

    def along_line(self) -> tuple[list[list[Placed]], dict[int, float]]:
        """The blocks of every segment, and the width before rounding for each old one, along the line."""
        groups: list[tuple[Span, Run, int]] = []
        for span, steps, run in self._runs():
            if run is not None:
                outs = [step.out_shape.channels for step in steps[run.start : run.stop]]
                edges = [0, *(i for i in range(1, len(outs)) if outs[i] != outs[i - 1]), len(outs)]
                groups += [
                    (span, Run(run.start + start, run.start + stop, 1), outs[start]) for start, stop in pairwise(edges)
                ]
        old = [width for _, _, width in groups]
        if len(old) < 2 or any(a >= b for a, b in pairwise(old)):
            raise InvalidArchitecture(
                f"the quantised line needs two or more stages of repeated blocks, each wider than the one before, but "
                f"{self.plan.name} has {', '.join(map(str, old)) or 'none'}; take another method"
            )
        fitted = Line.fitted(old, [run.count for _, run, _ in groups])
        if fitted.off > FARTHEST:
            raise InvalidArchitecture(
                f"the quantised line must be near the stages of the network, but those of {self.plan.name} are off by "
                f"{fitted.off:.0%} (at most {FARTHEST:.0%}); take another method"
            )
        line = fitted.scaled(self.factors.depth, self.factors.width)
        depth = max(len(groups), self._count(sum(run.count for _, run, _ in groups)))
        stages = line.stages(depth, len(groups))
        wanted = {width: new for width, (new, _) in zip(old, stages, strict=True)}
        counts = [(span, run, count) for (span, run, _), (_, count) in zip(groups, stages, strict=True)]
        return [
            with_depth(steps, [(run, count) for owner, run, count in counts if owner is span])
            for span, steps, _ in self._runs()
        ], wanted

    def _runs(self) -> list[tuple[Span, list[Step], Run | None]]:
        """Every segment with its steps, and of each stage the run of blocks that repeats."""
        segments = [(span, _own(self.plan, span)) for span in self.plan.spans]
        repeating = Repeating.of([steps for span, steps in segments if _is_stage(span)], self.catalogue)
        return [(span, steps, repeating.run(steps) if _is_stage(span) else None) for span, steps in segments]

    def deepened(self) -> list[list[Placed]]:
        """The blocks of every segment, with as many units of each stage as wanted."""
        found, deepest = [], 0
        for span, steps, run in self._runs():
            layers = run.count if run else 0
            deepest = max(deepest, layers, *(self._layers(step.block) for step in steps), 0)
            count = layers if span.name in self.factors.fixed_depth else self._count(layers)
            found.append(with_depth(steps, [(run, count)] if run else []))
        if self.factors.depth != 1 and not deepest:
            raise InvalidArchitecture(
                f"{self.plan.name} has no block that could be repeated, for none keeps its shape; scale its width or"
                " resolution"
            )
        if self.factors.depth < 1 and deepest * self.factors.depth < 0.5:
            raise InvalidArchitecture(
                f"a stage must keep at least one layer, but the deepest has {deepest}, and {deepest} times "
                f"{self.factors.depth:g} is {deepest * self.factors.depth:.3g}; scale less"
            )
        return found

    def _count(self, layers: int) -> int:
        if self.factors.depth == 1:
            return layers
        wanted = layers * self.factors.depth
        if wanted > MOST_LAYERS:
            raise InvalidArchitecture(
                f"a stage must have at most {MOST_LAYERS:,} layers, but {layers} times {self.factors.depth:g} is "
                f"{wanted:.3g}; scale less"
            )
        return max(1, self.rounding.depth(wanted))

    def _layers(self, block: Block) -> int:
        """How many layers are inside a block that counts them."""
        return max((value for _, value in self._counted(block)), default=0)

    def _counted(self, block: Block) -> list[tuple[str, int]]:
        specs = self.catalogue.block(block.type).fields
        return [
            (name, value)
            for name, value in block.fields.items()
            if name in specs and specs[name].scales == "depth" and isinstance(value, int)
        ]

    def _at(self, side: int, placed: Sequence[Sequence[Placed]], wanted: Mapping[int, float] | None) -> Plan:
        """The plan at a side; where heads do not fit their mixer, with even numbers of heads where they were even."""
        parts = (self.plan.steps, self.factors, self.rounding, self.catalogue, wanted)
        try:
            return self._lowered(side, placed, Widths.of(*parts))
        except InvalidArchitecture as error:
            if not (error.path or "").endswith(".heads"):
                raise
            return self._lowered(side, placed, Widths.of(*parts, even=True))

    def _lowered(self, side: int, placed: Sequence[Sequence[Placed]], widths: Widths) -> Plan:
        """The plan at a side: every block scaled behind the shape that really arrives."""
        plan = self.plan
        grown = side / plan.input.height
        size = replace(plan.input, height=side, width=max(1, round(plan.input.width * grown)))
        shape: Shape = size
        segments: list[Segment] = []
        for span, blocks in zip(plan.spans, placed, strict=True):
            before = shape
            new: list[Block] = []
            for each in blocks:
                block = widths.block(each, span.name, shape.channels)
                if has_layers(block, self.catalogue) and span.name not in self.factors.fixed_depth:
                    inner = {name: self._count(value) for name, value in self._counted(block)}
                    block = replace(block, fields=Fields({**block.fields, **inner}))
                if grown != 1:
                    block = with_windows(block, grown, self.catalogue)
                try:
                    shape = self.catalogue.place(block, shape)[-1].out_shape
                except InvalidArchitecture as error:
                    path = ".".join(filter(None, (f"{span.name}.{len(new)}.{block.type}", error.path)))
                    raise InvalidArchitecture(error.reason, path=path) from None
                new.append(block)
            segments.append(Segment(span.name, tuple(new), span.exit, span.leave))
            if span.exit:
                shape = before
        return lower(Architecture(plan.name, size, plan.classes, tuple(segments), plan.train), self.catalogue)


def _is_stage(span: Span) -> bool:
    return span.name not in OUTSIDE and not span.exit


def _own(plan: Plan, span: Span) -> list[Step]:
    """The steps of a segment that somebody wrote."""
    return [step for step in plan.steps[span.start : span.stop] if not step.inserted]
