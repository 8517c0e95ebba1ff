"""Conditions on one value that no number can meet together: `params <= 1e5` and `params >= 2e5`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nas.errors import SpecError
from nas.space.compiling import compile_value, names_of
from nas.space.expression import Expression, ExpressionError
from nas.space.node import shorten
from nas.space.terms import All, Compare, Term
from nas.space.tokens import Source

# value: the other that it is a multiple of, and how many times
_MULTIPLES = {"flops": ("macs", 2.0)}
_TRIED = (0.0, 1.0, 2.0, 1e9)  # where a comparison has to be linear


@dataclass(frozen=True)
class _End:
    """What a condition leaves of a value: all above `at`, or all below; `at` itself where it is not `open`."""

    at: float
    open: bool
    expression: Expression


def check_consistent(expressions: Iterable[Expression]) -> None:
    """Raises `SpecError` at the first condition that leaves nothing of a value beside another, and names both places.

    Looked at are comparisons that are linear in one name, alone or joined by `and`; what else may contradict each other
    (two values that depend on each other, such as macs and params) only shows on networks.
    """
    lows: dict[str, _End] = {}
    highs: dict[str, _End] = {}
    for expression in expressions:
        for name, low, high in _ends(expression.term, expression):
            if low is not None and (name not in lows or (low.at, low.open) > (lows[name].at, lows[name].open)):
                lows[name] = low
            if high is not None and (
                name not in highs or (high.at, not high.open) < (highs[name].at, not highs[name].open)
            ):
                highs[name] = high
            if name in lows and name in highs and _apart(lows[name], highs[name]):
                other = highs[name] if low is lows[name] else lows[name]
                raise _contradiction(expression, other.expression, name)


def _apart(low: _End, high: _End) -> bool:
    return low.at > high.at or (low.at == high.at and (low.open or high.open))


def _ends(term: Term, expression: Expression) -> Iterator[tuple[str, _End | None, _End | None]]:
    """The lower and the upper end of each value that a condition bounds."""
    if isinstance(term, All):
        for part in term.terms:
            yield from _ends(part, expression)
    if not isinstance(term, Compare) or term.comparator == "!=" or len(names := names_of(term)) != 1:
        return
    (name,) = names
    line = _line(term, name, expression.text)
    if line is None:
        return
    slope, constant = line
    name, factor = _MULTIPLES.get(name, (name, 1.0))
    end = _End(-constant / slope / factor, term.comparator in ("<", ">"), expression)
    upper = (term.comparator in ("<", "<=")) == (slope > 0)
    if term.comparator == "==":
        yield name, end, end
    else:
        yield name, None if upper else end, end if upper else None


def _line(term: Compare, name: str, text: str) -> tuple[float, float] | None:
    """Slope and constant of left minus right; None where that is no line in the value."""
    source = Source(text)
    left, right = compile_value(term.left, source), compile_value(term.right, source)
    try:
        at = [float(left({name: value})) - float(right({name: value})) for value in _TRIED]
    except (ExpressionError, TypeError, ValueError):
        return None
    slope, constant = at[1] - at[0], at[0]
    straight = all(
        math.isclose(slope * value + constant, found, rel_tol=1e-6, abs_tol=1e-6 * max(1.0, abs(constant)))
        for value, found in zip(_TRIED, at, strict=True)
    )
    return (slope, constant) if straight and slope else None


def _contradiction(expression: Expression, other: Expression, name: str) -> SpecError:
    node = expression.node
    place = other.node.mark if other.node is not None and other.node.mark.line else None
    if other is expression:
        said = f"no {name} meets '{shorten(expression.text, 120)}'"
    else:
        where = f" ({place})" if place else ""
        texts = f"'{shorten(expression.text, 120)}' and '{shorten(other.text, 120)}'{where}"
        said = f"{texts} cannot hold together: no {name} meets both"
    said += "; change one of the numbers"
    return node.fail(said) if node is not None else SpecError(said)
