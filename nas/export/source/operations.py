"""Operators: evaluated where both sides are known, and else written as short as what is known allows."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from torch import Tensor

from nas.export.source.values import (
    UNKNOWN,
    Val,
    code_of,
    display,
    is_literal,
    is_number,
    is_word,
    known,
    literal,
)

COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Operations:
    """Evaluates operators; how their operands are evaluated is left open."""

    def expr(self, node: ast.expr) -> Val:
        """What is known of an expression."""
        raise NotImplementedError

    def on_unaryop(self, node: ast.UnaryOp) -> Val:
        if isinstance(node.op, ast.Not):
            inner = self.test(node.operand)
            return known(not inner.value) if inner.known else Val(ast.UnaryOp(node.op, code_of(inner)), some=True)
        inner = self.expr(node.operand)
        value = -inner.value if isinstance(node.op, ast.USub) and is_number(inner.value) else UNKNOWN
        return Val(ast.UnaryOp(node.op, code_of(inner)), value, rank=inner.rank, some=True)

    def on_binop(self, node: ast.BinOp) -> Val:
        left, right = self.expr(node.left), self.expr(node.right)
        if left.items is not None and right.items is not None and isinstance(node.op, ast.Add):
            return display([*left.items, *right.items])
        code = _sum(code_of(left), node.op, code_of(right))
        operate = BINARY.get(type(node.op))
        if operate and all(each.known and not isinstance(each.value, Tensor) for each in (left, right)):
            value = operate(left.value, right.value)
            if is_word(value) or (is_literal(left.code) and is_literal(right.code)):
                return known(value, literal(value))
            return Val(code, value, some=True)
        if isinstance(node.op, ast.Mult) and left.known and left.value in (1, -1) and is_literal(left.code):
            return right if left.value == 1 else Val(ast.UnaryOp(ast.USub(), code_of(right)), some=True)
        return Val(code, some=True)

    def on_compare(self, node: ast.Compare) -> Val:
        values = [self.expr(each) for each in (node.left, *node.comparators)]
        first, second = values[0], values[1]
        if len(values) == 2 and isinstance(node.ops[0], ast.Is | ast.IsNot) and second.known and second.value is None:
            if first.some or first.known:
                return known((first.value is None) == isinstance(node.ops[0], ast.Is))
        elif all(each.known and not isinstance(each.value, Tensor) for each in values):
            pairs = zip(values, node.ops, values[1:], strict=False)
            return known(all(COMPARE[type(op)](a.value, b.value) for a, op, b in pairs))
        return Val(ast.Compare(code_of(first), node.ops, [code_of(each) for each in values[1:]]), some=True)

    def on_boolop(self, node: ast.BoolOp, test: bool = False) -> Val:
        decides = isinstance(node.op, ast.Or)
        left: list[Val] = []
        for each in node.values:
            val = self.test(each) if test else self.expr(each)
            truth = truth_of(val)
            if truth is None:
                left.append(val)
            elif truth == decides:
                if test or not left:
                    return val if not test else known(decides)
                left.append(val)
                break
            elif each is node.values[-1] and (not test or not left):
                left.append(val)
        if len(left) == 1:
            return left[0]
        return Val(ast.BoolOp(node.op, [code_of(each) for each in left]))

    def test(self, node: ast.expr) -> Val:
        """An expression of which only the truth matters."""
        val = self.on_boolop(node, test=True) if isinstance(node, ast.BoolOp) else self.expr(node)
        truth = truth_of(val)
        return val if truth is None else known(truth)

    def on_ifexp(self, node: ast.IfExp) -> Val:
        test = self.test(node.test)
        if test.known:
            return self.expr(node.body if test.value else node.orelse)
        body, orelse = self.expr(node.body), self.expr(node.orelse)
        code = ast.IfExp(code_of(test), code_of(body), code_of(orelse))
        return Val(code, rank=body.rank if body.rank == orelse.rank else None, some=body.some and orelse.some)


def _sum(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    """The code of an operation; without what literal zeros and ones of a loop that was written out leave of sums."""
    match left, op, right:
        case ast.Constant(value=0), ast.Add(), _:
            return right
        case _, ast.Add() | ast.Sub(), ast.Constant(value=0):
            return left
        case ast.BinOp(left=ast.Constant(value=int() as a), op=ast.Add(), right=inner), ast.Sub(), ast.Constant(
            value=int() as b
        ) if a >= b:
            return _sum(ast.Constant(a - b), ast.Add(), inner)
    return ast.BinOp(left, op, right)


def truth_of(val: Val) -> bool | None:
    """Whether it counts as true; None where that is not known."""
    if val.items is not None:
        return bool(val.items)
    if not val.known or isinstance(val.value, Tensor):
        return None
    return bool(val.value)
