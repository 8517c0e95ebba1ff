"""Functions and methods with what is known of one network's modules filled in."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks.dynamic import optional
from nas.export.source import inline
from nas.export.source.alike import likeness, parts
from nas.export.source.constants import constant_of
from nas.export.source.expressions import Expressions, display
from nas.export.source.frame import Frame, Restart
from nas.export.source.ranks import Ranks
from nas.export.source.text import docstring
from nas.export.source.tidy import tidy
from nas.export.source.values import (
    STANDARD,
    UNKNOWN,
    Cannot,
    Method,
    Val,
    Walk,
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
from nas.export.source.walks import elements

PLAIN = {len, isinstance, any, all, min, max, int, float, abs, round, bool, str, getattr, hasattr}
COMPUTED = {min, max, int, float, abs, round}  # written as they are where numbers of attributes go in


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


class Specialiser:
    """Goes through the code of one network; keeps what of it must be written down."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.written: dict[int, Written] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.globals: dict[str, Any] = {}
        self.constants: dict[str, ast.expr] = {}
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
            code = constant_of(text, value)
            self._unique(text, value)
            self._note(self.constants, text, code)
            return Val(name(text), value, some=True)
        if is_word(value):
            return known(value)
        if not is_own(value):
            self._unique(text, value)
            self._note(self.globals, text, value)
        return Val(name(text), value, some=True)

    def _unique(self, text: str, value: Any) -> None:
        for table in (self.globals, self.constants):
            if text in table and table is self.globals and table[text] is not value:
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
        if (
            function.known
            and not is_torch(target)
            and root_of(target) not in (*STANDARD, "builtins", "math", "_operator")
        ):
            if not isinstance(target, Tensor) and root_of(target):
                raise Cannot(
                    f"it uses {target.__module__}.{getattr(target, '__qualname__', target)}, and not torch alone"
                )
        built_in = self._call_known(target, args, keywords)
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

    def _call_known(self, target: Any, args: Sequence[Val], keywords: Mapping[str, Val]) -> Val | None:
        """Calls whose result is known, or which are walks; None for others."""
        if target is F.dropout and len(args) > 1 and args[1].known and args[1].value == 0:
            return args[0]
        if target is functools.partial:
            whole = Partial(args[0], args[1:], keywords)
            return Val(self._partial(args, keywords), whole, some=True)
        if target in (zip, enumerate) and (target is zip or len(args) == 1) and not _starred(args):
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
        if left is not None and left.expression is not None and not _has_state(module):
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
        if left is None or not left.params or _has_state(module):
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
        given, starred = _bind(function, args, keywords)
        first = next(iter(inspect.signature(function).parameters)) if owner is not None else None
        bound = {key: _inner(key, val, owner) for key, val in given.items() if key != first}
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
                frame = Frame(self, tree, namespace, env, owner=own, cls=_class_of(function, owner), spread=spread)
                try:
                    frame.run()
                    break
                except Restart as again:
                    self.undo(mark)
                    spread |= again.names
        finally:
            self._active.pop()
        result = frame.returned[0] if len(frame.returned) == 1 else _common(frame.returned)
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
        given, _ = _bind(function, [Val(literal(each), each, some=True) for each in args], {})
        bound = {key: _inner(key, val, None) for key, val in given.items()}
        left = self.specialise(function, None, bound)
        read = inline.names(*left.body)
        kept = [key for key in bound if key in read]
        return self._add_function(function.__name__, left, kept), kept, [given[key].value for key in kept]


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


def _bind(function: Any, args: Sequence[Val], keywords: Mapping[str, Val]) -> tuple[dict[str, Val], set[str] | None]:
    """What each parameter gets; the second is the parameters that come from something whose length is not known."""
    signature = inspect.signature(function)
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in signature.parameters.values()):
        raise Cannot(f"{function.__qualname__} takes any number of arguments, which cannot be written down")
    starred = None
    args = list(args)
    if _starred(args):
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


def _inner(key: str, val: Val, owner: Val | None) -> Val:
    """What is known of an argument, as the function sees it."""
    if isinstance(val.value, Partial) or (
        isinstance(val.value, Method) and (owner is None or val.value.owner.value is not owner.value)
    ):
        return Val(name(key), some=True)  # what it was made of has other names there
    if val.known and (is_word(val.value) or val.code is None):
        return val
    items = val.items if val.items is not None and all(item.known for item in val.items) else None
    return Val(name(key), val.value, val.rank, items, val.some)


def _class_of(function: Any, owner: Val | None) -> type | None:
    if owner is None:
        return None
    return next((cls for cls in type(owner.value).__mro__ if function in vars(cls).values()), type(owner.value))


def _common(results: Sequence[Val]) -> Val:
    return Val(None, some=bool(results) and all(each.some for each in results)) if results else known(None)


def _added(first: Val, second: Val) -> Val:
    return Val(ast.BinOp(code_of(first), ast.Add(), code_of(second)), some=True)


def _starred(args: Sequence[Val]) -> bool:
    return any(isinstance(each.code, ast.Starred) for each in args)


def _has_state(module: nn.Module) -> bool:
    return next(iter(module.state_dict(keep_vars=True)), None) is not None
