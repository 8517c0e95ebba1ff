"""How much a constraint is violated, as one number: what a sampler can learn from and a Pareto front can be cut by."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from nas.space.compiling import as_number, compare_value, compile_value, truth
from nas.space.functions import Number
from nas.space.terms import All, Comparator, Compare, Either, Not, Term
from nas.space.tokens import ExpressionError, Source

FLIPPED: dict[Comparator, Comparator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def compile_excess(term: Term, source: Source) -> Callable[[Mapping[str, Any]], float]:
    """A closure that gives by how much a constraint is violated; <= 0 exactly where its value is true."""
    match term:
        case All(terms):
            return _fold([compile_excess(part, source) for part in terms], max, lambda excess: excess > 0)
        case Either(terms):
            return _fold([compile_excess(part, source) for part in terms], min, lambda excess: excess <= 0)
        case Not(inner) if (opposite := _negated(inner)) is not None:
            return compile_excess(opposite, source)
        case Compare():
            return _distance(term, source)
    holds = truth(term, source)
    return lambda env: 0.0 if holds(env) else 1.0


def _fold(
    parts: list[Callable[[Mapping[str, Any]], float]],
    choose: Callable[[float, float], float],
    settled: Callable[[float], bool],
) -> Callable[[Mapping[str, Any]], float]:
    """All parts count, but like `and` and `or` a settled result does not mind that a later part has no value."""

    def run(env: Mapping[str, Any]) -> float:
        excess = parts[0](env)
        for part in parts[1:]:
            try:
                excess = choose(excess, part(env))
            except ExpressionError:
                if not settled(excess):
                    raise
        return excess

    return run


def _negated(term: Term) -> Term | None:
    match term:
        case Not(inner):
            return inner
        case Compare(comparator, left, right, position):
            return Compare(FLIPPED[comparator], left, right, position)
        case All(terms, position):
            return Either(tuple(Not(part, part.position) for part in terms), position)
        case Either(terms, position):
            return All(tuple(Not(part, part.position) for part in terms), position)
    return None


def _distance(term: Compare, source: Source) -> Callable[[Mapping[str, Any]], float]:
    left, right, holds = (
        compile_value(term.left, source),
        compile_value(term.right, source),
        compare_value(term, source),
    )
    comparator, position = term.comparator, term.position

    def run(env: Mapping[str, Any]) -> float:
        met = holds(env)
        a, b = left(env), right(env)
        if comparator == "!=" or (comparator == "==" and not _both_numbers(a, b)):
            return 0.0 if met else 1.0
        x, y = as_number(a, source, position), as_number(b, source, position)
        excess = _float_difference(x, y) if comparator in ("<", "<=") else _float_difference(y, x)
        if comparator == "==":
            excess = abs(excess)
        # Rounding may not turn a violation into none, nor equality under `<` into a success.
        return min(excess, 0.0) if met else max(excess, math.ulp(max(abs(float(y)), 1.0)) if abs(y) < 1e300 else 1.0)

    return run


def _both_numbers(a: Any, b: Any) -> bool:
    return all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in (a, b))


def _float_difference(a: Number, b: Number) -> float:
    if a == b:
        return 0.0  # also where both are infinite
    try:
        return float(a - b)
    except OverflowError:
        return math.inf if a > b else -math.inf
