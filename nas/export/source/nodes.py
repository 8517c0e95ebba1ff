"""What a constructor makes: the attributes of an object, each as a tree whose numbers are still to be written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nas.export.source.leaves import role_of
from nas.export.source.values import attribute, call, is_literal, literal, name

if TYPE_CHECKING:
    from nas.export.source.groups import Group

Path = tuple[str, ...]
Fill = Callable[[Path, str, Any], ast.expr]  # where a number stands, what it means and what it is; its code


class Node(Protocol):
    """One attribute of an object."""

    def sign(self) -> Any:
        """All that must be the same for two objects to be of one class."""

    def write(self, path: Path, fill: Fill) -> ast.expr:
        """The code that makes it; every number is handed to `fill`, always in the same order."""


@dataclass(frozen=True)
class Shared:
    """The name of a part that is registered once, elsewhere."""

    text: str


@dataclass
class Leaf:
    """A module of torch, or of a class (`named`) that only changes how one of torch runs."""

    text: str
    args: dict[str, Any]
    default: dict[str, Any]
    named: Group | None = None

    def sign(self) -> Any:
        return ("leaf", self.text, tuple(self.args))

    def write(self, path: Path, fill: Fill) -> ast.expr:
        codes = {key: fill((*path, key), role_of(key), value) for key, value in self.args.items()}
        positional = [code for key, code in codes.items() if key not in self.default]
        keywords = [
            ast.keyword(key, code)
            for key, code in codes.items()
            if key in self.default and not (is_literal(code) and self.args[key] == self.default[key])
        ]
        made = attribute(name("nn"), self.text) if self.named is None else name(self.named.name)
        return ast.Call(made, positional, keywords)


@dataclass
class Own:
    """An object of a class that is written down."""

    thing: Any
    group: Group

    def sign(self) -> Any:
        return ("own", id(self.group))

    def write(self, path: Path, fill: Fill) -> ast.expr:
        return self.group.make(self.thing, path, fill)


@dataclass
class Box:
    """A container of torch, or a list. `alike`: its children are all the same, however many there are."""

    text: str
    entries: list[tuple[str, Node]]
    alike: bool = False
    counted: bool = True

    def sign(self) -> Any:
        signs = [each.sign() for _, each in self.entries]
        if self.alike and self.counted:
            return ("box", self.text, signs[0])
        return ("box", self.text, tuple((key, sign) for (key, _), sign in zip(self.entries, signs, strict=True)))

    def write(self, path: Path, fill: Fill) -> ast.expr:
        if self.alike and self.counted:
            count = fill((*path, "count"), "count", len(self.entries))
            one = self.entries[0][1].write((*path, "each"), fill)
            walk = ast.comprehension(ast.Name("_", ast.Store()), call(name("range"), count), [], 0)
            many = ast.ListComp(one, [walk]) if self.text != "Sequential" else ast.GeneratorExp(one, [walk])
            return self._call([ast.Starred(many, ast.Load())] if self.text == "Sequential" else [many])
        codes = [each.write((*path, key), fill) for key, each in self.entries]
        if self.text == "ModuleDict":
            return self._call([ast.Dict([literal(key) for key, _ in self.entries], codes)])
        if self.text == "Sequential":
            return self._call(codes)
        listed = ast.List(codes, ast.Load())
        return listed if self.text == "list" else self._call([listed])

    def _call(self, args: list[ast.expr]) -> ast.expr:
        return call(attribute(name("nn"), self.text), *args)


@dataclass
class Raw:
    """A parameter, or a buffer that is stored with the weights."""

    shape: tuple[int, ...]
    grad: bool = True
    buffer: bool = False

    def sign(self) -> Any:
        return ("raw", len(self.shape), self.grad, self.buffer)

    def write(self, path: Path, fill: Fill) -> ast.expr:
        sizes = [fill((*path, str(index)), "size", size) for index, size in enumerate(self.shape)]
        torch = name("torch")
        if self.buffer or len(self.shape) < 2:
            return self._wrapped(call(attribute(torch, "zeros"), *(sizes or [ast.Tuple([], ast.Load())])))
        start = ast.BinOp(call(attribute(torch, "randn"), *sizes), ast.Mult(), ast.Constant(0.02))
        return self._wrapped(start)

    def _wrapped(self, tensor: ast.expr) -> ast.expr:
        if self.buffer:
            return tensor
        words = [] if self.grad else [ast.keyword("requires_grad", ast.Constant(False))]
        return ast.Call(attribute(name("nn"), "Parameter"), [tensor], words)


@dataclass
class Derived:
    """A buffer that is computed."""

    function: str
    args: dict[str, Any]

    def sign(self) -> Any:
        return ("derived", self.function, tuple(self.args))

    def write(self, path: Path, fill: Fill) -> ast.expr:
        codes = [fill((*path, key), f"held:{key}", value) for key, value in self.args.items()]
        return call(name(self.function), *codes)


@dataclass
class Fixed:
    """A small buffer of which only the values are known."""

    values: Any
    dtype: str

    def sign(self) -> Any:
        return ("fixed", repr(self.values), self.dtype)

    def write(self, path: Path, fill: Fill) -> ast.expr:
        words = [ast.keyword("dtype", attribute(name("torch"), self.dtype))]
        return ast.Call(attribute(name("torch"), "tensor"), [literal(self.values)], words)


@dataclass
class Held:
    """A number, or several, that code reads."""

    value: Any

    def sign(self) -> Any:
        return ("held",)

    def write(self, path: Path, fill: Fill) -> ast.expr:
        return fill(path, f"held:{path[-1]}", self.value)


@dataclass
class Borrowed:
    """A part that is registered elsewhere; in a list, so that it is not registered here."""

    text: str

    def sign(self) -> Any:
        return ("borrowed",)

    def write(self, path: Path, fill: Fill) -> ast.expr:
        return ast.List([fill(path, "shared", Shared(self.text))], ast.Load())


@dataclass
class Members:
    """All that a constructor sets, in order."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def sign(self) -> Any:
        return tuple((key, each.sign()) for key, each in self.nodes.items())

    def numbers(self) -> list[tuple[Path, str, Any]]:
        """Every number with its place and meaning."""
        found: list[tuple[Path, str, Any]] = []

        def fill(path: Path, role: str, value: Any) -> ast.expr:
            found.append((path, role, value))
            return ast.Constant(0)

        for key, each in self.nodes.items():
            each.write((key,), fill)
        return found

    def boxes(self) -> Sequence[Box]:
        return [each for each in self.nodes.values() if isinstance(each, Box)]
