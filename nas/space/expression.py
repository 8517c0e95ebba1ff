"""The small closed arithmetic of the language: text to its value, and to how much a constraint is violated.

Numbers, text in quotes, `true false none`, dotted names, `+ - * / // % **`, comparisons (also chained), `and or not`,
`in [...]` and a few functions. No `eval`; length, depth and the size of numbers are bounded, so that no text can hang
or crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from nas.space.compiling import compile_value, names_of
from nas.space.excess import compile_excess
from nas.space.node import Node
from nas.space.syntax import parse_term
from nas.space.tokens import ExpressionError, MissingName, Source

__all__ = ["Expression", "ExpressionError", "MissingName", "parse"]


class Expression:
    """A compiled expression; equal to another of the same text.

    `text` is what was written, `term` what it was read as, `names` the dotted names it looks up (`s1.2.block` is one).
    """

    def __init__(self, text: str, node: Node | None = None) -> None:
        self.text = text
        self._source = Source(text, node)
        self.term = parse_term(self._source)
        self.names = names_of(self.term)
        self._value = compile_value(self.term, self._source)

    @property
    def node(self) -> Node | None:
        """Where it was written; None where that is not known."""
        return self._source.node

    @cached_property
    def evaluate(self) -> Callable[[Mapping[str, Any]], Any]:
        """`evaluate(env)`: the value where every name has the value that `env` gives.

        Raises `MissingName` where a name has none, `ExpressionError` for division by zero, numbers too large, or
        operands of a wrong type.
        """
        return self._value

    @cached_property
    def excess(self) -> Callable[[Mapping[str, Any]], float]:
        """`excess(env)`: by how much a constraint is violated, <= 0 exactly where it holds, as Optuna wants it.

        `a <= b` gives a - b, `a < b` the same but never 0 at equality, `a == b` their distance; `and` gives the
        largest, `or` the smallest; what is true or false without numbers gives 0.0 or 1.0. Raises as `evaluate`, and
        where the value is neither true nor false.
        """
        return compile_excess(self.term, self._source)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Expression, (self.text, self._source.node))


def parse(text: str, node: Node | None = None) -> Expression:
    """The expression that a text (without its leading `$`) says; all its errors name the place of `node`.

    Raises `ExpressionError`, a `SpecError`.

    >>> parse("round8(24 * width)").evaluate({"width": 1.25})
    32
    >>> parse("latency_ms <= 1.5").excess({"latency_ms": 2.0})
    0.5
    """
    return Expression(text, node)
