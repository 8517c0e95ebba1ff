"""YAML text to a tree with places, and back: the scalars of YAML 1.2's core schema, and nothing that could surprise.

The syntax is PyYAML's (its event layer); what differs from its loaders is what plain words mean (`1e-6` is a number, `no`
and `010` are what they look like), that keys are text as written and may not repeat, and that aliases are copied within
bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nas.errors import Mark, SpecError
from nas.space.node import MAX_DEPTH, MAX_NODES, Node, Scalar, check_number, check_text, item_step, join, shorten, wrap

__all__ = ["Node", "Scalar", "read", "read_text", "wrap", "write"]

MAX_CHARACTERS = 1_000_000

# https://yaml.org/spec/1.2.2/#103-core-schema
NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)

QUOTE_HINT = "quote expressions with commas or brackets inside {...} and [...]"


@dataclass(slots=True)
class _Raw:
    """A value before aliases are copied: the copies share it."""

    value: Any
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)


def read(path: Path | str) -> Node:
    """The tree of a YAML file in UTF-8. Raises `SpecError` with the place for whatever is wrong with it."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path}: must be a YAML file that can be read, but {getattr(error, 'strerror', None) or error}"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise SpecError("a YAML file must be UTF-8 text", mark=mark) from error
    return read_text(text, str(path))


def read_text(text: str, file: str = "<text>") -> Node:
    """The tree of YAML text; an empty text is a null. Raises `SpecError` with the place."""
    if len(text) > MAX_CHARACTERS:
        raise SpecError(
            f"a YAML text must have at most {MAX_CHARACTERS:,} characters, but has {len(text):,}", mark=Mark(file, 1, 1)
        )
    return _copy(_Composer(text, file).document())


class _Composer:
    """Events to values, without recursion beyond `MAX_DEPTH`."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
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
            raise SpecError(f"this is not YAML: {shorten(said, 200)}{hint}", mark=mark) from error
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            mark = Mark(self.file, before.count("\n") + 1, error.position - before.rfind("\n"))
            raise SpecError(
                f"a YAML text may not hold the character U+{ord(text[error.position]):04X}", mark=mark
            ) from error
        except (
            ValueError,
            OverflowError,
        ) as error:  # an escape or a version number beyond what Python's chr and int take
            raise SpecError(f"this is not YAML: {error}", mark=self.where) from error

    def mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def document(self) -> _Raw:
        next(self.events)
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return _Raw(None, Mark(self.file, 1, 1))
        raw = self.value(next(self.events), 0, False)
        next(self.events)
        if not isinstance(after := next(self.events), yaml.StreamEndEvent):
            raise SpecError("a file must hold one document, but a second one begins here", mark=self.mark(after))
        return raw

    def value(self, event: Any, depth: int, flow: bool) -> _Raw:
        mark = self.mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, mark)
        if event.tag is not None:
            raise SpecError(
                f"tags such as {shorten(event.tag)} are not part of the language; quote text to keep it text", mark=mark
            )
        if depth > MAX_DEPTH:
            raise SpecError(f"a tree must be at most {MAX_DEPTH} deep", mark=mark)
        if event.anchor is not None:
            if event.anchor in self.anchors:
                raise SpecError(f"the anchor &{shorten(event.anchor)} must be defined once", mark=mark)
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
        if event.anchor not in self.anchors:
            raise SpecError(
                f"the alias *{shorten(event.anchor)} has no anchor &{shorten(event.anchor)} before it", mark=mark
            )
        raw = self.anchors[event.anchor]
        if raw is None:
            raise SpecError(f"the alias *{shorten(event.anchor)} may not stand inside what it copies", mark=mark)
        return raw

    def sequence(self, depth: int, flow: bool) -> list[_Raw]:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, depth + 1, flow))
        return items

    def mapping(self, mark: Mark, depth: int, flow: bool) -> _Raw:
        raw = _Raw({}, mark)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            place = self.mark(event)
            key = self.key(event, place)
            if key in raw.value:
                raise SpecError(
                    f"the key '{shorten(key)}' must be written once, but stands already at {raw.keys[key]}", mark=place
                )
            raw.keys[key] = place
            raw.value[key] = self.value(next(self.events), depth + 1, flow)
        return raw

    def key(self, event: Any, mark: Mark) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
            raise SpecError("a key must be text without tag, anchor or alias", mark=mark)
        if event.value == "<<" and event.style is None:
            raise SpecError("merge keys (<<) are not part of YAML 1.2; write the keys out", mark=mark)
        if problem := check_text(event.value):
            raise SpecError(problem, mark=mark)
        return str(event.value)

    def scalar(self, event: Any, mark: Mark, flow: bool) -> Scalar:
        text: str = event.value
        self.last = ""
        if problem := check_text(text):
            raise SpecError(problem, mark=mark)
        if event.style is not None:
            return text
        self.last = text
        if flow and text.count("(") > text.count(")"):
            raise SpecError(f"'{shorten(text)}' was cut at the comma; {QUOTE_HINT}", mark=mark)
        return _resolve(text, mark)


def _resolve(text: str, mark: Mark) -> Scalar:
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text[0] in "tT"
    if INT.match(text):
        if len(text) > 310:
            raise SpecError("an integer must have at most 300 digits", mark=mark)
        number: int | float = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    elif FLOAT.match(text):
        number = float(
            text.replace(".inf", "inf").replace(".nan", "nan") if (text := text.lower())[-1] in "fn" else text
        )
        if abs(number) == float("inf") and text[-1] != "f":
            raise SpecError(f"{shorten(text)} is too large a number (.inf is infinity)", mark=mark)
    else:
        return text
    if problem := check_number(number):
        raise SpecError(problem, mark=mark)
    return number


def _copy(root: _Raw) -> Node:
    """The tree with aliases copied: every copy has a path of its own and the place of the text it copies."""
    count = 0

    def build(raw: _Raw, path: str, depth: int) -> Node:
        nonlocal count
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            bound = f"have at most {MAX_NODES:,} values" if count > MAX_NODES else f"be at most {MAX_DEPTH} deep"
            raise SpecError(f"a tree must {bound}, aliases copied", mark=raw.mark, path=shorten(path) or None)
        if isinstance(raw.value, dict):
            entries = {key: build(item, join(path, key), depth + 1) for key, item in raw.value.items()}
            return Node(entries, raw.mark, path, raw.keys)
        if isinstance(raw.value, list):
            steps = [item_step(index, _name(item)) for index, item in enumerate(raw.value)]
            return Node(
                tuple(build(item, join(path, step), depth + 1) for step, item in zip(steps, raw.value, strict=True)),
                raw.mark,
                path,
            )
        return Node(raw.value, raw.mark, path)

    return build(root, "", 0)


def _name(raw: _Raw) -> object:
    return raw.value["name"].value if isinstance(raw.value, dict) and "name" in raw.value else None


class _Dumper(yaml.SafeDumper):
    """Writes what `read_text` reads: core scalars, no aliases, short lists of plain words on one line."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own name; the 1.1 words must not be inherited)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    return dumper.represent_scalar("tag:yaml.org,2002:float", text.replace("inf", ".inf") if "inf" in text else text)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    words = all(not isinstance(item, (dict, list)) and re.fullmatch(r"[\w.+-]{1,40}", str(item)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)


for _tag, _pattern in (("null", NULL), ("bool", BOOL), ("int", INT), ("float", FLOAT), ("merge", re.compile(r"<<\Z"))):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, None)
_Dumper.add_representer(float, _float)
_Dumper.add_representer(list, _list)


def write(tree: Any) -> str:
    """YAML text that `read_text` reads back equal, keys in their order. Raises `SpecError` where `wrap` would."""
    return str(
        yaml.dump(
            wrap(tree).plain(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120
        )
    )
