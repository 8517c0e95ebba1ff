"""What is left of a function, made to read as if it had been written so."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Sequence

from nas.export.source.inline import is_small, names, replaced, stored


def tidy(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements without what is not needed; the given ones stay unchanged."""
    body = [copy.deepcopy(each) for each in body]
    while True:
        before = len(ast.dump(ast.Module(body, [])))
        body = _without_dead(body)
        body = _blocks(body)
        body = _without_lists(body)
        if len(ast.dump(ast.Module(body, []))) == before:
            break
    match body:
        case [*rest, ast.Return(value=ast.Constant(value=None))] if not any(_returns(each) for each in rest):
            return rest
    return body


def _returns(node: ast.stmt) -> bool:
    return any(isinstance(each, ast.Return) for each in ast.walk(node))


def _without_dead(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without variables that nobody reads."""
    read = names(*body)

    class Dead(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
            (target,) = node.targets
            match target, node.value:
                case ast.Name(id=text), _ if text not in read:
                    return None
                case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                    pairs = [
                        (each, value)
                        for each, value in zip(targets, values, strict=True)
                        if not isinstance(each, ast.Name) or each.id in read
                    ]
                    if not pairs:
                        return None
                    if len(pairs) == 1:
                        return ast.Assign([pairs[0][0]], pairs[0][1], lineno=0)
                    node.targets = [ast.Tuple([each for each, _ in pairs], ast.Store())]
                    node.value = ast.Tuple([value for _, value in pairs], ast.Load())
                case ast.Tuple(elts=targets), _:
                    for each in targets:
                        if isinstance(each, ast.Name) and each.id not in read and not each.id.startswith("_"):
                            each.id = f"_{each.id}"
            return node

    return [each for each in map(Dead().visit, body) if each is not None]


def _blocks(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements next to each other that are one."""
    done: list[ast.stmt] = []
    for each in body:
        if isinstance(each, ast.If | ast.For | ast.While | ast.With):
            each.body = _blocks(each.body) or [ast.Pass()]
            if isinstance(each, ast.If):
                each.orelse = _blocks(each.orelse)
        each = _as_call(each)
        if done and (merged := _merged(done[-1], each)) is not None:
            done[-1] = merged
        else:
            done.append(each)
    return done


def _as_call(node: ast.stmt) -> ast.stmt:
    """`for layer in self.layers: x = layer(x)` as `x = self.layers(x)`, which nn.Sequential does."""
    match node:
        case ast.For(
            target=ast.Name(id=layer),
            iter=ast.Attribute(value=ast.Name(id="self")) as layers,
            body=[
                ast.Assign(
                    targets=[ast.Name(id=into)],
                    value=ast.Call(func=ast.Name(id=called), args=[ast.Name(id=read)], keywords=[]),
                )
            ],
        ) if layer == called and into == read:
            value = ast.Call(layers, [ast.Name(into, ast.Load())], [])
            return ast.Assign([ast.Name(into, ast.Store())], value, lineno=0)
    return node


def _merged(first: ast.stmt, second: ast.stmt) -> ast.stmt | None:
    """`y = e; return y` as `return e`, and `y = x; y = f(y)` as `y = f(x)`."""
    match first, second:
        case ast.Assign(targets=[ast.Name(id=text)], value=value), ast.Return(value=ast.Name(id=returned)) if (
            text == returned
        ):
            return ast.Return(value)
        case ast.Assign(targets=[ast.Name(id=text)], value=ast.Name() as source), ast.Assign(
            targets=[ast.Name(id=into)], value=value
        ) if text == into:
            second.value = replaced(value, {text: source})
            return second
        case ast.Assign(targets=[ast.Name(id=text)]), ast.Assign(targets=[ast.Name(id=into)], value=value) if (
            text == into and text not in names(value)
        ):
            return second
        case ast.Assign(targets=[ast.Name(id=text)], value=value), ast.Return(value=ast.expr() as returned) if _reads(
            returned, text
        ) == 1 and not isinstance(value, ast.List | ast.Tuple):
            code = replaced(returned, {text: value})
            return ast.Return(code) if is_small(code) else None
    return None


def _reads(code: ast.expr, text: str) -> int:
    """How often a name is read; many times where that is in a loop."""
    loops = (ast.ListComp, ast.GeneratorExp, ast.Lambda, ast.IfExp)
    if any(isinstance(each, loops) and text in names(each) for each in ast.walk(code)):
        return 2
    return sum(isinstance(each, ast.Name) and each.id == text for each in ast.walk(code))


def _without_lists(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without lists of which only elements are read, each once."""
    sets = Counter(
        each.id
        for node in body
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    )
    for index, node in enumerate(body):
        match node:
            case ast.Assign(targets=[ast.Name(id=text)], value=ast.List(elts=values) | ast.Tuple(elts=values)) if (
                sets[text] == 1
            ):
                rest = body[index + 1 :]
                if any(isinstance(value, ast.Starred) for value in values):
                    continue
                uses = _uses(rest, text)
                if uses is None or any(count > 1 for count in uses.values()):
                    continue
                if names(*values) & stored(*rest):
                    continue
                return [*body[:index], *(_Elements(text, values).visit(each) for each in rest)]
    return body


def _uses(rest: Sequence[ast.stmt], text: str) -> Counter[int] | None:
    """How often each element is read; None where the list is read as a whole, or in a loop."""
    counts: Counter[int] = Counter()
    indexed = 0
    for node in rest:
        if isinstance(node, ast.For | ast.While) and text in names(node):
            return None
        for each in ast.walk(node):
            match each:
                case ast.Subscript(value=ast.Name(id=found), slice=ast.Constant(value=int() as at)) if found == text:
                    counts[at] += 1
                    indexed += 1
                case ast.ListComp() | ast.GeneratorExp() | ast.Lambda() if text in names(each):
                    return None
    total = sum(isinstance(each, ast.Name) and each.id == text for node in rest for each in ast.walk(node))
    return counts if total == indexed else None


class _Elements(ast.NodeTransformer):
    def __init__(self, text: str, values: Sequence[ast.expr]) -> None:
        self.text, self.values = text, values

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Subscript(value=ast.Name(id=found), slice=ast.Constant(value=int() as at)) if found == self.text:
                return self.values[at]
        return node
