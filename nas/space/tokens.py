"""The words of the expression language: numbers, quoted text, dotted names, operators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nas.errors import Mark, SpecError
from nas.space.node import Node, shorten

Kind = Literal["number", "text", "name", "operator", "end"]

MAX_CHARACTERS = 1000
WORDS = frozenset({"and", "or", "not", "in", "true", "false", "none"})
OPERATORS = ("**", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", "[", "]", ",")

# What other languages write, and what is written here.
SLIPS = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "=": "==",
    "^": "**",
    "True": "true",
    "False": "false",
    "None": "none",
    "null": "none",
    "~": "none",
    "&": "and",
    "|": "or",
}

NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
NAME = re.compile(r"[^\W\d]\w*")
SEGMENT = re.compile(r"\w+|'[^']*'|\"[^\"]*\"")
TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")


class ExpressionError(SpecError):
    """An expression cannot be read or has no value; `position` counts characters from one.

    `mark` and `path` name the place in the file where the expression came from one.
    """

    def __init__(
        self, message: str, text: str, position: int, *, mark: Mark | None = None, path: str | None = None
    ) -> None:
        self.text = text
        self.position = position
        self.problem = message
        super().__init__(f"in '{shorten(text, 120)}', character {position}: {message}", mark=mark, path=path)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.problem, self.text, self.position, self.mark, self.path))


def _rebuild(
    cls: type[ExpressionError], message: str, text: str, position: int, mark: Mark | None, path: str | None
) -> ExpressionError:
    return cls(message, text, position, mark=mark, path=path)


class MissingName(ExpressionError):
    """An expression names something that has no value here."""


@dataclass(frozen=True, slots=True)
class Source:
    """An expression's text and where it was written; makes its errors."""

    text: str
    node: Node | None = None

    def fail(self, message: str, position: int, cls: type[ExpressionError] = ExpressionError) -> ExpressionError:
        """An error to raise; `position` counts from zero."""
        mark = self.node.mark if self.node is not None and self.node.mark.line else None
        path = self.node.path or None if self.node is not None else None
        return cls(message, self.text, position + 1, mark=mark, path=path)


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `value` is the number, the text without quotes, the name, or the operator."""

    kind: Kind
    value: int | float | str
    position: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{shorten(str(self.value))}'"


def tokenize(source: Source) -> list[Token]:
    """All words of an expression, the last one being the end. Raises `ExpressionError`."""
    text = source.text
    if len(text) > MAX_CHARACTERS:
        raise source.fail(f"an expression must have at most {MAX_CHARACTERS} characters, but has {len(text)}", 0)
    tokens = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token, position = _token(source, position)
        tokens.append(token)
    return [*tokens, Token("end", "", len(text))]


def _token(source: Source, start: int) -> tuple[Token, int]:
    text = source.text
    if match := NUMBER.match(text, start):
        return Token("number", _number(source, match), start), match.end()
    if match := TEXT.match(text, start):
        return Token("text", match.group()[1:-1], start), match.end()
    if NAME.match(text, start):
        return _name(source, start)
    slip = next((slip for slip in SLIPS if not slip.isalpha() and text.startswith(slip, start)), None)
    for operator in OPERATORS:
        if text.startswith(operator, start):
            if slip is not None and len(slip) > len(operator):
                break
            return Token("operator", operator, start), start + len(operator)
    if slip is not None:
        raise source.fail(f"'{slip}' is written '{SLIPS[slip]}' here", start)
    if text[start] in "'\"":
        raise source.fail("the quoted text that begins here must end with the same quote", start)
    raise source.fail(f"'{shorten(text[start])}' has no meaning in an expression", start)


def _number(source: Source, match: re.Match[str]) -> int | float:
    word = match.group()
    after = source.text[match.end() : match.end() + 1]
    if after.isidentifier() or after == ".":
        raise source.fail(
            f"a number must not run into '{after}'; write '{word} * ...' for a product, or quote a name", match.start()
        )
    if word.isascii() and word.isdigit():
        if len(word) > 300:
            raise source.fail("a number must have at most 300 digits", match.start())
        return int(word)
    value = float(word)
    if value == float("inf"):
        raise source.fail(f"the number {word} is too large", match.start())
    return value


def _name(source: Source, start: int) -> tuple[Token, int]:
    """A dotted name: the first segment a word, later ones words, numbers or quoted (`cell.edges.'0>1'`)."""
    text = source.text
    first = NAME.match(text, start)
    assert first is not None
    segments, position = [first.group()], first.end()
    while text.startswith(".", position):
        match = SEGMENT.match(text, position + 1)
        if match is None:
            raise source.fail(f"the name '{shorten('.'.join(segments))}.' must go on after its dot", start)
        segment = match.group()
        segments.append(segment[1:-1] if segment[0] in "'\"" else segment)
        position = match.end()
    name = ".".join(segments)
    if name in SLIPS:
        raise source.fail(f"'{name}' is written '{SLIPS[name]}' here", start)
    return Token("operator" if name in WORDS else "name", name, start), position
