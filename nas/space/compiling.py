"""Expression trees to closures that give their value."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from nas.errors import nearest
from nas.space.functions import FUNCTIONS, OPERATORS, Number
from nas.space.node import shorten
from nas.space.terms import All, Call, Compare, Constant, Either, Member, Name, Not, Term, children
from nas.space.tokens import MissingName, Source

Closure = Callable[[Mapping[str, Any]], Any]


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
            return compare_value(term, source)
        case Member(value, options):
            inner, choices = compile_value(value, source), [compile_value(option, source) for option in options]
            return lambda env: any(same(found, choice(env)) for found in (inner(env),) for choice in choices)
        case All(terms):
            links = [truth(part, source) for part in terms]
            return lambda env: all(link(env) for link in links)
        case Either(terms):
            links = [truth(part, source) for part in terms]
            return lambda env: any(link(env) for link in links)
        case Not(inner_term):
            negated = truth(inner_term, source)
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


def as_number(value: Any, source: Source, position: int) -> Number:
    """A value as a plain number; numpy's are numbers too, true and false are none."""
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
                values = tuple(as_number(value, source, position) for value in values)
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


def compare_value(term: Compare, source: Source) -> Closure:
    """A closure that says whether a comparison holds."""
    left, right, position = compile_value(term.left, source), compile_value(term.right, source), term.position

    def numbers_of(env: Mapping[str, Any]) -> tuple[Number, Number]:
        return as_number(left(env), source, position), as_number(right(env), source, position)

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


def truth(term: Term, source: Source) -> Callable[[Mapping[str, Any]], bool]:
    """A closure that gives true or false, and raises where the value is neither."""
    value, position = compile_value(term, source), term.position

    def decide(env: Mapping[str, Any]) -> bool:
        found = value(env)
        if isinstance(found, bool):
            return found
        raise source.fail(f"this must be true or false, but is {_said(found)}", position)

    return decide
