"""How far two decided networks are apart, and where: their blocks aligned, then compared value by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nas.arch import Block, Fields, Part, Plan, SharedPart, Value

Leaf = int | float | str | bool | None
Pair = tuple[int | None, int | None]

TYPE = ""  # the path of a block's type among its leaves


@dataclass(frozen=True)
class Difference:
    """Where two networks differ, with what one of them has there and what the other has."""

    place: str
    wanted: Leaf
    found: Leaf
    inserted: bool = False


class Comparison:
    """Compares networks with one; remembers every pair of blocks it ever met.

    A block of another type in the right place counts as one too many and one too few; with `stand_ins` it is a little
    nearer than none at all.
    """

    def __init__(self, target: Plan, *, stand_ins: bool = False) -> None:
        self.target = target
        self._stand_ins = stand_ins
        self._blocks = _blocks(target)
        self._segments = _segments(target)
        self._places = _places(target)
        self._apart: dict[tuple[Block, Block], float] = {}
        self._size: dict[Block, int] = {}

    @property
    def size(self) -> int:
        """How many values the target has."""
        return sum(map(self._alone, self._blocks)) + len(_frame(self.target))

    def distance(self, plan: Plan) -> float:
        """How many values differ, each a little more where two numbers are far apart; 0 for the same network only.

        Of blocks that only one has, all values count, so that one repeat less to go is one step nearer.
        """
        return self._apart_of(_blocks(plan), self._blocks) + _leaf_distance(_frame(plan), _frame(self.target))

    def distance_by_segment(self, plan: Plan) -> float:
        """The same where blocks belong together only in segments of the same name."""
        ours, theirs = _segments(plan), self._segments
        apart = sum(self._apart_of(ours.get(name, ()), theirs.get(name, ())) for name in {**ours, **theirs})
        return apart + _leaf_distance(_frame(plan), _frame(self.target))

    def same_segments(self, plan: Plan) -> bool:
        """Whether every segment of the target has its like in a plan."""
        return self._segments.keys() <= _segments(plan).keys()

    def _apart_of(self, ours: Sequence[Block], theirs: Sequence[Block]) -> float:
        start, stop = _common(ours, theirs)
        return self._matrix(ours[start : len(ours) - stop], theirs[start : len(theirs) - stop])[-1][-1]

    def differences(self, plan: Plan) -> list[Difference]:
        """Every value that differs, by its place in the target; `wanted` is the target's."""
        found = list(_unlike(_frame(self.target), _frame(plan)))
        places = _places(plan)
        for own, wanted in self.pairs(plan):
            if wanted is None:
                assert own is not None
                step = plan.steps[own]
                found.append(Difference(places[own], "no block", step.block.type, step.inserted))
                continue
            step, place = self.target.steps[wanted], self._places[wanted]
            if own is None:
                found.append(Difference(place, step.block.type, "no block", step.inserted))
            elif plan.steps[own].block.type != step.block.type:
                found.append(Difference(place, step.block.type, plan.steps[own].block.type, step.inserted))
            else:
                each = _unlike(leaves(step.block), leaves(plan.steps[own].block), f"{place}.{step.block.type}.")
                found += [Difference(one.place, one.wanted, one.found, step.inserted) for one in each]
        return found

    def pairs(self, plan: Plan) -> list[Pair]:
        """The indices of steps of `plan` and of the target that belong together; None beside what only one has."""
        ours, theirs = _blocks(plan), self._blocks
        matrix = self._matrix(ours, theirs)
        row, column = len(ours), len(theirs)
        found: list[Pair] = []
        while row or column:
            here = matrix[row][column]  # where there are several ways, what is missing stands last
            if column and here == matrix[row][column - 1] + self._alone(theirs[column - 1]):
                column -= 1
                found.append((None, column))
            elif row and here == matrix[row - 1][column] + self._alone(ours[row - 1]):
                row -= 1
                found.append((row, None))
            else:
                row, column = row - 1, column - 1
                found.append((row, column))
        return found[::-1]

    def _matrix(self, ours: Sequence[Block], theirs: Sequence[Block]) -> list[list[float]]:
        """The least distance between all beginnings of two rows of blocks (Wagner and Fischer, 1974)."""
        alone = [self._alone(block) for block in theirs]
        row = [0.0]
        for cost in alone:
            row.append(row[-1] + cost)
        matrix = [row]
        for own in ours:
            above, cost = row, self._alone(own)
            row = [above[0] + cost]
            for index, other in enumerate(theirs):
                both = above[index] + self._between(own, other)
                row.append(min(both, above[index + 1] + cost, row[index] + alone[index]))
            matrix.append(row)
        return matrix

    def _between(self, own: Block, wanted: Block) -> float:
        if own is wanted:
            return 0.0
        found = self._apart.get((own, wanted))
        if found is None:
            if own.type == wanted.type:
                found = _leaf_distance(leaves(own), leaves(wanted))
            else:
                found = self._alone(wanted) + (-0.5 if self._stand_ins else self._alone(own))
            self._apart[own, wanted] = found
        return found

    def _alone(self, block: Block) -> int:
        found = self._size.get(block)
        if found is None:
            found = self._size[block] = len(leaves(block))
        return found


def leaves(block: Block) -> dict[str, Leaf]:
    """Every value of a block by its path: `kernel`, `attention` (the kind), `attention.se.ratio`."""
    return {TYPE: block.type, "out": block.out, "stride": block.stride, **dict(_leaves(block.fields, ""))}


def train_leaves(train: Fields) -> dict[str, Leaf]:
    """Every value of what a plan says of training by its path."""
    return dict(_leaves(train, ""))


def train_distance(wanted: Fields, plan: Plan) -> float:
    """How far what a plan says of training is from what is wanted of it; what is not wanted does not count."""
    own, asked = train_leaves(plan.train), train_leaves(wanted)
    return _leaf_distance({path: own.get(path) for path in asked}, asked)


def _leaves(value: Value, path: str) -> Iterator[tuple[str, Leaf]]:
    match value:
        case Fields():
            for key, item in value.items():
                yield from _leaves(item, f"{path}.{key}" if path else key)
        case Part(kind, fields):
            yield path, kind
            yield from _leaves(fields, f"{path}.{kind}")
        case SharedPart(name, part):
            yield f"{path}.shared", name
            yield from _leaves(part, path)
        case tuple():
            for index, item in enumerate(value):
                yield from _leaves(item, f"{path}.{index}")
        case _:
            yield path, value


def _frame(plan: Plan) -> dict[str, Leaf]:
    """What a network is beside its blocks."""
    shape = plan.input
    sizes = {"channels": shape.channels, "height": shape.height, "width": shape.width}
    frame: dict[str, Leaf] = {f"input.{name}": size for name, size in sizes.items()}
    frame["classes"] = plan.classes
    return frame | {f"{span.name} (exit)": True for span in plan.spans if span.exit}


def _blocks(plan: Plan) -> tuple[Block, ...]:
    return tuple(step.block for step in plan.steps)


def _segments(plan: Plan) -> dict[str, tuple[Block, ...]]:
    """The blocks of each segment that has any."""
    return {name: tuple(step.block for step in steps) for name, steps in plan.by_span() if steps}


def _places(plan: Plan) -> list[str]:
    """The place of each step: the name of its segment, and its number among the blocks written there."""
    found = []
    for name, steps in plan.by_span():
        number = 0
        for step in steps:
            found.append(f"{name}.{number}")
            number += not step.inserted
    return found


def _common(ours: Sequence[Block], theirs: Sequence[Block]) -> tuple[int, int]:
    """How many blocks two rows have in common at the beginning, and behind those at the end."""
    shorter = min(len(ours), len(theirs))
    start = next((index for index in range(shorter) if ours[index] != theirs[index]), shorter)
    most = shorter - start
    stop = next((index for index in range(most) if ours[-1 - index] != theirs[-1 - index]), most)
    return start, stop


def _leaf_distance(one: Mapping[str, Leaf], other: Mapping[str, Leaf]) -> float:
    return sum(1.0 + _gap(each.wanted, each.found) for each in _unlike(one, other))


def _unlike(wanted: Mapping[str, Leaf], found: Mapping[str, Leaf], prefix: str = "") -> Iterable[Difference]:
    for path in (*wanted, *(path for path in found if path not in wanted)):
        one, other = wanted.get(path), found.get(path)
        if (type(one), one) != (type(other), other):
            yield Difference(f"{prefix}{path}", one, other)


def _gap(one: Leaf, other: Leaf) -> float:
    """How far two numbers are apart, below 1; 0 for what are none."""
    for each in (one, other):
        if not isinstance(each, int | float) or isinstance(each, bool):
            return 0.0
    assert isinstance(one, int | float)
    assert isinstance(other, int | float)
    return abs(one - other) / (1 + abs(one) + abs(other))
