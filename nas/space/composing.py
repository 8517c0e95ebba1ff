"""YAML events to a tree with places: keys as written and never twice, aliases copied within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from nas.errors import Mark, SpecError, nearest
from nas.space.node import MAX_DEPTH, Bounds, Node, Scalar, check_text, item_step, join, shorten
from nas.space.scalars import resolve

QUOTE_HINT = "quote expressions with commas or brackets inside {...} and [...]"


@dataclass(slots=True)
class _Raw:
    """A value before aliases are copied: the copies share it."""

    value: Any
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)


def compose(text: str, file: str) -> Node:
    """The tree of one YAML document; an empty text is a null. Raises `SpecError` with the place."""
    return _copy(_Composer(text, file).document(), "", 0, Bounds())


class _Composer:
    """Events to values, without recursion beyond `MAX_DEPTH`; `trail` is the path of what is being read."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.trail: list[str] = []
        self.anchors: dict[str, _Raw | None] = {}
        self.last = ""
        self.where = Mark(file, 1, 1)
        self.events = self._events(text)

    def _events(self, text: str) -> Iterator[Any]:
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                self.where = self.mark(event)
                yield event
        except yaml.MarkedYAMLError as error:
            place = error.problem_mark or error.context_mark
            mark = Mark(self.file, place.line + 1, place.column + 1) if place else self.where
            said = " ".join(part for part in (error.context, error.problem) if part)
            hint = f"; {QUOTE_HINT}" if self.last.startswith("$") or "(" in self.last else ""
            raise self.fail(f"this is not YAML: {shorten(said, 200)}{hint}", mark) from error
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            mark = Mark(self.file, before.count("\n") + 1, error.position - before.rfind("\n"))
            code = ord(text[error.position])
            raise self.fail(f"a YAML text may not hold the character U+{code:04X}", mark) from error
        except (ValueError, OverflowError) as error:  # an escape or a version that Python's chr and int do not take
            raise self.fail(f"this is not YAML: {error}", self.where) from error

    def mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def fail(self, message: str, mark: Mark) -> SpecError:
        return SpecError(message, mark=mark, path=shorten(".".join(self.trail), 200) or None)

    def document(self) -> _Raw:
        next(self.events)
        if isinstance(event := next(self.events), yaml.StreamEndEvent):
            return _Raw(None, self.mark(event))
        raw = self.value(next(self.events), 0, False)
        next(self.events)
        if not isinstance(after := next(self.events), yaml.StreamEndEvent):
            raise self.fail("a file must hold one document, but a second one begins here", self.mark(after))
        return raw

    def value(self, event: Any, depth: int, flow: bool) -> _Raw:
        mark = self.mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, mark)
        if event.tag is not None:
            tag = shorten(event.tag)
            raise self.fail(f"tags such as {tag} are not part of the language; quote text to keep it text", mark)
        if depth > MAX_DEPTH:
            raise self.fail(f"a tree must be at most {MAX_DEPTH} deep", mark)
        if event.anchor is not None:
            if event.anchor in self.anchors:
                raise self.fail(f"the anchor &{shorten(event.anchor)} must be defined once", mark)
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            raw = _Raw(self.scalar(event, mark, flow), mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            raw = _Raw(self.sequence(depth, flow or bool(event.flow_style)), mark)
        else:
            raw = self.mapping(mark, depth, flow or bool(event.flow_style))
        if event.anchor is not None:
            self.anchors[event.anchor] = raw
        return raw

    def alias(self, event: Any, mark: Mark) -> _Raw:
        name = shorten(event.anchor)
        if event.anchor not in self.anchors:
            raise self.fail(f"the alias *{name} has no anchor before it; {nearest(name, self.anchors)}", mark)
        raw = self.anchors[event.anchor]
        if raw is None:
            raise self.fail(f"the alias *{name} may not stand inside what it copies", mark)
        return raw

    def sequence(self, depth: int, flow: bool) -> list[_Raw]:
        items: list[_Raw] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            self.trail.append(str(len(items)))
            items.append(self.value(event, depth + 1, flow))
            self.trail.pop()
        return items

    def mapping(self, mark: Mark, depth: int, flow: bool) -> _Raw:
        raw = _Raw({}, mark)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            place = self.mark(event)
            key = self.key(event, place)
            self.trail.append(key)
            if key in raw.value:
                first = raw.keys[key]
                raise self.fail(f"a key must be written once, but this one stands already at {first}", place)
            raw.keys[key] = place
            raw.value[key] = self.value(next(self.events), depth + 1, flow)
            self.trail.pop()
        return raw

    def key(self, event: Any, mark: Mark) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
            raise self.fail("a key must be text without tag, anchor or alias", mark)
        if event.value == "<<" and event.style is None:
            raise self.fail("merge keys (<<) are not part of YAML 1.2; write the keys out", mark)
        if problem := check_text(event.value):
            raise self.fail(problem, mark)
        return str(event.value)

    def scalar(self, event: Any, mark: Mark, flow: bool) -> Scalar:
        text: str = event.value
        self.last = ""
        if problem := check_text(text):
            raise self.fail(problem, mark)
        if event.style is not None:
            return text
        self.last = text
        if flow and text.count("(") > text.count(")"):
            raise self.fail(f"'{shorten(text)}' was cut at the comma; {QUOTE_HINT}", mark)
        try:
            return resolve(text)
        except ValueError as error:
            raise self.fail(str(error), mark) from None


def _copy(raw: _Raw, path: str, depth: int, bounds: Bounds) -> Node:
    """The tree with aliases copied: every copy has a path of its own and the place of the text it copies."""
    if problem := bounds.problem(path, depth):
        raise SpecError(problem, mark=raw.mark, path=shorten(path, 200) or None)
    if isinstance(raw.value, dict):
        entries = {key: _copy(item, join(path, key), depth + 1, bounds) for key, item in raw.value.items()}
        return Node(entries, raw.mark, path, raw.keys)
    if isinstance(raw.value, list):
        steps = [join(path, item_step(index, _name(item))) for index, item in enumerate(raw.value)]
        items = [_copy(item, step, depth + 1, bounds) for step, item in zip(steps, raw.value, strict=True)]
        return Node(tuple(items), raw.mark, path)
    return Node(raw.value, raw.mark, path)


def _name(raw: _Raw) -> object:
    return raw.value["name"].value if isinstance(raw.value, dict) and "name" in raw.value else None
