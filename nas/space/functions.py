"""The arithmetic of expressions: every operator and function, bounded so that no expression can hang or overflow."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

Number = int | float

# Integers stay exact up to here; a network has no larger ones, and 9 ** 9 ** 9 would otherwise never end.
MAX_BITS = 1024


def _small(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise OverflowError
    return value


def multiply(a: Number, b: Number) -> Number:
    """`a * b`, bounded."""
    return _small(a * b)


def power(a: Number, b: Number) -> Number:
    """`a ** b`, refused before an integer grows beyond the bound; a complex result is an error."""
    if isinstance(a, int) and isinstance(b, int) and a.bit_length() * b > 2 * MAX_BITS:
        raise OverflowError
    value = a**b
    if isinstance(value, complex):
        raise ValueError("a negative number has no such power")
    return _small(value)


def round8(value: Number) -> int:
    """The nearest multiple of 8, at least 8, never more than 10 % below (EfficientNet, Tan and Le, 2019)."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def smallest(*values: Number) -> Number:
    """The smallest of one or more numbers."""
    return min(values)


def largest(*values: Number) -> Number:
    """The largest of one or more numbers."""
    return max(values)


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call, on one number or on many."""

    apply: Callable[..., Number]
    many: bool = False


FUNCTIONS = {
    "min": Function(smallest, many=True),
    "max": Function(largest, many=True),
    "abs": Function(abs),
    "floor": Function(math.floor),
    "ceil": Function(math.ceil),
    "round": Function(round),
    "sqrt": Function(math.sqrt),
    "log": Function(math.log),
    "log2": Function(math.log2),
    "exp": Function(math.exp),
    "round8": Function(round8),
}

OPERATORS: dict[str, Callable[..., Number]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": multiply,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": power,
    "negative": operator.neg,
    "positive": operator.pos,
}
