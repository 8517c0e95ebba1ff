"""Objects with the same code and structure: one class is written for each such group."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from nas.export.source.nodes import Fill, Leaf, Members, Path
from nas.export.source.ranks import Ranks
from nas.export.source.text import docstring
from nas.export.source.unify import Unified, unify
from nas.export.source.values import attribute, call, dump, is_literal, name


@dataclass
class Group:
    """One class of the file."""

    cls: type
    methods: dict[str, ast.FunctionDef]
    things: list[Any] = field(default_factory=list)
    members: list[Members] = field(default_factory=list)
    name: str = ""
    unified: Unified = field(default_factory=Unified)

    @property
    def is_module(self) -> bool:
        return issubclass(self.cls, nn.Module)

    @property
    def base(self) -> Leaf | None:
        """What of torch it is derived from."""
        only = self.members[0].nodes.get("")
        return only if isinstance(only, Leaf) else None

    def settle(self, ranks: Ranks) -> None:
        """Finds the parameters."""
        if self.base is None:
            comes, goes = zip(*(ranks.widths(thing) for thing in self.things), strict=True)
            self.unified = unify([each.numbers() for each in self.members], comes, goes)
        self._index = {id(thing): index for index, thing in enumerate(self.things)}

    def make(self, thing: Any, path: Path, fill: Fill) -> ast.expr:
        """The call that makes one of its objects."""
        index = self._index[id(thing)]
        base = self.members[index].nodes.get("")
        if isinstance(base, Leaf):
            return Leaf(base.text, base.args, base.default, named=self).write(path, fill)
        positional: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        for count, param in enumerate(self.unified.params):
            value = param.values[index]
            code = fill((*path, param.name), param.role, value)
            if param.has_default and is_literal(code) and value == param.default:
                continue
            if param.kind == "channels" and count < 3 and not keywords:
                positional.append(code)
            else:
                keywords.append(ast.keyword(param.name, code))
        return ast.Call(name(self.name), positional, keywords)

    def definition(self, methods: Sequence[str]) -> ast.ClassDef:
        """The class."""
        bases: list[ast.expr] = []
        if self.base is not None:
            bases = [attribute(name("nn"), self.base.text)]
        elif self.is_module:
            bases = [attribute(name("nn"), "Module")]
        body = docstring(self.cls.__doc__ or f"{self.name}.", 1)
        made = None if self.base is not None else self._constructor()
        if made is not None:
            body.append(made)
        body += [self.methods[each] for each in methods]
        return ast.ClassDef(self.name, bases, [], body, [])

    def _constructor(self) -> ast.FunctionDef | None:
        if not self.members[0].nodes:
            return None
        codes = self.unified.codes
        body: list[ast.stmt] = []
        if self.is_module:
            body.append(ast.Expr(call(attribute(call(name("super")), "__init__"))))
        for key, node in self.members[0].nodes.items():
            code = node.write((key,), lambda path, role, value: codes[path])
            if type(node).__name__ in ("Derived", "Fixed") or getattr(node, "buffer", False):
                words = [] if getattr(node, "buffer", False) else [ast.keyword("persistent", ast.Constant(False))]
                register = attribute(name("self"), "register_buffer")
                body.append(ast.Expr(ast.Call(register, [ast.Constant(key), code], words)))
            else:
                target = ast.Attribute(name("self"), key, ast.Store())
                body.append(ast.Assign([target], code, lineno=0))
        params = self.unified.params
        args = [ast.arg("self"), *(ast.arg(each.name) for each in params)]
        defaults: list[ast.expr] = [ast.Constant(each.default) for each in params if each.has_default]
        return ast.FunctionDef("__init__", ast.arguments([], args, None, [], [], None, defaults), body, [], lineno=0)


def sign(cls: type, methods: Mapping[str, ast.FunctionDef], members: Members) -> Any:
    """All in which objects of one class must agree."""
    return cls, tuple((key, dump(each)) for key, each in sorted(methods.items())), members.sign()


def split(things: Sequence[tuple[Any, Members]]) -> list[list[tuple[Any, Members]]]:
    """Objects with containers whose children differ must have as many of them."""
    for index, _ in enumerate(things[0][1].boxes()):
        if not all(_all_equal(members, index) for _, members in things):
            for _, members in things:
                members.boxes()[index].counted = False
    by_length: dict[Any, list[tuple[Any, Members]]] = {}
    for thing, members in things:
        lengths = tuple(len(box.entries) for box in members.boxes() if box.alike and not box.counted)
        by_length.setdefault(lengths, []).append((thing, members))
    return list(by_length.values())


def _all_equal(members: Members, index: int) -> bool:
    box = members.boxes()[index]
    if not box.alike:
        return True
    found: list[str] = []
    for _, node in box.entries:
        numbers: list[Any] = []

        def fill(path: Path, role: str, value: Any, numbers: list[Any] = numbers) -> ast.expr:
            numbers.append((path, value))
            return ast.Constant(0)

        node.write((), fill)
        found.append(repr(numbers))
    return len(set(found)) == 1 and len(found) > 1
