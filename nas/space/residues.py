"""What is left of an expression once some of its names have values; equal residues behave alike for all other names.

`a + b + c <= 9` with a = 1 and b = 2 leaves the same as with a = 2 and b = 1: only the sum goes on.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

from nas.space.compiling import Closure, compile_value
from nas.space.terms import All, Constant, Either, Name, Term, children
from nas.space.tokens import ExpressionError, Source


def residue(term: Term, env: Mapping[str, Any]) -> Hashable:
    """A canonical form of what is left."""
    match term:
        case Constant(value):
            return _value(value)
        case Name(name):
            return _value(env[name]) if name in env else ("name", name)
        case All(terms) | Either(terms):
            return _links(term, terms, env)
    parts = tuple(residue(child, env) for child in children(term))
    if all(_is_value(part) for part in parts):
        try:
            return _value(_closure(term)(env))
        except ExpressionError:
            pass
    return (type(term).__name__, getattr(term, "function", getattr(term, "comparator", "")), parts)


def _links(term: All | Either, terms: tuple[Term, ...], env: Mapping[str, Any]) -> Hashable:
    """Links that leave the others to decide are left out, from the front; one that decides ends it."""
    neutral, rest = _value(isinstance(term, All)), list(terms)
    while rest and residue(rest[0], env) == neutral:
        rest.pop(0)
    if not rest:
        return neutral
    first = residue(rest[0], env)
    if first == _value(not isinstance(term, All)):
        return first
    return (type(term).__name__, (first, *(residue(link, env) for link in rest[1:])))


def _value(value: Any) -> Hashable:
    return ("value", type(value).__name__, value)


def _is_value(part: Hashable) -> bool:
    return isinstance(part, tuple) and part[0] == "value"


@cache
def _closure(term: Term) -> Closure:
    return compile_value(term, Source(""))
