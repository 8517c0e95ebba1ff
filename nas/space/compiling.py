"""Expression trees to closures: one for the value, one for how much a constraint is violated."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from nas.errors import nearest
from nas.space.functions import FUNCTIONS, OPERATORS, Number
from nas.space.node import shorten
from nas.space.syntax import All, Call, Compare, Constant, Either, Member, Name, Not, Term, children
from nas.space.tokens import ExpressionError, MissingName, Source

Closure = Callable[[Mapping[str, Any]], Any]

FLIPPED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def names_of(term: Term) -> frozenset[str]:
    """Every name that a tree looks up."""
    found, stack = set(), [term]
    while stack:
        here = stack.pop()
        if isinstance(here, Name):
            found.add(here.name)
        stack.extend(children(here))
    return frozenset(found)


def same(a: Any, b: Any) -> bool:
    """Equality of the language: true is not 1; `none` is the absent value and also the word `none` among options."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    return bool(("none" if a is None else a) == ("none" if b is None else b))


def compile_value(term: Term, source: Source) -> Closure:
    """A closure that gives the value; what names nothing is computed now, once."""
    closure = _value(term, source)
    if isinstance(term, (Name, Constant)) or names_of(term):
        return closure
    constant = closure({})
    return lambda env: constant


def _value(term: Term, source: Source) -> Closure:
    match term:
        case Constant(value):
            return lambda env: value
        case Name():
            return _name(term, source)
        case Call():
            return _call(term, source)
        case Compare():
            return _compare(term, source)
        case Member(value, options):
            inner, choices = compile_value(value, source), [compile_value(option, source) for option in options]
            return lambda env: any(same(found, choice(env)) for found in (inner(env),) for choice in choices)
        case All(terms):
            links = [_truth(part, source) for part in terms]
            return lambda env: all(link(env) for link in links)
        case Either(terms):
            links = [_truth(part, source) for part in terms]
            return lambda env: any(link(env) for link in links)
        case Not(inner_term):
            negated = _truth(inner_term, source)
            return lambda env: not negated(env)


def _name(term: Name, source: Source) -> Closure:
    name, position = term.name, term.position

    def look_up(env: Mapping[str, Any]) -> Any:
        try:
            value = env[name]
        except KeyError:
            raise source.fail(f"'{name}' has no value here; {nearest(name, env)}", position, MissingName) from None
        if value != value:
            raise source.fail(f"'{name}' must be a value, but is not-a-number", position)
        return value

    return look_up


def _number(value: Any, source: Source, position: int) -> Number:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise source.fail(f"arithmetic and order need numbers, but got {_said(value)}", position)


def _said(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return f"the text '{shorten(value)}'"
    return shorten(repr(value))


def _call(term: Call, source: Source) -> Closure:
    apply = OPERATORS[term.function] if term.function in OPERATORS else FUNCTIONS[term.function].apply
    arguments = [compile_value(argument, source) for argument in term.arguments]
    position = term.position

    def run(*values: Any) -> Number:
        for value in values:
            if type(value) is not int and type(value) is not float:
                values = tuple(_number(value, source, position) for value in values)
                break
        try:
            result = apply(*values)
        except ZeroDivisionError:
            raise source.fail("division by zero", position) from None
        except OverflowError:
            raise source.fail("the result is too large", position) from None
        except ValueError:
            raise source.fail(
                f"{term.function} has no value for {', '.join(_said(value) for value in values)}", position
            ) from None
        if type(result) is float and not math.isfinite(result):
            raise source.fail("the result is too large", position)
        return result

    if len(arguments) == 1:
        (only,) = arguments
        return lambda env: run(only(env))
    if len(arguments) == 2:
        left, right = arguments
        return lambda env: run(left(env), right(env))
    return lambda env: run(*[argument(env) for argument in arguments])


def _compare(term: Compare, source: Source) -> Closure:
    left, right, position = compile_value(term.left, source), compile_value(term.right, source), term.position

    def numbers_of(env: Mapping[str, Any]) -> tuple[Number, Number]:
        return _number(left(env), source, position), _number(right(env), source, position)

    def less(env: Mapping[str, Any]) -> bool:
        a, b = numbers_of(env)
        return a < b

    def at_most(env: Mapping[str, Any]) -> bool:
        a, b = numbers_of(env)
        return a <= b

    match term.comparator:
        case "==":
            return lambda env: same(left(env), right(env))
        case "!=":
            return lambda env: not same(left(env), right(env))
        case "<":
            return less
        case "<=":
            return at_most
        case ">":
            return lambda env: not at_most(env)
        case ">=":
            return lambda env: not less(env)


def _truth(term: Term, source: Source) -> Callable[[Mapping[str, Any]], bool]:
    value, position = compile_value(term, source), term.position

    def decide(env: Mapping[str, Any]) -> bool:
        found = value(env)
        if isinstance(found, bool):
            return found
        raise source.fail(f"this must be true or false, but is {_said(found)}", position)

    return decide


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
    holds = _truth(term, source)
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
            return Compare(FLIPPED[comparator], left, right, position)  # type: ignore[arg-type]
        case All(terms, position):
            return Either(tuple(Not(part, part.position) for part in terms), position)
        case Either(terms, position):
            return All(tuple(Not(part, part.position) for part in terms), position)
    return None


def _distance(term: Compare, source: Source) -> Callable[[Mapping[str, Any]], float]:
    left, right, holds = compile_value(term.left, source), compile_value(term.right, source), _compare(term, source)
    comparator, position = term.comparator, term.position

    def run(env: Mapping[str, Any]) -> float:
        met = holds(env)
        a, b = left(env), right(env)
        if comparator == "!=" or (comparator == "==" and not _both_numbers(a, b)):
            return 0.0 if met else 1.0
        x, y = _number(a, source, position), _number(b, source, position)
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
