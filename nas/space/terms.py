"""What an expression is made of: frozen values, one a construct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Comparator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, true, false or none."""

    value: int | float | str | bool | None
    position: int


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name, looked up when the expression is evaluated."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an arithmetic operator, of its arguments."""

    function: str
    arguments: tuple[Term, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; a chain `a < b < c` is the `All` of its links."""

    comparator: Comparator
    left: Term
    right: Term
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """`value in [options]`."""

    value: Term
    options: tuple[Term, ...]
    position: int


@dataclass(frozen=True, slots=True)
class All:
    """`a and b and ...`."""

    terms: tuple[Term, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Either:
    """`a or b or ...`."""

    terms: tuple[Term, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """`not a`."""

    term: Term
    position: int


Term = Constant | Name | Call | Compare | Member | All | Either | Not


def children(term: Term) -> tuple[Term, ...]:
    """The terms a term is made of."""
    match term:
        case Call(arguments=terms) | All(terms) | Either(terms):
            return terms
        case Compare(left=left, right=right):
            return (left, right)
        case Member(value, options):
            return (value, *options)
        case Not(inner):
            return (inner,)
    return ()


def height(term: Term) -> int:
    """How deep a tree is, found without recursion."""
    deepest, stack = 0, [(term, 1)]
    while stack:
        here, depth = stack.pop()
        deepest = max(deepest, depth)
        stack.extend((child, depth + 1) for child in children(here))
    return deepest
