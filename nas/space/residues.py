"""What is left of an expression once some of its names have values; equal residues behave alike for all other names.

`a + b + c <= 9` with a = 1 and b = 2 leaves the same as with a = 2 and b = 1: only the sum goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from nas.space.compiling import compile_value, names_of
from nas.space.terms import All, Call, Compare, Constant, Either, Name, Term, children
from nas.space.tokens import ExpressionError, Source

Residue = Callable[[Mapping[str, Any]], Hashable]


def value(found: Any) -> Hashable:
    """The residue of what has a value; `1`, `1.0` and `true` differ."""
    return ("value", type(found).__name__, found)


def compile_residue(term: Term) -> Residue:
    """A closure that gives a canonical form of what is left."""
    if isinstance(term, Name):
        name, unknown = term.name, ("name", term.name)
        return lambda env: value(env[name]) if name in env else unknown
    if isinstance(term, Constant):
        constant = value(term.value)
        return lambda env: constant
    names, evaluate, left = names_of(term), compile_value(term, Source("")), _left(term)

    def run(env: Mapping[str, Any]) -> Hashable:
        if names <= env.keys():
            try:
                return value(evaluate(env))
            except ExpressionError:  # it has no value, which whoever checks the whole says with its place
                pass
        return left(env)

    return run


def _left(term: Term) -> Residue:
    parts = [compile_residue(child) for child in children(term)]
    match term:
        case All() | Either():
            return _links(term, parts)
        case Call(function=said) | Compare(comparator=said):
            head: tuple[str, str] = (type(term).__name__, said)
        case _:
            head = (type(term).__name__, "")
    return lambda env: (head, tuple([part(env) for part in parts]))


def _links(term: All | Either, parts: list[Residue]) -> Residue:
    """Links that leave the others to decide are left out, from the front; one that decides ends it."""
    neutral, decides, kind = value(isinstance(term, All)), value(not isinstance(term, All)), type(term).__name__

    def run(env: Mapping[str, Any]) -> Hashable:
        found = [part(env) for part in parts]
        while found and found[0] == neutral:
            found.pop(0)
        if not found:
            return neutral
        return decides if found[0] == decides else (kind, tuple(found))

    return run
