"""The numbers in which the objects of one class differ: as few parameters as say them all, named as a person would."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.export.source.nodes import Path
from nas.export.source.values import literal, name

CHANNELS = ("in", "out", "width", "size", "channels")
GEOMETRY = ("kernel_size", "stride", "padding", "dilation", "groups", "bias")
FEW = 4  # a width or size of so few is no parameter where it is always the same
FACTORS = (2, 3, 4, 6, 8)

Vector = tuple[Any, ...]


@dataclass
class Param:
    """A parameter of a constructor, and its value for every object."""

    name: str
    kind: str
    values: Vector
    default: Any = None

    @property
    def role(self) -> str:
        """What it means where it is handed to the constructor."""
        if self.kind != "channels":
            return self.kind
        return {"in_channels": "in", "out_channels": "out", "channels": "channels"}.get(self.name, "size")

    @property
    def has_default(self) -> bool:
        return self.default is not None


@dataclass
class Unified:
    """The parameters, and the code of each number."""

    params: list[Param] = field(default_factory=list)
    codes: dict[Path, ast.expr] = field(default_factory=dict)


@dataclass
class _Number:
    vector: Vector
    kind: str  # numbers of different kinds are not one parameter, though they be equal
    places: list[tuple[Path, str]]


def unify(rows: Sequence[Sequence[tuple[Path, str, Any]]], comes: Vector, goes: Vector) -> Unified:
    """Parameters for objects whose numbers are the rows, which have the same places.

    `comes` and `goes` are the channels of their inputs and outputs.
    """
    distinct = len({tuple(repr(value) for _, _, value in row) for row in rows})
    numbers = _numbers(rows)
    first, last = _end(numbers, comes), _end(numbers, goes)
    result = Unified()
    order = [*_unique([first, last]), *(each for each in numbers if each is not first and each is not last)]
    order.sort(key=lambda each: 0 if each is first or each is last else 1 if each.kind.startswith("held") else 2)
    taken: list[Param] = []
    for number in order:
        code: ast.expr | None = None
        if number is not first and number is not last:
            code = _of_sides(number, taken)
        if code is None and _is_fixed(number, distinct):
            code = literal(number.vector[0])
        elif code is None and number is not first and number is not last:
            code = _related(number, taken, distinct)
        if code is None:
            param = Param(_name(number, first, last, taken), number.kind, number.vector)
            if number.kind in GEOMETRY and distinct > 1:
                value, count = Counter(number.vector).most_common(1)[0]
                param.default = value if count * 2 >= len(number.vector) else None
            taken.append(param)
            code = name(param.name)
        result.codes.update({path: code for path, _ in number.places})
    result.params = sorted(taken, key=lambda each: each.has_default)
    return result


def _numbers(rows: Sequence[Sequence[tuple[Path, str, Any]]]) -> list[_Number]:
    """The numbers that are not equal in all objects, or not of the same kind."""
    found: dict[tuple[str, str], _Number] = {}
    for index, (path, role, _) in enumerate(rows[0]):
        vector = tuple(row[index][2] for row in rows)
        kind = "channels" if role in CHANNELS else role
        if role == "groups" and ("channels", repr(vector)) in found and set(vector) != {1}:
            kind = "channels"  # a depthwise convolution
        number = found.setdefault((kind, repr(vector)), _Number(vector, kind, []))
        number.places.append((path, role))
    return list(found.values())


def _end(numbers: Sequence[_Number], widths: Vector) -> _Number | None:
    """The number that is the channels that come into the objects, or go out of them."""
    return next((each for each in numbers if each.kind == "channels" and each.vector == widths), None)


def _unique(numbers: Sequence[_Number | None]) -> list[_Number]:
    found: list[_Number] = []
    for each in numbers:
        if each is not None and not any(each is other for other in found):
            found.append(each)
    return found


def _is_fixed(number: _Number, distinct: int) -> bool:
    """Whether it is the same in all objects, and nothing that one would want to name."""
    if len(set(map(repr, number.vector))) > 1 or number.kind == "shared":
        return False
    if number.kind.startswith("held"):
        return distinct > 1
    return number.kind != "channels" or distinct > 1 or number.vector[0] < FEW


def _name(number: _Number, first: _Number | None, last: _Number | None, taken: Sequence[Param]) -> str:
    for each in _names(number, first, last):
        if all(each != param.name for param in taken):
            return each
    raise AssertionError("there is always another name")


def _names(number: _Number, first: _Number | None, last: _Number | None) -> Iterator[str]:
    path, _ = number.places[0]
    child = path[0] if len(path) > 1 else ""
    if number is first:
        yield "channels" if number is last else "in_channels"
    elif number is last:
        yield "out_channels"
    elif number.kind == "channels":
        if path[-1].isdecimal():
            yield f"{path[-2]}_size"
        elif len(number.places) > 1:
            yield "hidden"
        yield f"{child}_channels"
    elif number.kind == "shared":
        yield path[-1]
    else:
        yield "depth" if path[-1] == "count" else path[-1]
    base = f"{child}_{path[-1]}" if child else path[-1]
    yield base
    yield from (f"{base}_{count}" for count in itertools.count(2))


def _related(number: _Number, taken: Sequence[Param], distinct: int) -> ast.expr | None:
    """The number as what a person would see in it: a multiple, half a kernel, a sum; None where it is nothing such."""
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in number.vector):
        return None
    integers = [each for each in taken if all(isinstance(value, int) for value in each.values)]
    for param in integers:
        pads = number.kind == "padding" and param.kind == "kernel_size" and distinct > 1
        if pads and number.vector == tuple(each // 2 for each in param.values):
            return ast.BinOp(name(param.name), ast.FloorDiv(), ast.Constant(2))
    if number.kind != "channels":
        return None
    wide = [each for each in integers if each.kind == "channels"]
    for factor, param in itertools.product(FACTORS, wide):
        pairs = list(zip(number.vector, param.values, strict=True))
        if all(a == factor * b for a, b in pairs):
            return ast.BinOp(ast.Constant(factor), ast.Mult(), name(param.name))
        if all(a * factor == b for a, b in pairs):
            return ast.BinOp(name(param.name), ast.FloorDiv(), ast.Constant(factor))
    if distinct > 1:
        for first, second in itertools.combinations(wide, 2):
            if number.vector == tuple(a + b for a, b in zip(first.values, second.values, strict=True)):
                return ast.BinOp(name(first.name), ast.Add(), name(second.name))
    return None


_TABLES = (  # sizes of tables of places, or of offsets, along the sides of a grid
    (lambda a, b: a, "{0}"),
    (lambda a, b: 2 * a - 1, "2 * {0} - 1"),
    (lambda a, b: (2 * a - 1) * (2 * b - 1), "(2 * {0} - 1) * (2 * {1} - 1)"),
    (lambda a, b: a * b, "{0} * {1}"),
)


def _of_sides(number: _Number, taken: Sequence[Param]) -> ast.expr | None:
    """The size of a table from the numbers that the object holds."""
    if any(role != "size" for _, role in number.places) or number.vector[0] == 1:
        return None
    held = [each for each in taken if each.kind.startswith("held") and isinstance(each.values[0], int)]
    for fits, text in _TABLES:
        for first, second in sorted(itertools.product(held, repeat=2), key=lambda pair: pair[0] is pair[1]):
            if number.vector == tuple(fits(a, b) for a, b in zip(first.values, second.values, strict=True)):
                return ast.parse(text.format(first.name, second.name), mode="eval").body
    return None
