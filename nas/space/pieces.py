"""Blocks behind shapes, remembered: each asked of the catalogue once, equal blocks and steps the same objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nas.arch import Block, Catalogue, Fields, Shape, Step
from nas.errors import InvalidArchitecture, Mark
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import BlockForm, Computed, Form

TRIED = 4  # integers that are tried to say which would fit


class Failure(Exception):
    """Something cannot be built; without the unit and index where that happened, which may recur elsewhere."""

    def __init__(self, reason: str, path: str, mark: Mark | None) -> None:
        super().__init__(reason)
        self.reason, self.path, self.mark = reason, path, mark


class Piece:
    """What one unit (or one block of a stage) became behind one shape: steps that count from their first, or a failure.

    `uses` has a bit for each var or default used, `count` is the number of decisions read.
    """

    __slots__ = ("_placed", "count", "failure", "shape", "steps", "uses")

    def __init__(
        self, steps: tuple[Step, ...], shape: Shape, uses: int, count: int, failure: Failure | None = None
    ) -> None:
        self.steps = steps
        self.shape = shape
        self.uses = uses
        self.count = count
        self.failure = failure
        self._placed: dict[int, tuple[Step, ...]] = {}

    def placed(self, offset: int, pieces: Pieces) -> tuple[Step, ...]:
        """The steps with their inputs counted from the network's first."""
        found = self._placed.get(offset)
        if found is None:
            found = self._placed[offset] = tuple(pieces.shifted(step, offset) for step in self.steps)
        return found

    def placed_behind(self, source: int, offset: int, pieces: Pieces) -> tuple[Step, ...]:
        """The same where what they read is not the step before them, which belongs to a side chain."""
        return tuple(pieces.shifted(step, offset, source) for step in self.steps)


class Pieces:
    """What a catalogue said, by what it was asked."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fields: dict[Any, Fields] = {}
        self._blocks: dict[Block, Block] = {}
        self._placed: dict[tuple[Block, Shape], tuple[Step, ...]] = {}
        self._steps: dict[Step, Step] = {}

    def chain(
        self, forms: Iterable[BlockForm], frame: Frame, out: tuple[Form, Frame] | None, stride: int
    ) -> tuple[tuple[Step, ...], Shape]:
        """Blocks one after the other, the first with a stage's stride; `out` is the stage's, with its own frame.

        Raises `Failure`, and `BadDecisions` where a decision is missing or unknown.
        """
        steps: list[Step] = []
        assert frame.shape is not None
        for form in forms:
            mark = form.node.mark if form.node.mark.line else None
            try:
                if form.out is not None:
                    frame.out = evaluate(form.out, frame)
                else:
                    frame.out = None if out is None else evaluate(*out)
                own = 1 if form.stride is None else evaluate(form.stride, frame)
                if own != 1 and stride != 1:
                    raise InvalidArchitecture(
                        f"the stride {stride} of the stage and {own} of its first block contradict"
                    )
                fields = self._values(form, frame, own * stride)
                block = Block(form.spec.name, self._resolve(form.spec.name, fields), frame.out, own * stride)
                found = self._place(self._blocks.setdefault(block, block), frame.shape)
            except InvalidArchitecture as error:
                if type(error) is not InvalidArchitecture:
                    raise
                inside = _field_mark(form, error) or mark
                path = ".".join(part for part in (form.path, error.path if error.mark is None else None) if part)
                raise Failure(error.reason, path, error.mark or inside) from None
            offset = len(steps)
            steps.extend(self.shifted(step, offset) for step in found)
            frame.shape = found[-1].out_shape
            stride = 1
        return tuple(steps), frame.shape

    def _values(self, form: BlockForm, frame: Frame, stride: int) -> dict[str, Any]:
        """The fields of a block as plain values; raises `Failure` that names the field, and integers that would fit."""
        values: dict[str, Any] = {}
        for name, item in form.fields.items():
            try:
                values[name] = evaluate(item, frame)
            except InvalidArchitecture as error:
                if type(error) is not InvalidArchitecture or error.mark is None:
                    raise
                # the error's path is that of the text; of a var it ends elsewhere
                inside = (error.path or "").partition(f"{form.spec.name}.{name}")[2]
                path = ".".join(part for part in (form.path, name + inside) if part)
                raise Failure(error.reason + self._would_fit(form, frame, name, stride), path, error.mark) from None
        return values

    def _would_fit(self, form: BlockForm, frame: Frame, name: str, stride: int) -> str:
        """The two integers within a field's bounds that are nearest to what an expression gave and can be built."""
        item, spec = form.fields[name], form.spec.fields.get(name)
        if not isinstance(item, Computed) or spec is None or spec.kind != "int" or spec.low is None:
            return ""
        try:
            if evaluate(replace(item, spec=None), frame) >= spec.low:
                return ""
            others = {key: evaluate(other, frame) for key, other in form.fields.items() if key != name}
        except InvalidArchitecture:
            return ""
        assert frame.shape is not None
        fitting = []
        for value in range(int(spec.low), int(spec.low) + TRIED):
            try:
                fields = self._resolve(form.spec.name, {**others, name: value})
                self._place(Block(form.spec.name, fields, frame.out, stride), frame.shape)
            except InvalidArchitecture:
                continue
            fitting.append(str(value))
        return f"; {' or '.join(fitting[:2])} would fit" if fitting else ""

    def shifted(self, step: Step, offset: int, source: int | None = None) -> Step:
        """The one object for a step whose inputs count from `offset`; what came before it is `source`."""
        if source is not None:
            step = _reading(step, tuple(index + offset if index >= 0 else source for index in step.inputs))
        elif offset:
            step = _reading(step, tuple(index + offset for index in step.inputs))
        return self._steps.setdefault(step, step)

    def _resolve(self, name: str, fields: Mapping[str, Any]) -> Fields:
        key = (name, _frozen(fields))
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = self._catalogue.resolve(name, fields)
        return found

    def _place(self, block: Block, shape: Shape) -> tuple[Step, ...]:
        found = self._placed.get((block, shape))
        if found is None:
            found = self._placed[block, shape] = tuple(
                self._interned(step) for step in self._catalogue.place(block, shape)
            )
        return found

    def _interned(self, step: Step) -> Step:
        block = self._blocks.setdefault(step.block, step.block)
        return self._steps.setdefault(step, step if block is step.block else replace(step, block=block))


def _reading(step: Step, inputs: tuple[int, ...]) -> Step:
    """The step with other inputs, without the time that `replace` takes."""
    return Step(step.block, step.in_shape, step.out_shape, inputs, step.inserted, step.shared)


def _field_mark(form: BlockForm, error: InvalidArchitecture) -> Mark | None:
    """Where the field that an error names was written."""
    if error.mark is not None or not error.path:
        return None
    place = form.node.at([form.spec.name, *error.path.split(".")])
    return place.mark if place is not form.node and place.mark.line else None


def _frozen(value: Any) -> Any:
    """A hashable copy of a plain value; `1`, `1.0` and `true` differ."""
    match value:
        case dict():
            return tuple((key, _frozen(item)) for key, item in value.items())
        case tuple():
            return tuple(_frozen(item) for item in value)
    return (type(value), value)
