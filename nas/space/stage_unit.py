"""The unit of a stage: its repeat, what is decided once, a downsample, then its blocks, each piece remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.arch import Shape
from nas.space.decisions import Decisions, Draw, Label
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import Form, Stage
from nas.space.listing import block_reach, stage_reach
from nas.space.needs import needs
from nas.space.pieces import Piece, Pieces
from nas.space.reach import Reach, reach
from nas.space.readers import Finder, Reader, draw_all
from nas.space.units import Context, Run, Trail, UseGroup, build, read_key


class Body:
    """The blocks of a stage once all is known that is decided once a stage: a reader a block, pieces by labels."""

    def __init__(self, stage: Stage, known_labels: Mapping[str, Label], decide: Finder) -> None:
        self._stage = stage
        self._known = known_labels
        self._decide = decide
        self._readers: list[Reader] = []

    def readers(self, count: int) -> list[Reader]:
        while len(self._readers) < count:
            index = len(self._readers)
            self._readers.append(Reader(block_reach(self._stage, index), index, self._known, self._decide))
        return self._readers


class Situation:
    """A stage's pieces for one body and one context."""

    __slots__ = ("downs", "later", "pending")

    def __init__(self) -> None:
        self.downs: dict[Shape, Piece] = {}
        self.pending: dict[Any, Piece] = {}
        self.later: dict[Any, Piece] = {}


class StageUnit:
    """A stage: `repeat`, what is decided once, a downsample, then its blocks."""

    is_exit = False
    leave: float | None = None

    def __init__(self, stage: Stage, pieces: Pieces, bits: Mapping[str, int], decide: Finder) -> None:
        self.name = stage.name
        self.stage = stage
        self._pieces = pieces
        self._bits = bits
        self._decide = decide
        carrier, body = stage_reach(stage)
        self._repeat = Reader(reach(stage.repeat, "stage"), None, {}, decide)
        whole: Reach = (*carrier, *body) if stage.most else ()
        self._some = Reader(whole, None, {}, decide)
        self._none = Reader(carrier if stage.downsample is not None else (), None, {}, decide)
        found = needs(stage.repeat, stage.out, stage.stride, stage.downsample, stage.block)
        self._context = Context(found)
        self._indexed = found.indexed
        self._counted = "n" in found.locals
        self._entering = bool(needs(stage.out, stage.stride).locals & {"in", "h", "w"})
        self._repeats: dict[Any, tuple[int, int, int]] = {}
        self._bodies: dict[Any, Body] = {}
        self._situations: dict[Any, Situation] = {}
        self._trails: dict[Any, tuple[int, int]] = {}
        self._recorded_out = f"{stage.name}.out"

    def walk(self, draw: Draw, into: Decisions, use: UseGroup) -> None:
        draw_all(self._repeat, draw, into, use)
        repeat = evaluate(self.stage.repeat, Frame(into))
        first = self._some if repeat else self._none
        draw_all(first, draw, into, use)
        if repeat:
            for reader in self._body(read_key(first, into), into).readers(repeat)[:repeat]:
                draw_all(reader, draw, into, use)

    def _body(self, key: Any, decisions: Mapping[str, Label]) -> Body:
        body = self._bodies.get(key)
        if body is None:
            prefix = self.name + "."
            labels = {name: label for name, label in decisions.items() if name.startswith(prefix)}
            body = self._bodies[key] = Body(self.stage, labels, self._decide)
        return body

    def decode(self, run: Run) -> None:
        decisions = run.decisions
        context = self._context.key(run)
        key = (read_key(self._repeat, decisions), context)
        found = self._repeats.get(key)
        if found is None:
            repeat = evaluate(self.stage.repeat, Frame(decisions, run.recorded))
            trail = Trail(self._repeat, decisions, self._bits)
            found = self._repeats[key] = (repeat, trail.uses, trail.count)
        repeat, uses, count = found
        run.uses |= uses
        run.count += count
        if not repeat and self.stage.downsample is None:
            return
        self._blocks(run, repeat, context)

    def _blocks(self, run: Run, repeat: int, context: Any) -> None:
        decisions, pieces, name = run.decisions, self._pieces, self.name
        first = self._some if repeat else self._none
        labels = read_key(first, decisions)
        key = (
            bool(repeat),
            labels,
            context,
            repeat if self._counted else 0,
            run.shape if self._entering else None,
        )
        situation = self._situations.get(key)
        if situation is None:
            situation = self._situations[key] = Situation()
            trail = Trail(first, decisions, self._bits)
            self._trails[key] = (trail.uses, trail.count)
        uses, count = self._trails[key]
        run.uses |= uses
        run.count += count
        entry = run.shape
        start = len(run.steps)
        pending = True
        if self.stage.downsample is not None:
            piece = situation.downs.get(entry)
            if piece is None:
                piece = situation.downs[entry] = self._down(run, repeat)
            run.take(piece, pieces, name, None)
            pending = not piece.steps
        if repeat:
            readers = self._body(labels, decisions).readers(repeat)
            indexed = self._indexed
            for index in range(repeat):
                reader = readers[index]
                label = reader.get(decisions)
                if not reader.final:
                    label = read_key(reader, decisions)
                at = (label, run.shape, index) if indexed else (label, run.shape)
                table = situation.pending if pending else situation.later
                piece = table.get(at)
                if piece is None:
                    piece = table[at] = self._block(run, reader, index, repeat, entry, pending)
                run.take(piece, pieces, name, index)
                if pending and piece.steps:
                    pending = False
        if len(run.steps) > start:
            run.recorded[self._recorded_out] = run.shape.channels

    def _outer(self, run: Run, index: int, repeat: int, entry: Shape) -> tuple[Form, Frame] | None:
        if self.stage.out is None:
            return None
        return self.stage.out, Frame(run.decisions, run.recorded, index, repeat, entry)

    def _stride(self, run: Run, repeat: int, entry: Shape) -> int:
        frame = Frame(run.decisions, run.recorded, 0, repeat, entry)
        if self.stage.out is not None:
            frame.out = evaluate(self.stage.out, frame)
        return int(evaluate(self.stage.stride, frame))

    def _down(self, run: Run, repeat: int) -> Piece:
        assert self.stage.downsample is not None
        frame = Frame(run.decisions, run.recorded, None, repeat, run.shape)
        trail = Trail(Reader((), None, {}, self._decide), run.decisions, self._bits)
        outer = self._outer(run, 0, repeat, run.shape)
        return build(self._pieces, self.stage.downsample, frame, outer, self._stride(run, repeat, run.shape), trail)

    def _block(self, run: Run, reader: Reader, index: int, repeat: int, entry: Shape, pending: bool) -> Piece:
        frame = Frame(run.decisions, run.recorded, index, repeat, run.shape)
        trail = Trail(reader, run.decisions, self._bits)
        stride = self._stride(run, repeat, entry) if pending else 1
        return build(self._pieces, self.stage.block, frame, self._outer(run, index, repeat, entry), stride, trail)
