"""Statements of a function, with branches that are never taken left out and loops whose rounds differ written out."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nas.export.source import walks
from nas.export.source.expressions import Expressions
from nas.export.source.values import (
    Cannot,
    Val,
    Walk,
    code_of,
    dump,
    is_literal,
    is_word,
    name,
    subscript,
)

if TYPE_CHECKING:
    from nas.export.source.specialiser import Specialiser

GROWING = ("append", "extend", "insert", "pop", "remove", "clear")


class Restart(Exception):
    """The function is to be gone through again, these lists being variables for each of their elements."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names


class Frame(Expressions):
    """One function, gone through once; what is left of it gathers in `out`."""

    def __init__(
        self,
        spec: Specialiser,
        tree: ast.FunctionDef,
        namespace: Mapping[str, Any],
        bound: Mapping[str, Val],
        *,
        owner: Val | None = None,
        cls: type | None = None,
        spread: frozenset[str] = frozenset(),
    ) -> None:
        self.spec, self.tree, self.namespace = spec, tree, namespace
        self.owner, self.cls, self.spread = owner, cls, spread
        self.env = dict(bound)
        self.out: list[ast.stmt] = []
        self.returned: list[Val] = []
        self.round = ""  # which round of a loop that is written out
        self.assigned = Counter(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        self.growing = {
            node.func.value.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.attr in GROWING
        }
        self.used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def run(self) -> None:
        """Goes through the whole function."""
        self.block(self.tree.body)

    def block(self, body: Sequence[ast.stmt]) -> bool:
        """Goes through statements; whether nothing behind them is reached."""
        return any(self.statement(each) for each in body)

    def statement(self, node: ast.stmt) -> bool:
        method = getattr(self, f"do_{type(node).__name__.lower()}", None)
        if method is None:
            raise Cannot(f"`{ast.unparse(node).splitlines()[0]}` is a form of statement that cannot be written down")
        return bool(method(node))

    @contextmanager
    def apart(self) -> Iterator[list[ast.stmt]]:
        """Statements gather in a list of their own, and what they set is forgotten."""
        out, env = self.out, self.env
        self.out, self.env = [], dict(env)
        try:
            yield self.out
        finally:
            self.out, self.env = out, env

    def do_expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):  # a docstring
            return
        if self._grows(node.value):
            return
        val = self.expr(node.value)
        if isinstance(val.code, ast.Call):
            self.out.append(ast.Expr(val.code))

    def _grows(self, node: ast.expr) -> bool:
        """`name.append(value)` of a list that is a variable for each element."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=text), attr="append"), args=[value]) if (
                text in self.spread
            ):
                items = list(self.env[text].items or ())
                items.append(self._put(_single(text, len(items), self.used), self.expr(value)))
                self.env[text] = _spread(items)
                return True
        return False

    def do_assert(self, node: ast.Assert) -> None:
        """Left out: what is built has been checked."""

    def do_pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def do_raise(self, node: ast.Raise) -> bool:
        self.out.append(node)
        return True

    def do_return(self, node: ast.Return) -> bool:
        val = self.expr(node.value) if node.value is not None else Val(ast.Constant(None), None)
        self.returned.append(val)
        if val.code is not None or not val.known:
            self.out.append(ast.Return(code_of(val)))
        return True

    def do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, self.expr(node.value))

    def do_assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            raise Cannot(f"`{ast.unparse(node)}` sets several names at once, which cannot be written down")
        self._assign(node.targets[0], self.expr(node.value))

    def _assign(self, target: ast.expr, val: Val) -> None:
        match target:
            case ast.Name(id=text) if text in self.spread and val.items is not None:
                items = [self._put(_single(text, i, self.used), item) for i, item in enumerate(val.items)]
                self.env[text] = _spread(items)
            case ast.Name(id=text) if self.round and val.items is not None and text not in self.growing:
                own = f"{text}_{self.round}"  # a list of this round alone, so that its elements can take its place
                self._emit(ast.Name(own, ast.Store()), val)
                self.env[text] = self._kept(own, val)
            case ast.Name(id=text):
                self._emit(target, val)
                self.env[text] = self._kept(text, val)
            case ast.Tuple(elts=targets) if all(isinstance(each, ast.Name) for each in targets):
                values = walks.elements(val)
                if values is not None and len(values) == len(targets):
                    self._emit(target, val if val.items is None else Val(_tuple(values)))
                    for each, item in zip(targets, values, strict=True):
                        assert isinstance(each, ast.Name)
                        self.env[each.id] = self._kept(each.id, item)
                else:
                    self._emit(target, val)
                    self.env.update({key: Val(one.code, some=True) for key, one in walks.fresh(target).items()})
            case _:
                raise Cannot(
                    f"`{ast.unparse(target)} = ...` changes something that stays, which cannot be written down"
                )

    def _emit(self, target: ast.expr, val: Val) -> None:
        if val.code is None and val.known:
            return  # a part that is left out, or a walk: written where it is used
        code = code_of(val)
        if dump(code) != dump(_load(target)):
            self.out.append(ast.Assign([target], code, lineno=0))

    def _put(self, text: str, val: Val) -> Val:
        """A value in a variable of its own, unless it is one already."""
        if isinstance(val.code, ast.Name | ast.Constant) or (val.code is None and val.known):
            return val
        self.out.append(ast.Assign([ast.Name(text, ast.Store())], code_of(val), lineno=0))
        return Val(name(text), val.value, val.rank, some=val.some)

    def _kept(self, text: str, val: Val) -> Val:
        """What is known of a variable from here on."""
        if text in self.growing:
            return Val(name(text), some=True)
        if (val.known and (val.code is None or is_literal(val.code) or is_word(val.value))) or isinstance(
            val.value, Walk | Tensor
        ):
            return val
        if isinstance(val.code, ast.Name) and self.assigned[text] <= 1 and not self.assigned[val.code.id]:
            return val
        items = val.items
        if items is not None:
            items = [
                item if item.known else Val(subscript(name(text), index), rank=item.rank, some=item.some)
                for index, item in enumerate(items)
            ]
        return Val(name(text), val.value, val.rank, items, val.some)

    def do_augassign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise Cannot(f"`{ast.unparse(node)}` changes something that stays, which cannot be written down")
        self.out.append(ast.AugAssign(node.target, node.op, code_of(self.expr(node.value))))
        self.env[node.target.id] = Val(name(node.target.id), some=True)

    def do_if(self, node: ast.If) -> bool:
        test = self.test(node.test)
        if test.known:
            return self.block(node.body if test.value else node.orelse)
        with self.apart() as body:
            ends, env = self.block(node.body), self.env
        with self.apart() as orelse:
            ends_else, env_else = self.block(node.orelse), self.env
        if body and isinstance(body[0], ast.Raise):  # checks its input, which was done when the network was made
            self.out += orelse
            self.env = env_else
            return ends_else
        if body:
            self.out.append(ast.If(code_of(test), body, orelse))
        elif orelse:
            self.out.append(ast.If(ast.UnaryOp(ast.Not(), code_of(test)), orelse, []))
        if ends != ends_else:
            self.env = env_else if ends else env
        else:
            self.env = {key: _merged(key, env.get(key), env_else.get(key)) for key in {**env, **env_else}}
        return ends and ends_else

    def do_with(self, node: ast.With) -> bool:
        items = []
        for item in node.items:
            context = self.expr(item.context_expr)
            if item.optional_vars is not None:
                raise Cannot(f"`with ... as {ast.unparse(item.optional_vars)}` cannot be written down")
            if context.code is not None:
                items.append(ast.withitem(context.code))
        if not items:
            return self.block(node.body)
        around, self.out = self.out, []
        ends = self.block(node.body)
        body, self.out = self.out, around
        self.out.append(ast.With(items, body, lineno=0))
        return ends

    def do_while(self, node: ast.While) -> None:
        self._forget(node)
        test = self.expr(node.test)
        with self.apart() as body:
            self.block(node.body)
        self.out.append(ast.While(code_of(test), body, []))

    def do_break(self, node: ast.Break) -> bool:
        self.out.append(node)
        return True

    def do_continue(self, node: ast.Continue) -> bool:
        self.out.append(node)
        return True

    def do_for(self, node: ast.For) -> None:
        if node.orelse:
            raise Cannot("a loop with `else` cannot be written down")
        iterated = self.expr(node.iter)
        elements = walks.elements(iterated)
        if (elements is None or walks.is_written(iterated)) and self._looped(node, iterated, elements):
            return
        if elements is None:
            raise Cannot(f"`for {ast.unparse(node.target)} in ...` cannot be written down")
        grown = self.growing - self.spread - set(self.namespace)
        body = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if elements and grown & body & set(self.env):
            raise Restart(frozenset(grown & body))
        for count, each in enumerate(elements):
            self.env.update(walks.bound(node.target, each))
            self.round = str(count)
            if any(isinstance(inner, ast.Break | ast.Continue) for inner in ast.walk(node)) or self.block(node.body):
                raise Cannot(f"`for {ast.unparse(node.target)} in ...` ends early, which cannot be written down")
        self.round = ""

    def _looped(self, node: ast.For, iterated: Val, elements: list[Val] | None) -> bool:
        """Writes it as a loop, where what is left of its rounds is the same."""
        if self.spread & {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}:
            return False
        rounds = [walks.named(node.target, each) for each in elements] if elements else [walks.fresh(node.target)]
        mark, returned = self.spec.mark(), list(self.returned)
        bodies = []
        before = dict(self.env)
        self._forget(node)
        for each in rounds:
            with self.apart() as body:
                self.env.update(each)
                self.block(node.body)
            bodies.append(body)
        if len({dump(body) for body in bodies}) > 1:
            self.spec.undo(mark)
            self.env, self.returned = before, returned
            return False
        if bodies[0]:
            target, over = walks.needed(node.target, iterated, bodies[0])
            self.out.append(ast.For(target, over, bodies[0], [], lineno=0))
        return True

    def _forget(self, loop: ast.stmt) -> None:
        """What a loop's body sets is not known before it."""
        for node in ast.walk(loop):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in self.env:
                self.env[node.id] = Val(name(node.id))


def _single(text: str, index: int, used: set[str]) -> str:
    """The name of one element of a list: `node_1` of `nodes`."""
    base = text[:-1] if text.endswith("s") and len(text) > 1 else text
    made = f"{base}_{index}"
    while made in used:
        made += "_"
    return made


def _spread(items: list[Val]) -> Val:
    return Val(_tuple(items), items=items, some=True)


def _tuple(items: Sequence[Val]) -> ast.expr | None:
    return ast.Tuple([code_of(item) for item in items], ast.Load())


def _load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Tuple):
        return ast.Tuple([_load(each) for each in target.elts], ast.Load())
    assert isinstance(target, ast.Name)
    return name(target.id)


def _merged(key: str, first: Val | None, second: Val | None) -> Val:
    if first is not None and second is not None:
        if first is second:
            return first
        same = first.code is not None and second.code is not None and dump(first.code) == dump(second.code)
        if first.known and first.value is second.value and same:
            return first
        return Val(name(key), some=first.some and second.some)
    return Val(name(key))
