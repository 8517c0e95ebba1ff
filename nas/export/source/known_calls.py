"""Calls of Python's and torch's functions whose results are known without running anything."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F

from nas.export.source.values import Val, Walk, call, code_of, display, is_number, is_word, known, literal, name
from nas.export.source.walks import elements

PLAIN = {len, isinstance, any, all, min, max, int, float, abs, round, bool, str, getattr, hasattr}
COMPUTED = {min, max, int, float, abs, round}  # written as they are where numbers of attributes go in


def call_known(target: Any, args: Sequence[Val], keywords: Mapping[str, Val]) -> Val | None:
    """Calls whose result is known, or which are walks; None for others."""
    if target is F.dropout and len(args) > 1 and args[1].known and args[1].value == 0:
        return args[0]
    if target in (zip, enumerate) and (target is zip or len(args) == 1) and not is_starred(args):
        words = [ast.keyword(key, code_of(each)) for key, each in keywords.items()]
        return Val(None, Walk(target.__name__, tuple(args), words), some=True)
    if target is range and all(each.known for each in args):
        return Val(call(name("range"), *map(code_of, args)), range(*(each.value for each in args)), some=True)
    if target in (tuple, list) and len(args) == 1 and args[0].items is not None:
        return display(args[0].items) if target is tuple else None
    if target is sum and args and args[0].items is not None and not keywords:
        terms = [*args[1:2], *args[0].items]
        if terms:
            return functools.reduce(_added, terms)
    if target is len and len(args) == 1:
        found = args[0].items if args[0].items is not None else args[0].value if args[0].known else None
        if isinstance(args[0].value, Walk):
            found = elements(args[0])
        return None if found is None else known(len(found), literal(len(found)))
    plain = isinstance(getattr(target, "__self__", None), tuple | list | dict | str)  # `("class",).index(word)`
    if (plain or target in PLAIN) and not keywords and all(each.known for each in args):
        value = target(*(each.value for each in args))
        if not (is_number(value) or is_word(value)):
            return None
        if target in COMPUTED and all(each.code is not None for each in args):
            return known(value, call(name(target.__name__), *map(code_of, args)))
        return known(value, literal(value))
    return None


def _added(first: Val, second: Val) -> Val:
    return Val(ast.BinOp(code_of(first), ast.Add(), code_of(second)), some=True)


def is_starred(args: Sequence[Val]) -> bool:
    """Whether some arguments come from something whose length is not known."""
    return any(isinstance(each.code, ast.Starred) for each in args)
