"""Expressions of a function, evaluated as far as they are known and else written with what is known filled in."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from nas.blocks.sharing import Lent
from nas.export.source import walks
from nas.export.source.comprehensions import Comprehensions
from nas.export.source.operations import Operations
from nas.export.source.values import (
    Cannot,
    Method,
    Parent,
    Val,
    attribute,
    call,
    code_of,
    display,
    is_literal,
    is_number,
    is_object,
    is_own,
    is_torch,
    is_word,
    known,
    literal,
    name,
    subscript,
    written,
)

if TYPE_CHECKING:
    from nas.export.source.specialiser import Specialiser


class Expressions(Operations, Comprehensions):
    """Evaluates the expressions of one function; `env` is what its variables are known to be."""

    spec: Specialiser
    namespace: Mapping[str, Any]
    env: dict[str, Val]
    cls: type | None
    owner: Val | None

    def expr(self, node: ast.expr) -> Val:
        """What is known of an expression; raises `Cannot` for a form that is not understood."""
        method = getattr(self, f"on_{type(node).__name__.lower()}", None)
        if method is None:
            raise Cannot(f"`{ast.unparse(node)}` is a form of expression that cannot be written down")
        result: Val = method(node)
        return result

    def on_constant(self, node: ast.Constant) -> Val:
        return Val(node, node.value, some=node.value is not None)

    def on_name(self, node: ast.Name) -> Val:
        if node.id in self.env:
            return self.env[node.id]
        if node.id in self.namespace:
            return self.spec.named(node.id, self.namespace[node.id])
        if hasattr(builtins, node.id):
            return Val(node, getattr(builtins, node.id), some=True)
        return Val(node)  # the variable of a comprehension around it, or one that is set in a branch

    def on_attribute(self, node: ast.Attribute) -> Val:
        return self.attribute(self.expr(node.value), node.attr)

    def attribute(self, base: Val, text: str) -> Val:
        """An attribute of something, as far as that is known."""
        if isinstance(base.value, Parent):
            return self._of_parent(base.value, text)
        code = None if base.code is None else attribute(base.code, text)
        if not base.known or isinstance(base.value, Tensor):
            return Val(code)
        owner = base.value
        found = inspect.getattr_static(type(owner), text, None)
        if isinstance(found, property) and not is_torch(found.fget):
            return self.spec.call_function(self, found.fget, base, [base], {}, "property")
        if inspect.isfunction(found) and not isinstance(owner, type) and is_own(found):
            return Val(code, Method(base, found), some=True)
        if isinstance(found, staticmethod | classmethod) and is_own(getattr(owner, text)):
            raise Cannot(f"`{text}` is a static or class method, which cannot be written down")
        try:
            value = getattr(owner, text)
        except AttributeError:
            return Val(code)
        if isinstance(owner, nn.Module) or is_object(owner):
            return self._of_object(base, text, value, code)
        if inspect.ismodule(owner) or inspect.isclass(owner) or inspect.isfunction(value):
            return Val(code, value, some=True)
        return known(value, literal(value) if is_number(value) else None)

    def _of_object(self, base: Val, text: str, value: Any, code: ast.expr | None) -> Val:
        if isinstance(value, Lent):
            return Val(None if code is None else subscript(code, 0), value.module, some=True)
        if isinstance(value, Tensor):
            return Val(code, value, rank=value.dim(), some=True)
        if isinstance(base.value, nn.Module) and text == "training":
            return Val(code)
        if is_number(value):
            self.spec.hold(base.value, text)
            return Val(code if code is not None else literal(value), value, some=True)
        if isinstance(value, nn.Module) or callable(value):
            return Val(code, value, some=True)
        if is_object(value) or (isinstance(value, tuple | list) and value and all(is_object(each) for each in value)):
            self.spec.hold(base.value, text)
            return Val(code, value, some=True)
        return known(value)

    def _of_parent(self, parent: Parent, text: str) -> Val:
        order = type(parent.owner.value).__mro__
        for cls in order[order.index(parent.cls) + 1 :]:
            if text in vars(cls):
                if is_own(cls):
                    return Val(None, Method(parent.owner, vars(cls)[text]), some=True)
                return Val(attribute(call(name("super")), text), some=True)
        raise Cannot(f"super().{text} cannot be found")

    def on_subscript(self, node: ast.Subscript) -> Val:
        base = self.expr(node.value)
        if isinstance(node.slice, ast.Slice):
            return self._sliced(base, node.slice)
        if isinstance(node.slice, ast.Tuple):
            cuts = [code_of(self.expr(each)) for each in node.slice.elts]
            if all(isinstance(each, ast.Slice) and each.lower is each.upper is each.step is None for each in cuts):
                return base  # all of it
            return Val(ast.Subscript(code_of(base), ast.Tuple(cuts, ast.Load()), ast.Load()), some=True)
        index = self.expr(node.slice)
        if index.known and isinstance(index.value, int):
            if base.items is not None:
                return base.items[index.value]
            if isinstance(base.value, tuple | list | nn.ModuleList | nn.Sequential):
                return element(base, base.value[index.value], index.value)
        if index.known and isinstance(base.value, nn.ModuleDict | dict):
            return element(base, base.value[index.value], index.value)
        return Val(ast.Subscript(code_of(base), code_of(index), ast.Load()), some=True)

    def _sliced(self, base: Val, cut: ast.Slice) -> Val:
        parts = [None if each is None else self.expr(each) for each in (cut.lower, cut.upper, cut.step)]
        if all(part is None or part.known for part in parts):
            where = slice(*(None if part is None else part.value for part in parts))
            if base.items is not None:
                return display(base.items[where])
            if isinstance(base.value, tuple | list):
                return known(base.value[where], literal(base.value[where]) if is_number(base.value[where]) else None)
        code = ast.Slice(*(None if part is None else code_of(part) for part in parts))
        return Val(ast.Subscript(code_of(base), code, ast.Load()), some=True)

    def on_slice(self, node: ast.Slice) -> Val:
        parts = [None if each is None else code_of(self.expr(each)) for each in (node.lower, node.upper, node.step)]
        if isinstance(parts[0], ast.Constant) and parts[0].value == 0:
            parts[0] = None
        return Val(ast.Slice(*parts))

    def on_tuple(self, node: ast.Tuple) -> Val:
        return self._display(node)

    def on_list(self, node: ast.List) -> Val:
        return self._display(node)

    def _display(self, node: ast.Tuple | ast.List) -> Val:
        items: list[Val] = []
        whole = True
        for each in node.elts:
            if isinstance(each, ast.Starred):
                inner = self.expr(each.value)
                elements = walks.elements(inner)
                if elements is None or is_held(inner):
                    whole = False
                    items.append(Val(ast.Starred(code_of(inner), ast.Load())))
                else:
                    items += elements
            else:
                items.append(self.expr(each))
        make = tuple if isinstance(node, ast.Tuple) else list
        if all(item.known and (is_word(item.value) or is_number(item.value)) for item in items):
            value = make(item.value for item in items)
            return Val(written(items, make), value, items=items, some=True)
        return Val(written(items, make), items=items if whole else None, some=True)

    def on_lambda(self, node: ast.Lambda) -> Val:
        inner = self.inside({each.arg: Val(name(each.arg)) for each in node.args.args})
        return Val(ast.Lambda(node.args, code_of(inner.expr(node.body))), some=True)

    def on_dict(self, node: ast.Dict) -> Val:
        keys = [None if key is None else code_of(self.expr(key)) for key in node.keys]
        return Val(ast.Dict(keys, [code_of(self.expr(each)) for each in node.values]), some=True)

    def on_joinedstr(self, node: ast.JoinedStr) -> Val:
        return Val(node, some=True)

    def on_starred(self, node: ast.Starred) -> Val:
        return Val(ast.Starred(code_of(self.expr(node.value)), ast.Load()))

    def on_call(self, node: ast.Call) -> Val:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args and self.owner is not None:
            assert self.cls is not None
            return Val(None, Parent(self.owner, self.cls), some=True)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "dim" and not node.args:
            rank = self.expr(node.func.value).rank
            if rank is not None:
                return known(rank, literal(rank))
        function = self.expr(node.func)
        args: list[Val] = []
        for each in node.args:
            inner = self.expr(each.value) if isinstance(each, ast.Starred) else None
            elements = None if inner is None else walks.elements(inner)
            if inner is None:
                args.append(self.expr(each))
            elif elements is not None and not is_held(inner):
                args += elements
            else:
                args.append(Val(ast.Starred(code_of(inner), ast.Load())))
        keywords: dict[str, Val] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise Cannot(f"`{ast.unparse(node)}` has keywords that are only known when it runs")
            keywords[keyword.arg] = self.expr(keyword.value)
        return self.spec.call(self, function, args, keywords)

    def inside(self, more: Mapping[str, Val]) -> Expressions:
        """The same function inside a comprehension or lambda with variables of its own."""
        inner = object.__new__(type(self))
        inner.__dict__.update(self.__dict__)
        inner.env = {**self.env, **more}
        return inner


def element(base: Val, value: Any, index: Any) -> Val:
    """An element of something known."""
    code = None if base.code is None else subscript(base.code, index)
    if is_number(value) and (base.code is None or is_literal(base.code)):
        code = literal(value)
    if isinstance(value, nn.Module):
        return Val(code, value, some=True)
    return known(value, code)


def is_held(val: Val) -> bool:
    """Whether a tuple of numbers stands in an attribute, which reads better than its elements."""
    return val.known and is_number(val.value) and not is_literal(val.code) and val.code is not None
