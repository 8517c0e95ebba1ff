"""The units of a network: each reads its decisions and turns the shape before it into steps, all remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nas.arch import Shape, Step, check_end
from nas.errors import InvalidArchitecture
from nas.space.decisions import Decisions, Draw, Label
from nas.space.evaluation import Frame, known, nodes
from nas.space.forms import Form, Group, Stage
from nas.space.needs import Needs, names_within, needs
from nas.space.pieces import Failure, Piece, Pieces
from nas.space.reach import reach
from nas.space.readers import Finder, Reader, draw_all

UseGroup = Callable[[Group], None]


class Run:
    """One decoding in progress."""

    __slots__ = ("count", "decisions", "exits", "recorded", "shape", "source", "steps", "uses")

    def __init__(self, decisions: Mapping[str, Label], shape: Shape) -> None:
        self.decisions = decisions
        self.shape = shape
        self.recorded: dict[str, Any] = {}
        self.steps: list[Step] = []
        self.exits: list[int] = []
        self.source: int | None = None  # the step that the next one reads, where that is not the one before it
        self.uses = 0
        self.count = 0

    def take(self, piece: Piece, pieces: Pieces, unit: str, index: int | None) -> None:
        """Goes on behind a piece. Raises `InvalidArchitecture` where it is a failure."""
        if piece.failure is not None:
            raise failed(piece.failure, unit, index)
        if self.source is None:
            self.steps.extend(piece.placed(len(self.steps), pieces))
        elif piece.steps:
            self.steps.extend(piece.placed_behind(self.source, len(self.steps), pieces))
            self.source = None
        self.shape = piece.shape
        self.uses |= piece.uses
        self.count += piece.count


def failed(failure: Failure, unit: str, index: int | None) -> InvalidArchitecture:
    """The error about a failure in its place."""
    steps = (unit, "" if index is None else str(index), failure.path)
    return InvalidArchitecture(failure.reason, path=".".join(step for step in steps if step), mark=failure.mark)


class Trail:
    """The key, uses and count of a chain of readers under decisions."""

    __slots__ = ("count", "key", "uses")

    def __init__(self, reader: Reader, decisions: Mapping[str, Label], bits: Mapping[str, int]) -> None:
        self.key: Any = None
        self.uses = 0
        self.count = 0
        while True:
            for group in reader.uses:
                self.uses |= bits[group.name]
            self.count += len(reader.names)
            key = reader.get(decisions)
            self.key = key if self.key is None else (self.key, key)
            if reader.final:
                return
            reader = reader.follow(key)


def read_key(reader: Reader, decisions: Mapping[str, Label]) -> Any:
    """The labels that a chain of readers finds, as one key. Raises `KeyError` for a missing decision."""
    key = label = reader.get(decisions)
    while not reader.final:
        reader = reader.follow(label)
        label = reader.get(decisions)
        key = (key, label)
    return key


class Context:
    """What outside a block its steps depend on: labels of vars, and facts."""

    def __init__(self, found: Needs) -> None:
        self._names = names_within(found.groups.values())
        self._facts = tuple(found.facts.values())

    def key(self, run: Run) -> tuple[Any, ...]:
        get = run.decisions.get
        labels = tuple([get(name) for name in self._names])
        if not self._facts:
            return labels
        frame = Frame(run.decisions, run.recorded)
        return (labels, *(known(fact, frame) for fact in self._facts))


class ChainUnit:
    """Stem or head: nodes one after the other."""

    is_exit = False
    leave: float | None = None

    def __init__(self, name: str, form: Form, pieces: Pieces, bits: Mapping[str, int], decide: Finder) -> None:
        self.name = self._at = name  # the latter for errors
        self._form = form
        self._pieces = pieces
        self._bits = bits
        self._reader = Reader(reach(form, "stage"), None, {}, decide)
        self._context = Context(needs(form))
        self._seen: dict[Any, Piece] = {}

    def walk(self, draw: Draw, into: Decisions, use: UseGroup) -> None:
        draw_all(self._reader, draw, into, use)

    def decode(self, run: Run) -> None:
        key = (read_key(self._reader, run.decisions), run.shape, self._context.key(run))
        piece = self._seen.get(key)
        if piece is None:
            trail = Trail(self._reader, run.decisions, self._bits)
            frame = Frame(run.decisions, run.recorded, shape=run.shape)
            piece = self._seen[key] = build(self._pieces, self._form, frame, None, 1, trail)
        run.take(piece, self._pieces, self._at, None)


class ExitUnit(ChainUnit):
    """An exit: a side chain that ends in logits; what follows goes on from before it."""

    is_exit = True

    def __init__(self, stage: Stage, classes: int, pieces: Pieces, bits: Mapping[str, int], decide: Finder) -> None:
        assert stage.exit is not None
        super().__init__(f"{stage.name}.exit", stage.exit, pieces, bits, decide)
        self._at = stage.name  # the nodes' own paths begin with `exit`
        self.leave = stage.leave
        self._classes = classes
        at = stage.node.get("exit")
        self._mark = at.mark if at is not None and at.mark.line else None

    def decode(self, run: Run) -> None:
        shape, start = run.shape, len(run.steps)
        source = run.source if run.source is not None else start - 1
        super().decode(run)
        if len(run.steps) > start:
            try:
                check_end(run.shape, self._classes, self.name)
            except InvalidArchitecture as error:
                raise InvalidArchitecture(error.reason, path=error.path, mark=self._mark) from None
            run.exits.append(len(run.steps) - 1)
            run.shape, run.source = shape, source


def build(pieces: Pieces, form: Form, frame: Frame, out: tuple[Form, Frame] | None, stride: int, trail: Trail) -> Piece:
    """The piece that a node becomes; a failure is a piece too."""
    assert frame.shape is not None
    try:
        steps, shape = pieces.chain(nodes(form, frame), frame, out, stride)
    except Failure as failure:
        return Piece((), frame.shape, trail.uses, trail.count, failure)
    return Piece(steps, shape, trail.uses, trail.count)
