"""Functions as they stand in files, what their parameters get, and what is left of them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from nas.export.source.known_calls import is_starred
from nas.export.source.text import docstring
from nas.export.source.values import Cannot, Method, Val, is_word, known, literal, name


@dataclass(frozen=True)
class Partial:
    """`functools.partial`, not yet called."""

    function: Val
    args: Sequence[Val]
    keywords: Mapping[str, Val]


@dataclass(frozen=True)
class Left:
    """What is left of a function: parameters, body, and what it returns where that is known."""

    params: tuple[str, ...]
    body: list[ast.stmt]
    result: Val
    tree: ast.FunctionDef

    @property
    def expression(self) -> ast.expr | None:
        """The function as one expression."""
        match self.body:
            case [ast.Return(value=value)] if value is not None:
                return value
        return None

    def definition(self, text: str, params: Sequence[str], own: bool) -> ast.FunctionDef:
        args = [ast.arg("self"), *map(ast.arg, params)] if own else [*map(ast.arg, params)]
        body = [*docstring(ast.get_docstring(self.tree), 2 if own else 1), *self.body]
        return ast.FunctionDef(text, ast.arguments([], args, None, [], [], None, []), body, [], lineno=0)


@dataclass
class Written:
    """What was found to be needed of one object: methods by name, attributes that hold numbers or objects."""

    thing: Any
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    held: dict[str, None] = field(default_factory=dict)


@cache
def source(function: Any) -> tuple[ast.FunctionDef, Mapping[str, Any]]:
    """A function's code and the names it sees; raises `Cannot`."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError) as error:
        raise Cannot(f"the source of {getattr(function, '__qualname__', function)} cannot be read ({error})") from None
    if not isinstance(tree, ast.FunctionDef):
        raise Cannot(f"{function.__qualname__} is not a plain function")
    closed = inspect.getclosurevars(function).nonlocals
    return tree, {**function.__globals__, **closed}


def bind(function: Any, args: Sequence[Val], keywords: Mapping[str, Val]) -> tuple[dict[str, Val], set[str] | None]:
    """What each parameter gets; the second is the parameters that come from something whose length is not known."""
    signature = inspect.signature(function)
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in signature.parameters.values()):
        raise Cannot(f"{function.__qualname__} takes any number of arguments, which cannot be written down")
    starred = None
    args = list(args)
    if is_starred(args):
        at = next(i for i, each in enumerate(args) if isinstance(each.code, ast.Starred))
        free = [key for key in list(signature.parameters)[at:] if key not in keywords]
        free = [key for key in free if signature.parameters[key].default is inspect.Parameter.empty]
        starred = set(free)
        args = [*args[:at], *(Val(name(key)) for key in free)]
    given = signature.bind(*args, **keywords).arguments
    for key, parameter in signature.parameters.items():
        if key not in given:
            given[key] = known(parameter.default, literal(parameter.default))
    return {key: given[key] for key in signature.parameters}, starred


def inner(key: str, val: Val, owner: Val | None) -> Val:
    """What is known of an argument, as the function sees it."""
    if isinstance(val.value, Partial) or (
        isinstance(val.value, Method) and (owner is None or val.value.owner.value is not owner.value)
    ):
        return Val(name(key), some=True)  # what it was made of has other names there
    if val.known and (is_word(val.value) or val.code is None):
        return val
    items = val.items if val.items is not None and all(item.known for item in val.items) else None
    return Val(name(key), val.value, val.rank, items, val.some)


def class_of(function: Any, owner: Val | None) -> type | None:
    """The class in which a method stands, from which `super()` looks on."""
    if owner is None:
        return None
    return next((cls for cls in type(owner.value).__mro__ if function in vars(cls).values()), type(owner.value))


def common(results: Sequence[Val]) -> Val:
    """What is known of a result that is one of several."""
    return Val(None, some=bool(results) and all(each.some for each in results)) if results else known(None)
