"""What is known of an expression while a module's code is specialised: its value, or only how it is written."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from nas.errors import NasError

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "unknown"})()
STANDARD = frozenset(sys.stdlib_module_names)


class Cannot(Exception):
    """Something of a module cannot be written down; the message says what."""


def refused(where: str, module: nn.Module, error: Cannot) -> NasError:
    """The error that a user sees."""
    return NasError(
        f"{where} ({type(module).__name__}) must be made of what can be written down with torch alone, but {error};"
        " export the network as a torch.export program or ONNX instead"
    )


@dataclass(frozen=True)
class Val:
    """An expression: its code (None: there is no way to write it), and what is known of its value.

    `rank` is a tensor's number of dimensions, `items` are the elements of a display, `some` says that it is not None.
    """

    code: ast.expr | None
    value: Any = UNKNOWN
    rank: int | None = None
    items: Sequence[Val] | None = None
    some: bool = False

    @property
    def known(self) -> bool:
        return self.value is not UNKNOWN


@dataclass(frozen=True)
class Method:
    """A function of an object, not yet called."""

    owner: Val
    function: Any


@dataclass(frozen=True)
class Parent:
    """What `super()` gives inside a method of `cls`."""

    owner: Val
    cls: type


@dataclass(frozen=True)
class Walk:
    """`enumerate` or `zip` of something, not yet iterated."""

    kind: str
    parts: Sequence[Val]
    keywords: Sequence[ast.keyword] = ()


def name(text: str) -> ast.Name:
    """The code of a name that is read."""
    return ast.Name(text, ast.Load())


def attribute(base: ast.expr, text: str) -> ast.expr:
    """The code of an attribute."""
    return ast.Attribute(base, text, ast.Load())


def subscript(base: ast.expr, index: Any) -> ast.expr:
    """The code of an element by a plain index."""
    return ast.Subscript(base, literal(index), ast.Load())


def call(function: ast.expr, *args: ast.expr) -> ast.expr:
    """The code of a call."""
    return ast.Call(function, list(args), [])


def literal(value: Any) -> ast.expr:
    """The code of a plain value; raises `Cannot` for any other."""
    if isinstance(value, tuple | list):
        elements = [literal(each) for each in value]
        return ast.Tuple(elements, ast.Load()) if isinstance(value, tuple) else ast.List(elements, ast.Load())
    if isinstance(value, bool | str) or value is None or value is Ellipsis:
        return ast.Constant(value)
    if isinstance(value, int | float):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)
    raise Cannot(f"a value of type {type(value).__name__} cannot be written as code")


def is_literal(code: ast.expr | None) -> bool:
    """Whether code says its value itself."""
    match code:
        case ast.Constant():
            return True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return True
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(is_literal(each) for each in elements)
    return False


def is_number(value: Any) -> bool:
    """An int or float, or a tuple or list of such."""
    if isinstance(value, tuple | list):
        return bool(value) and all(is_number(each) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_word(value: Any) -> bool:
    """None, a truth value, a string, or several of them: what is decided for good when a module is made."""
    if isinstance(value, tuple | list):
        return all(is_word(each) for each in value)
    return value is None or isinstance(value, bool | str)


def known(value: Any, code: ast.expr | None = None) -> Val:
    """A value with its code, which for words is always the word itself."""
    if is_word(value):
        return Val(literal(value), value)
    if isinstance(value, tuple | list) and is_literal(code):
        return Val(code, value, items=[known(each, literal(each)) for each in value])
    return Val(code, value, some=True)


def code_of(val: Val) -> ast.expr:
    """How a value is written; raises `Cannot`."""
    if val.code is not None:
        return val.code
    if val.items is not None:
        return ast.Tuple([code_of(each) for each in val.items], ast.Load())
    return literal(val.value)


def root_of(thing: Any) -> str:
    """The package that a function or class comes from."""
    return (getattr(thing, "__module__", None) or "").partition(".")[0]


def is_torch(thing: Any) -> bool:
    """Whether a function or class comes with torch."""
    return root_of(thing) == "torch"


def is_own(thing: Any) -> bool:
    """Whether a function or class is written down (rather than imported): neither torch's nor Python's own."""
    return (inspect.isfunction(thing) or inspect.isclass(thing)) and not (
        is_torch(thing) or root_of(thing) in STANDARD or root_of(thing) == "builtins"
    )


def is_object(value: Any) -> bool:
    """Whether a value is an object of a class that is written down, other than a module."""
    cls = type(value)
    return is_own(cls) and not isinstance(value, nn.Module) and not cls.__module__.startswith("nas.arch")


def dump(code: Sequence[ast.AST] | ast.AST) -> str:
    """A text that is equal for equal code."""
    return ast.dump(code) if isinstance(code, ast.AST) else "\n".join(ast.dump(each) for each in code)


def display(items: Sequence[Val]) -> Val:
    """A tuple of what is known one by one."""
    return Val(written(list(items), tuple), items=list(items), some=True)


def written(items: list[Val], make: type) -> ast.expr | None:
    """The code of a tuple or list; None where an element cannot be written."""
    try:
        codes = [code_of(item) for item in items]
    except Cannot:
        return None
    return ast.Tuple(codes, ast.Load()) if make is tuple else ast.List(codes, ast.Load())
