"""What loops and comprehensions walk along: its elements, and the names they get."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torch import nn

from nas.export.source.values import (
    Cannot,
    Val,
    Walk,
    call,
    code_of,
    is_literal,
    is_number,
    known,
    literal,
    name,
    subscript,
)


def elements(val: Val) -> list[Val] | None:
    """The elements, each as it is written outside the loop; None where their number is not known."""
    if val.items is not None:
        return list(val.items)
    if isinstance(val.value, Walk):
        parts = [elements(part) for part in val.value.parts]
        count = min((len(part) for part in parts if part is not None), default=None)
        if count is None:
            return None
        rows = [
            [Val(subscript(code_of(of), index), some=True) for index in range(count)] if part is None else part[:count]
            for of, part in zip(val.value.parts, parts, strict=True)
        ]
        if val.value.kind == "enumerate":
            rows = [[known(index, literal(index)) for index in range(count)], *rows]
        return [Val(None, items=list(row), some=True) for row in zip(*rows, strict=True)]
    if isinstance(val.value, range):
        return [known(each, literal(each)) for each in val.value]
    if isinstance(val.value, tuple | list | nn.ModuleList | nn.Sequential):
        return [_element(val, each, index) for index, each in enumerate(val.value)]
    return None


def _element(base: Val, value: object, index: int) -> Val:
    code = None if base.code is None else subscript(base.code, index)
    if is_number(value) and (base.code is None or is_literal(base.code)):
        code = literal(value)
    return Val(code, value, some=True) if isinstance(value, nn.Module) else known(value, code)


def is_written(val: Val) -> bool:
    """Whether a loop can walk along it as it is."""
    if isinstance(val.value, Walk):
        return all(is_written(part) for part in val.value.parts)
    return val.code is not None and not (val.items is not None and any(item.code is None for item in val.items))


def named(target: ast.expr, val: Val) -> dict[str, Val]:
    """What a loop's variables are known to be for one element, written by their names."""
    match target:
        case ast.Name(id=text):
            if val.known and (isinstance(val.value, nn.Module) or is_number(val.value) or not _is_word(val)):
                return {text: Val(name(text), val.value, val.rank, some=val.some)}
            return {text: val if val.known else Val(name(text), rank=val.rank, some=val.some)}
        case ast.Tuple(elts=targets) if val.items is not None and len(val.items) == len(targets):
            return {
                key: one
                for each, item in zip(targets, val.items, strict=True)
                for key, one in named(each, item).items()
            }
    return fresh(target)


def _is_word(val: Val) -> bool:
    return is_literal(val.code)


def bound(target: ast.expr, val: Val) -> dict[str, Val]:
    """The same, written as outside the loop."""
    match target:
        case ast.Name(id=text):
            return {text: val}
        case ast.Tuple(elts=targets):
            items = elements(val)
            if items is None:
                items = [Val(subscript(code_of(val), index), some=True) for index in range(len(targets))]
            return {
                key: one for each, item in zip(targets, items, strict=True) for key, one in bound(each, item).items()
            }
    raise Cannot(f"`{ast.unparse(target)}` cannot be the variable of a loop")


def fresh(target: ast.expr) -> dict[str, Val]:
    """Variables of which nothing is known."""
    return {node.id: Val(name(node.id)) for node in ast.walk(target) if isinstance(node, ast.Name)}


def needed(target: ast.expr, val: Val, body: Sequence[ast.AST]) -> tuple[ast.expr, ast.expr]:
    """Target and iterable of a loop without what its body does not read."""
    read = {node.id for each in body for node in ast.walk(each) if isinstance(node, ast.Name)}

    def is_read(each: ast.expr) -> bool:
        return any(isinstance(node, ast.Name) and node.id in read for node in ast.walk(each))

    walk = val.value
    if not isinstance(walk, Walk) or not isinstance(target, ast.Tuple):
        if isinstance(target, ast.Name) and not is_read(target):
            return ast.Name("_", ast.Store()), written(val)
        return target, written(val)
    if walk.kind == "enumerate":
        index, rest = target.elts
        if not is_read(index):
            return needed(rest, walk.parts[0], body)
        if not is_read(rest):
            return index, call(name("range"), call(name("len"), written(walk.parts[0])))
        inner, over = needed(rest, walk.parts[0], body)
        return ast.Tuple([index, inner], ast.Store()), call(name("enumerate"), over)
    kept = [(each, part) for each, part in zip(target.elts, walk.parts, strict=True) if is_read(each)]
    if not kept:
        kept = [(target.elts[0], walk.parts[0])]
    if len(kept) == 1:
        return needed(*kept[0], body)
    over = ast.Call(name("zip"), [written(part) for _, part in kept], list(walk.keywords))
    return ast.Tuple([each for each, _ in kept], ast.Store()), over


def written(val: Val) -> ast.expr:
    """The code of what is walked along."""
    if isinstance(val.value, Walk):
        return ast.Call(name(val.value.kind), [written(part) for part in val.value.parts], list(val.value.keywords))
    return code_of(val)
