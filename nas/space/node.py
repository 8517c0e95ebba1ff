"""A tree that remembers where each of its values was written, so that every later error can name the place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.errors import Mark, SpecError, nearest

Scalar = str | int | float | bool | None

MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_PATH = 500


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value with its place; two nodes are equal only when they are the same, compare `plain()` for content.

    `mark` is where the value stands (for an alias: the text it copies), `path` its place in the tree, in which an item
    of a list goes by its `name` where it has one (`stages.s1.block`) and by its index otherwise (`stem.0.conv`); `keys`
    is where each key of a mapping stands.
    """

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    mark: Mark
    path: str = ""
    keys: Mapping[str, Mark] = field(default_factory=dict)

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, tuple)

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.value, (dict, tuple))

    @property
    def found(self) -> str:
        """What stands here, in words, for the end of an error."""
        match self.value:
            case None:
                return "nothing"
            case bool(value):
                return "true" if value else "false"
            case str(value):
                return f"'{shorten(value)}'"
            case int(value) | float(value):
                return f"the number {shorten(str(value))}"
            case tuple(value):
                return f"a list of {len(value)}"
            case value:
                return (
                    f"a mapping with {', '.join(shorten(key) for key in list(value)[:4])}"
                    if value
                    else "an empty mapping"
                )

    def mapping(self, what: str) -> dict[str, Node]:
        """The entries of a mapping; `what` begins the error when it is none ("a stage")."""
        if isinstance(self.value, dict):
            return self.value
        raise self.fail(f"{what} must be a mapping, but got {self.found}")

    def items(self, what: str) -> tuple[Node, ...]:
        """The items of a list; `what` begins the error when it is none."""
        if isinstance(self.value, tuple):
            return self.value
        raise self.fail(f"{what} must be a list, but got {self.found}")

    def get(self, key: str) -> Node | None:
        """The value of a key of a mapping, None where there is none."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def only(self, allowed: Iterable[str], what: str) -> None:
        """Raises `SpecError` at the first key that is not allowed, naming the nearest one that is."""
        known = set(allowed)
        for key in self.mapping(what):
            if key not in known:
                raise self.fail(f"{what} has no key '{shorten(key)}'; {nearest(key, known)}", key=key)

    def plain(self) -> Any:
        """The same content as dicts, lists and scalars."""
        match self.value:
            case dict(entries):
                return {key: node.plain() for key, node in entries.items()}
            case tuple(items):
                return [node.plain() for node in items]
            case scalar:
                return scalar

    def at(self, loc: Sequence[str | int]) -> Node:
        """The deepest node that exists on the way along keys and indices (a pydantic error's `loc`)."""
        node = self
        for step in loc:
            match node.value, step:
                case dict(entries), str() if step in entries:
                    node = entries[step]
                case tuple(items), int() if 0 <= step < len(items):
                    node = items[step]
                case _:
                    break
        return node

    def fail(self, message: str, *, key: str | None = None) -> SpecError:
        """An error to raise, with mark and path filled in; with `key`, at that key of this mapping."""
        mark = self.keys.get(key, self.mark) if key is not None else self.mark
        path = join(self.path, shorten(key)) if key is not None else self.path
        return SpecError(message, mark=mark if mark.line else None, path=path or None)


def join(path: str, step: str | int) -> str:
    """A path one step longer."""
    return f"{path}.{step}" if path else str(step)


def shorten(text: str, length: int = 60) -> str:
    """Text that fits a message: one line, no control characters, not longer than `length`."""
    line = "".join(char if char.isprintable() else " " for char in text[: length + 1])
    return line if len(line) <= length else line[: length - 3] + "..."


def item_step(index: int, name: object) -> str | int:
    """How a list's item is called in paths: by its name where it is a mapping with one."""
    return name if isinstance(name, str) and name.isidentifier() else index


def check_number(value: int | float) -> str | None:
    """Why a number may not stand in a tree, None when it may. Not-a-number is no value: it does not equal itself."""
    if isinstance(value, float):
        return "not-a-number is not a value here" if math.isnan(value) else None
    return "an integer must have at most 300 digits" if value.bit_length() > 1000 else None


def check_text(value: str) -> str | None:
    """Why a text may not stand in a tree, None when it may: half a surrogate pair cannot be written to any file."""
    return (
        "text must be valid Unicode, but has half a surrogate pair"
        if any("\ud800" <= char <= "\udfff" for char in value)
        else None
    )


class Bounds:
    """Counts a tree's values while it is built, so that neither depth nor copied aliases can exhaust memory."""

    def __init__(self) -> None:
        self.count = 0

    def problem(self, path: str, depth: int) -> str | None:
        """Why one more value at this place is too much, None where it is not."""
        self.count += 1
        if depth > MAX_DEPTH:
            return f"a tree must be at most {MAX_DEPTH} deep"
        if self.count > MAX_NODES:
            return f"a tree must have at most {MAX_NODES:,} values, copies of aliases counted"
        return f"a path must have at most {MAX_PATH} characters" if len(path) > MAX_PATH else None


def wrap(tree: Any, file: str = "<python>") -> Node:
    """The same tree written in Python: mappings with text keys, lists or tuples, text, numbers, booleans and None.

    Raises `SpecError` with the path for anything else, and for a tree deeper than 64 or larger than 100,000 values.
    """
    return _wrap(tree, Mark(file, 0, 0), "", 0, Bounds())


def _wrap(value: Any, mark: Mark, path: str, depth: int, bounds: Bounds) -> Node:
    problem = bounds.problem(path, depth)
    content: Scalar | tuple[Node, ...] | dict[str, Node] = None
    match value:
        case _ if problem:
            pass
        case None | bool():
            content = value
        case str():
            problem, content = check_text(value), str.__str__(value)
        case int():
            problem, content = check_number(value), int(value)
        case float():
            problem, content = check_number(value), float(value)
        case Mapping():
            for key in value:
                problem = check_text(key) if isinstance(key, str) else f"a key must be text, but got {key!r:.60}"
                if problem:
                    break
            else:
                content = {
                    str(key): _wrap(item, mark, join(path, key), depth + 1, bounds) for key, item in value.items()
                }
                return Node(content, mark, path, dict.fromkeys(content, mark))
        case list() | tuple():
            names = [item.get("name") if isinstance(item, Mapping) else None for item in value]
            steps = [join(path, item_step(index, name)) for index, name in enumerate(names)]
            content = tuple(_wrap(item, mark, step, depth + 1, bounds) for step, item in zip(steps, value, strict=True))
        case _:
            allowed = "text, a number, true, false, None, a list or a mapping"
            problem = f"a value must be {allowed}, but got {type(value).__name__}"
    if problem:
        raise Node(None, mark, shorten(path, 200)).fail(problem)
    return Node(content, mark, path)
