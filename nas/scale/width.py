"""Wider and narrower: one new width for every old one, such that heads and groups go on dividing it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from nas.arch import Block, BlockSpec, Catalogue, Fields, Part, SharedPart, Step, Value
from nas.errors import InvalidArchitecture
from nas.scale.depth import Placed, computes
from nas.scale.factors import Factors
from nas.scale.rounding import Rounding

MOST = 1_000_000  # channels, as many as the language takes


@dataclass
class Widths:
    """The new width of every old one, by segment where it is fixed."""

    factors: Factors
    rounding: Rounding
    catalogue: Catalogue
    units: Mapping[int, int]
    wanted: Mapping[int, float] = field(default_factory=dict)
    even: bool = False
    _known: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        steps: Iterable[Step],
        factors: Factors,
        rounding: Rounding,
        catalogue: Catalogue,
        wanted: Mapping[int, float] | None = None,
        *,
        even: bool = False,
    ) -> Widths:
        """For the blocks of a network; `wanted` are widths, before rounding, that the factor does not give.

        `even`: what is an even number of heads stays one.
        """
        units: dict[int, int] = {}
        bare = cls(factors, rounding, catalogue, {}, even=even)
        for step in steps:
            for width, unit in bare._needs(step):
                units[width] = math.lcm(units.get(width, 1), unit)
        return cls(factors, rounding, catalogue, units, wanted or {})

    def new(self, old: int, segment: str = "") -> int:
        """Raises `InvalidArchitecture` below one channel."""
        if segment in self.factors.fixed_width or self.factors.width == 1:
            return old
        if old not in self._known:
            wanted = self.wanted.get(old, old * self.factors.width)
            if wanted < 1:
                raise InvalidArchitecture(
                    f"a width must stay at least one channel, but {old} times {self.factors.width:g} is {wanted:.3g};"
                    " scale less"
                )
            if wanted > MOST:
                raise InvalidArchitecture(
                    f"a width must be at most {MOST:,} channels, but {old} times {self.factors.width:g} is "
                    f"{wanted:.3g}; scale less"
                )
            self._known[old] = self.rounding.width(wanted, math.lcm(self.rounding.divisor, self.units.get(old, 1)))
        return self._known[old]

    def block(self, placed: Placed, segment: str, channels: int) -> Block:
        """The block with its new width, and new channels, heads and groups inside, behind so many `channels`."""
        step, block = placed.step, placed.block
        spec = self.catalogue.block(block.type)
        old_in, old_out = step.in_shape.channels, step.out_shape.channels
        follows = computes(step, self.catalogue) or (old_in == old_out and (placed.copy or spec.out == "fixed"))
        out = None if follows else self.new(old_out, segment)
        if spec.out == "classes":
            out = block.out
        elif old_in == old_out and channels != self.new(old_in):
            out = None  # what arrives was computed: the block goes on keeping it
        wide = out if out is not None else channels
        return replace(block, out=out, fields=self._fields(step, spec, segment, wide, channels))

    def _fields(self, step: Step, spec: BlockSpec, segment: str, out: int, channels: int) -> Fields:
        """Fields that count channels, heads or groups."""
        fields = dict(step.block.fields)
        for name, field_spec in spec.fields.items():
            value = fields.get(name)
            if not isinstance(value, int):
                continue
            if field_spec.scales == "width":
                fields[name] = self.new(value, segment)
            elif field_spec.scales == "heads":
                fields[name] = self._heads(value, step, out)
            elif field_spec.scales == "groups":
                fields[name] = self._groups(step, value, out, channels)
        return Fields(fields)

    def _heads(self, heads: int, step: Step, new: int) -> int:
        """Heads of the same width; a single one stays alone. Within a bottleneck as near to it as divides that."""
        if heads == 1:
            return 1
        wanted = heads * new / step.out_shape.channels
        ratio = step.block.fields.get("ratio")
        if not isinstance(ratio, int | float):
            return max(1, round(wanted))
        inner = max(1, round(new * ratio))
        return min((n for n in range(1, inner + 1) if inner % n == 0), key=lambda n: abs(n - wanted))

    def _groups(self, step: Step, groups: int, out: int, channels: int) -> int:
        """Depthwise stays depthwise; the groups of a bottleneck take the new group width, others stay as many."""
        if groups == 1:
            return 1
        if groups == step.in_shape.channels and "ratio" not in step.block.fields:
            return channels
        ratio = step.block.fields.get("ratio")
        if not isinstance(ratio, int | float):
            return groups
        inner = max(1, round(out * ratio))
        return max(1, inner // self._group_width(step, groups, float(ratio)))

    def _group_width(self, step: Step, groups: int, ratio: float) -> int:
        old = max(1, round(step.out_shape.channels * ratio)) // groups
        if self.factors.group_width == 1:
            return old
        return self.rounding.group_width(old * self.factors.group_width)

    def _needs(self, step: Step) -> Iterable[tuple[int, int]]:
        """Widths, and what must divide the new ones of them."""
        fields, spec = step.block.fields, self.catalogue.block(step.block.type)
        out = step.out_shape.channels
        for name, field_spec in spec.fields.items():
            value = fields.get(name)
            if not isinstance(value, int) or value == 1:
                continue
            if field_spec.scales == "heads" and not _has_head_dim(fields):
                ratio = fields.get("ratio")
                if isinstance(ratio, int | float):  # heads of a bottleneck: as many as there are go on dividing it
                    yield out, max(1, round(value / ratio))
                else:
                    yield out, out // value * (2 if self.even and value % 2 == 0 else 1)
            elif field_spec.scales == "groups":
                ratio = fields.get("ratio")
                if isinstance(ratio, int | float):
                    unit = self._group_width(step, value, float(ratio))
                    yield out, round(unit / ratio) if ratio <= 1 else unit
                elif value != step.in_shape.channels:
                    yield step.in_shape.channels, value
                    yield out, value


def _has_head_dim(fields: Mapping[str, Value]) -> bool:
    """Whether the mixer says how wide a head is, so that heads need not divide the channels."""
    mixer = fields.get("mixer")
    part = mixer.part if isinstance(mixer, SharedPart) else mixer
    return isinstance(part, Part) and part.fields.get("head_dim") is not None
