"""Putting what a function returns in the place of its call."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence

SMALL = 4  # operations of an expression that reads as well in the place of a call


def names(*nodes: ast.AST) -> set[str]:
    """The names that code reads."""
    found = (each for node in nodes for each in ast.walk(node))
    return {each.id for each in found if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def stored(*nodes: ast.AST) -> set[str]:
    """The names that code sets."""
    found = (each for node in nodes for each in ast.walk(node))
    return {each.id for each in found if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


class _Replace(ast.NodeTransformer):
    def __init__(self, codes: Mapping[str, ast.expr]) -> None:
        self.codes = codes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.codes:
            return copy.deepcopy(self.codes[node.id])
        return node


def replaced(code: ast.expr, codes: Mapping[str, ast.expr]) -> ast.expr:
    """An expression with names replaced by expressions; itself unchanged."""
    result: ast.expr = _Replace(codes).visit(copy.deepcopy(code))
    return result


def call(expression: ast.expr, codes: Mapping[str, ast.expr | None], owner: ast.expr | None) -> ast.expr | None:
    """An expression of parameters with its arguments; None where one would be computed twice, or cannot be written."""
    read = [each.id for each in ast.walk(expression) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)]
    filled: dict[str, ast.expr] = {}
    for key in {each for each in read if each in codes}:
        code = codes[key]
        if code is None or (read.count(key) > 1 and not _is_short(code)):
            return None
        filled[key] = code
    if "self" in read and owner is None:
        return expression if not filled else None
    if owner is not None:
        filled["self"] = owner
    if stored(expression) & names(*filled.values()):
        return None  # a variable of a comprehension inside would hide one outside
    return replaced(expression, filled)


def _is_short(code: ast.expr) -> bool:
    match code:
        case ast.Name() | ast.Constant() | ast.Attribute(value=ast.Name()):
            return True
        case ast.Tuple(elts=elements):
            return all(_is_short(each) for each in elements)
    return False


def is_small(expression: ast.expr) -> bool:
    """Whether an expression reads as well inside another."""
    heavy = (ast.Call, ast.BinOp, ast.IfExp, ast.Compare, ast.ListComp, ast.GeneratorExp)
    return sum(isinstance(each, heavy) for each in ast.walk(expression)) <= SMALL


def delegated(body: Sequence[ast.stmt], methods: Mapping[str, ast.FunctionDef]) -> list[ast.stmt]:
    """A method that only calls another one of its object becomes that one."""
    match list(body):
        case [ast.Return(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=text), args=args))] if (
            text in methods
        ):
            inner = methods[text]
            params = [each.arg for each in inner.args.args[1:]]
            statements = [each for each in inner.body if not _is_doc(each)]
            return _spliced(statements, dict(zip(params, args, strict=True)))
    return list(body)


def _is_doc(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _spliced(body: list[ast.stmt], codes: Mapping[str, ast.expr]) -> list[ast.stmt]:
    body = copy.deepcopy(body)
    before: list[ast.stmt] = []
    filled: dict[str, ast.expr] = {}
    for key, code in codes.items():
        if isinstance(code, ast.Name) and code.id == key:
            continue
        if _is_short(code) and key not in stored(*body) and _stays(code, key, body):
            filled[key] = code
        else:
            before.append(ast.Assign([ast.Name(key, ast.Store())], code, lineno=0))
    return [*before, *(_Replace(filled).visit(each) for each in body)]


def _stays(code: ast.expr, key: str, body: Sequence[ast.stmt]) -> bool:
    """Whether names of an argument are not set again before its parameter was read for the last time."""
    mine = names(code)
    last = max((i for i, each in enumerate(body) if key in names(each)), default=-1)
    first = min((i for i, each in enumerate(body) if mine & stored(each)), default=len(body))
    return last < first or (last == first and isinstance(body[last], ast.Assign))
