"""Functions and methods with what is known of one network's modules filled in."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks.dynamic import optional
from nas.export.source import inline
from nas.export.source.alike import likeness, parts
from nas.export.source.expressions import Expressions
from nas.export.source.frame import Frame, Restart
from nas.export.source.functions import Left, Partial, Written, bind, class_of, common, inner, source
from nas.export.source.known_calls import call_known
from nas.export.source.leaves import has_state
from nas.export.source.ranks import Ranks
from nas.export.source.tidy import tidy
from nas.export.source.values import (
    STANDARD,
    UNKNOWN,
    Cannot,
    Method,
    Val,
    attribute,
    call,
    code_of,
    dump,
    is_number,
    is_own,
    is_torch,
    is_word,
    known,
    literal,
    name,
    root_of,
)


class Specialiser:
    """Goes through the code of one network; keeps what of it must be written down."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.written: dict[int, Written] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.globals: dict[str, Any] = {}
        self._forwards: dict[int, Left | None] = {}
        self._alike: dict[Any, nn.Module] = {}
        self._log: list[tuple[dict[Any, Any], Any]] = []
        self._active: list[Any] = []

    # what was found, and forgetting it again

    def mark(self) -> int:
        return len(self._log)

    def undo(self, mark: int) -> None:
        """Forgets what was found since a mark."""
        while len(self._log) > mark:
            table, key = self._log.pop()
            del table[key]

    def _note(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if key not in table:
            table[key] = value
            self._log.append((table, key))

    def record(self, thing: Any) -> Written:
        """What is needed of an object so far."""
        self._note(self.written, id(thing), Written(thing))
        return self.written[id(thing)]

    def hold(self, thing: Any, text: str) -> None:
        """An attribute of an object is read."""
        if not is_torch(type(thing)):
            self._note(self.record(thing).held, text, None)

    def named(self, text: str, value: Any) -> Val:
        """A global name of a function."""
        if is_number(value):
            self._unique(text, value)
            self._note(self.globals, text, value)
            return Val(name(text), value, some=True)
        if is_word(value):
            return known(value)
        if not is_own(value):
            self._unique(text, value)
            self._note(self.globals, text, value)
        return Val(name(text), value, some=True)

    def _unique(self, text: str, value: Any) -> None:
        if text in self.globals and self.globals[text] is not value:
            raise Cannot(f"the name '{text}' stands for two things in the modules that it uses; rename one")

    # calls

    def call(self, frame: Expressions, function: Val, args: Sequence[Val], keywords: Mapping[str, Val]) -> Val:
        """What a call gives."""
        target = function.value
        if isinstance(target, nn.Module):
            return self._call_module(function, args, keywords)
        if isinstance(target, Method):
            text = target.function.__name__
            return self.call_function(frame, target.function, target.owner, [target.owner, *args], keywords, text)
        if isinstance(target, Partial):
            return self.call(frame, target.function, [*target.args, *args], {**target.keywords, **keywords})
        if target is optional or getattr(target, "__wrapped__", UNKNOWN) is getattr(optional, "__wrapped__", None):
            return Val(None, True)
        if inspect.isfunction(target) and is_own(target):
            return self.call_function(frame, target, None, args, keywords, target.__name__)
        if inspect.isclass(target) and is_own(target):
            raise Cannot(f"it makes a {target.__name__} whenever it runs")
        foreign = function.known and not isinstance(target, Tensor) and not is_torch(target)
        if foreign and root_of(target) not in (*STANDARD, "builtins", ""):
            text = getattr(target, "__qualname__", type(target).__name__)
            raise Cannot(f"it uses {target.__module__}.{text}, and not torch alone")
        if target is functools.partial:
            return Val(self._partial(args, keywords), Partial(args[0], args[1:], keywords), some=True)
        built_in = call_known(target, args, keywords)
        if built_in is not None:
            return built_in
        if function.code is None:
            raise Cannot("it calls something that cannot be written down")
        code = ast.Call(function.code, [code_of(each) for each in args], self._keywords(target, keywords))
        return Val(code, some=function.known or isinstance(function.code, ast.Attribute))

    def _keywords(self, target: Any, keywords: Mapping[str, Val]) -> list[ast.keyword]:
        drop = is_torch(target) or target is F.scaled_dot_product_attention
        return [
            ast.keyword(key, code_of(each))
            for key, each in keywords.items()
            if not (drop and each.known and each.value is None)
        ]

    def _partial(self, args: Sequence[Val], keywords: Mapping[str, Val]) -> ast.expr | None:
        function = args[0]
        if isinstance(function.value, nn.Module) and self.is_identity(function.value):
            empty = ast.arguments([], [], None, [], [], None, [])
            return ast.Lambda(empty, code_of(args[1]))
        if isinstance(function.value, Method):
            self._as_value(function.value)
        return ast.Call(name("partial"), [code_of(each) for each in args], self._keywords(None, keywords))

    def _as_value(self, method: Method) -> None:
        """A method that is handed on must exist as it is."""
        params = [each for each in inspect.signature(method.function).parameters if each != "self"]
        left = self.specialise(method.function, method.owner, {each: Val(name(each)) for each in params})
        self._add_method(method.owner.value, method.function.__name__, left, params)

    def _call_module(self, function: Val, args: Sequence[Val], keywords: Mapping[str, Val]) -> Val:
        module = function.value
        rank = self.ranks.output(module)
        if self.is_identity(module):
            return args[0]
        left = self.forward(module)
        if left is not None and left.expression is not None and not has_state(module):
            inlined = inline.call(left.expression, dict(zip(left.params, map(code_of, args), strict=False)), None)
            if inlined is not None and "self" not in inline.names(left.expression):
                return Val(inlined, rank=rank, some=True)
        words = [ast.keyword(key, code_of(each)) for key, each in keywords.items()]
        return Val(ast.Call(code_of(function), [code_of(each) for each in args], words), rank=rank, some=True)

    def is_identity(self, module: nn.Module) -> bool:
        """Whether a module gives its input back."""
        if isinstance(module, nn.Identity):
            return True
        if type(module).forward is nn.Sequential.forward:
            return all(self.is_identity(child) for child in module.children())
        left = self.forward(module)
        if left is None or not left.params or has_state(module):
            return False
        return isinstance(left.expression, ast.Name) and left.expression.id == left.params[0]

    def forward(self, module: nn.Module) -> Left | None:
        """What is left of a module's `forward`; None where it is torch's own."""
        if id(module) not in self._forwards and not self._is_like_another(module):
            function = type(module).forward
            if is_torch(function):
                for child in module.children():
                    self.forward(child)
                self._forwards[id(module)] = None
                return None
            owner = Val(name("self"), module, some=True)
            params = list(inspect.signature(function).parameters.values())[1:]
            ranks = self.ranks.inputs(module)
            bound = {
                each.name: Val(name(each.name), rank=ranks.get(index), some=index in ranks)
                for index, each in enumerate(params)
            }
            outer, self._log = self._log, []  # what a module needs is not forgotten with what called it first
            left = self.specialise(function, owner, bound)
            body = inline.delegated(left.body, self.record(module).methods)
            read = inline.names(*body)
            kept = [p.name for p in params if p.name in read or p.default is inspect.Parameter.empty]
            left = Left(tuple(kept), body, left.result, left.tree)
            self._forwards[id(module)] = left
            self.record(module).methods["forward"] = self._annotated(left, kept)
            self._log = outer
        return self._forwards[id(module)]

    def _is_like_another(self, module: nn.Module) -> bool:
        """Takes over what was found for a module that is made alike; whether there is one."""
        key = likeness(module, self.ranks)
        other = self._alike.setdefault(key, module)
        if other is module or id(other) not in self._forwards:
            return False
        for mine, theirs in zip(parts(module), parts(other), strict=True):
            if id(theirs) in self._forwards:
                self._forwards[id(mine)] = self._forwards[id(theirs)]
            if id(theirs) not in self.written:
                continue
            found = self.written[id(theirs)]
            if id(mine) not in self.written:
                self.written[id(mine)] = Written(mine, found.methods, found.held)
            else:  # something was called of it already
                own = self.written[id(mine)]
                own.methods.update({k: v for k, v in found.methods.items() if k not in own.methods})
                own.held.update(found.held)
        return True

    def _annotated(self, left: Left, kept: Sequence[str]) -> ast.FunctionDef:
        made = left.definition("forward", kept, own=True)
        doc = ast.get_docstring(left.tree)
        if doc:
            made.body = made.body[1:]
        given = {each.arg: each.annotation for each in left.tree.args.args}
        defaults = dict(zip(reversed(left.tree.args.args), reversed(left.tree.args.defaults), strict=False))
        by_name = {each.arg: default for each, default in defaults.items()}
        for each in made.args.args:
            if isinstance(given.get(each.arg), ast.Name) and given[each.arg].id == "Tensor":  # type: ignore[union-attr]
                each.annotation = name("Tensor")
        made.args.defaults = [by_name[each] for each in kept if each in by_name]
        several = any(isinstance(each, ast.Return) and isinstance(each.value, ast.Tuple) for each in ast.walk(made))
        if left.tree.returns is not None and "Tensor" in ast.unparse(left.tree.returns) and not several:
            made.returns = name("Tensor")
        return made

    def call_function(
        self,
        frame: Expressions,
        function: Any,
        owner: Val | None,
        args: Sequence[Val],
        keywords: Mapping[str, Val],
        text: str,
    ) -> Val:
        """A call of a function that is written down: what it returns in its place, or a call of what is left of it."""
        given, starred = bind(function, args, keywords)
        first = next(iter(inspect.signature(function).parameters)) if owner is not None else None
        bound = {key: inner(key, val, owner) for key, val in given.items() if key != first}
        left = self.specialise(function, owner, bound)
        codes = {key: val.code for key, val in given.items() if key != first}
        if starred is None and left.result.known and left.expression is None and not left.body:
            return left.result
        if starred is None and left.expression is not None:
            code = inline.call(left.expression, codes, None if owner is None else owner.code)
            if code is not None and inline.is_small(left.expression):
                result = left.result
                return Val(code, result.value, result.rank, None, result.some)
        if not left.body:
            return known(None)
        read = inline.names(*left.body)
        kept = [key for key in bound if key in read or (starred is not None and key in starred)]
        for key in kept:
            if isinstance(given[key].value, Method):
                self._as_value(given[key].value)
        passed = [code_of(given[key]) for key in kept if starred is None or key not in starred]
        passed += [val.code for val in args if starred is not None and isinstance(val.code, ast.Starred)]
        if owner is None:
            target: ast.expr = name(self._add_function(text, left, kept))
        else:
            made = self._add_method(owner.value, text, left, kept)
            target = attribute(code_of(owner), made)
        return Val(call(target, *passed), rank=left.result.rank, some=left.result.some)

    def specialise(self, function: Any, owner: Val | None, bound: Mapping[str, Val]) -> Left:
        """What is left of a function when this is known of its parameters."""
        tree, namespace = source(function)
        if self._active.count(function) > 3:
            raise Cannot(f"{function.__qualname__} calls itself, which cannot be written down")
        env = dict(bound)
        if owner is not None:
            env[tree.args.args[0].arg] = Val(name("self"), owner.value, some=True)
        spread: frozenset[str] = frozenset()
        self._active.append(function)
        try:
            while True:
                mark = self.mark()
                own = None if owner is None else env[tree.args.args[0].arg]
                frame = Frame(self, tree, namespace, env, owner=own, cls=class_of(function, owner), spread=spread)
                try:
                    frame.run()
                    break
                except Restart as again:
                    self.undo(mark)
                    spread |= again.names
        finally:
            self._active.pop()
        result = frame.returned[0] if len(frame.returned) == 1 else common(frame.returned)
        return Left(tuple(bound), tidy(frame.out), result, tree)

    def _add_method(self, thing: Any, text: str, left: Left, params: Sequence[str]) -> str:
        methods = self.record(thing).methods
        return self._add(methods, text, lambda made: left.definition(made, params, own=True))

    def _add_function(self, text: str, left: Left, params: Sequence[str]) -> str:
        return self._add(self.functions, text, lambda made: left.definition(made, params, own=False))

    def _add(self, table: dict[str, ast.FunctionDef], text: str, define: Any) -> str:
        """Adds a definition under its name, or under another where that one is taken by another."""
        count, made = 1, text
        while made in table and dump(table[made]) != dump(define(made)):
            count += 1
            made = f"{text}_{count}"
        self._note(table, made, define(made))
        return made

    def buffer(self, function: Any, args: Sequence[Any]) -> tuple[str, list[str], list[Any]]:
        """A function that computes a buffer, its parameters that matter, and their values."""
        given, _ = bind(function, [Val(literal(each), each, some=True) for each in args], {})
        bound = {key: inner(key, val, None) for key, val in given.items()}
        left = self.specialise(function, None, bound)
        read = inline.names(*left.body)
        kept = [key for key in bound if key in read]
        return self._add_function(function.__name__, left, kept), kept, [given[key].value for key in kept]
