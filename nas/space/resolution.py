"""Which resolutions would suit decisions that cannot be built at theirs, found by trying them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Any, Protocol

from nas.arch import Plan, Shape, VectorShape, main_of
from nas.errors import InvalidArchitecture, SpecError
from nas.space.decisions import Decisions, Draw, Label
from nas.space.node import Node

NEAR = 64  # pixels on both sides that are tried one by one
STRIDE = 16  # farther away its multiples are tried: what the strides of most networks come to, or half of it
ALIKE = 32  # so many resolutions in a row, at a stride of 32, come to the same last map
USUAL = 256  # tried in any case: what networks for photographs are made for, or less
LARGEST = 4096  # pixels; nobody trains on more
RESOLUTION = "input.resolution"


class Resizable(Protocol):
    """What is needed of a space."""

    @property
    def tree(self) -> Node: ...

    @property
    def name(self) -> str: ...

    def at_resolutions(self, sides: Iterable[int]) -> Resizable:
        """The same space with a choice of resolutions instead of its own."""
        ...

    def side(self, decisions: Mapping[str, Label]) -> int | None:
        """The resolution under decisions; None where the input is given by height and width."""
        ...

    def walk(self, draw: Draw) -> Decisions: ...

    def decode(self, decisions: Mapping[str, Label]) -> Plan: ...


def told(space: Resizable, decisions: Mapping[str, Label], error: InvalidArchitecture) -> SpecError:
    """The error about decisions that cannot be built, which names the nearest resolutions at which they could be.

    It stands where the resolution was written, when that is not the file of the block at fault: the user's own line,
    an option, the data. Otherwise it stands at the block.
    """
    plain = SpecError(error.reason, mark=error.mark, path=error.path)
    found = nearest_resolutions(space, decisions, error)
    if not found:
        return plain
    fitting = (
        f"the nearest that fit are {found[0]} and {found[1]}" if found[1:] else f"the nearest that fits is {found[0]}"
    )
    side = space.side(decisions)
    place = _place(space.tree.at(RESOLUTION.split(".")), side)
    if not place.mark.line and not place.mark.file.startswith("<"):
        return SpecError(f"{place.mark.file} {side} does not suit {space.name}: {fitting}; {plain}")
    if error.mark is not None and error.mark.file != place.mark.file:
        return place.fail(f"{side} does not suit the network: {fitting}; {plain}")
    where = f" ({place.mark})" if place.mark.line else ""
    return SpecError(
        f"{error.reason}; or change the resolution {side}{where}: {fitting}", mark=error.mark, path=error.path
    )


def _place(node: Node, side: int | None) -> Node:
    """Where a resolution was written: of a choice, its option."""
    options = node.at(["choice"])
    listed = options.value if isinstance(options.value, tuple) else ()
    return next((each for each in listed if each.value == side), node)


def nearest_resolutions(
    space: Resizable, decisions: Mapping[str, Label], error: InvalidArchitecture
) -> tuple[int, ...]:
    """The nearest resolution below and above, where there is one, at which decisions can be built that gave `error`.

    Tried are all within `NEAR` pixels, then multiples of `STRIDE`, from half the resolution to twice it and at least to
    `USUAL`. Of neighbours that come to the same last map, 449 and 448 at a stride of 32, the one with most factors of
    two stands for all. An error that is the same at twice the resolution is not about it, and nothing is tried.
    """
    side = space.side(decisions)
    if type(error) is not InvalidArchitecture or side is None or side > LARGEST:
        return ()
    try:
        other = space.at_resolutions(range(1, max(2 * side, USUAL) + 2 * NEAR))
    except SpecError:  # something else in the file depends on the resolution
        return ()

    @cache
    def tried(each: int) -> Plan | InvalidArchitecture:
        return _decoded(other, decisions, each)

    at_double = tried(2 * side)
    if isinstance(at_double, InvalidArchitecture) and (at_double.reason, at_double.path) == (error.reason, error.path):
        return ()
    nearest = []
    for sides in (_below(side), _above(side)):
        found = next((each for each in sides if isinstance(tried(each), Plan)), None)
        if found is not None:
            nearest.append(_roundest(found, tried))
    return tuple(nearest)


def _below(side: int) -> Iterator[int]:
    half, end = max(1, side // 2), side - NEAR
    yield from range(side - 1, max(end, half) - 1, -1)
    yield from range((end - 1) // STRIDE * STRIDE, half - 1, -STRIDE)


def _above(side: int) -> Iterator[int]:
    end = side + NEAR
    yield from range(side + 1, end + 1)
    yield from range((end // STRIDE + 1) * STRIDE, max(2 * side, USUAL) + 1, STRIDE)


def _roundest(side: int, tried: Callable[[int], Plan | InvalidArchitecture]) -> int:
    """Of the resolutions around one that come to the same last map, the one with the most factors of two."""

    def alike(each: int) -> bool:
        plan = tried(each)
        return isinstance(plan, Plan) and _last_map(plan) == goal

    plan = tried(side)
    assert isinstance(plan, Plan)
    goal = _last_map(plan)
    down = takewhile(alike, range(side - 1, max(0, side - ALIKE), -1))
    up = takewhile(alike, range(side + 1, side + ALIKE))
    return max((side, *down, *up), key=lambda each: each & -each)


def _last_map(plan: Plan) -> Shape:
    """The last map, tokens or pyramid that a block reads; the first block reads one."""
    shapes = (main_of(step.in_shape) for step in reversed(plan.steps))
    return next(shape for shape in shapes if not isinstance(shape, VectorShape))


def _decoded(space: Resizable, decisions: Mapping[str, Label], side: int) -> Plan | InvalidArchitecture:
    """The plan of decisions at a resolution, or why they cannot be built there."""
    answers: dict[str, Any] = {**decisions, RESOLUTION: side}
    try:
        return space.decode(space.walk(lambda decision: answers[decision.name]))
    except InvalidArchitecture as error:
        return error
    except KeyError as error:  # at this resolution something else must be decided
        return InvalidArchitecture("the decisions must answer this, but do not", path=str(error.args[0]))
