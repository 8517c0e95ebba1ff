"""The class of the whole network: its segments, and how an image goes through them."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Sequence
from typing import Any

from torch import nn

from nas.arch import Plan, Span
from nas.build import Network
from nas.export.source.collect import Collection
from nas.export.source.nodes import Path, Shared
from nas.export.source.text import docstring
from nas.export.source.values import attribute, call, literal, name


def segment_name(span: Span) -> str:
    """The attribute of a segment."""
    return span.name.replace(".", "_") if span.exit else span.name


def _segment(span: Span) -> ast.expr:
    """A segment as the code reads it: `self.class` cannot be written."""
    text = segment_name(span)
    return (
        call(name("getattr"), name("self"), literal(text)) if keyword.iskeyword(text) else attribute(name("self"), text)
    )


class NetworkClass:
    """Writes the class of a network."""

    def __init__(self, network: Network, collection: Collection) -> None:
        self.plan: Plan = network.plan
        self.collection = collection
        self.blocks = [module for _, module in network.steps]
        self.network = network
        self.sided = any(block.side is not None for block in self.blocks)

    def definition(self, doc: str) -> ast.ClassDef:
        body: list[ast.stmt] = [ast.Expr(ast.Constant(doc)), self._constructor()]
        body += self._forward()
        return ast.ClassDef("Network", [attribute(name("nn"), "Module")], [], body, [])

    def _constructor(self) -> ast.FunctionDef:
        body: list[ast.stmt] = [ast.Expr(call(attribute(call(name("super")), "__init__")))]
        shared: dict[str, nn.Module] = (
            dict(self.network.shared.named_children()) if hasattr(self.network, "shared") else {}
        )
        for text, module in shared.items():
            body.append(_assign(name_of_shared(text), self._make(module)))
        for span in self.plan.spans:
            codes = [self._make(block) for block in self.blocks[span.start : span.stop]]
            kind = "ModuleList" if self._walks(span) else "Sequential"
            parts = _repeated(codes)
            if kind == "ModuleList":
                made: list[ast.expr] = [ast.List(parts, ast.Load())]
            else:
                made = parts
            body.append(_set(segment_name(span), call(attribute(name("nn"), kind), *made)))
        if shared:
            keys: list[ast.expr | None] = [literal(text) for text in shared]
            parts = [name(name_of_shared(text)) for text in shared]
            body.append(_set("shared", call(attribute(name("nn"), "ModuleDict"), ast.Dict(keys, parts))))
        return _function("__init__", ["self"], body)

    def _make(self, module: nn.Module) -> ast.expr:
        def fill(path: Path, role: str, value: Any) -> ast.expr:
            return name(name_of_shared(value.text)) if isinstance(value, Shared) else literal(value)

        return self.collection.node(module).write((), fill)

    def _walks(self, span: Span) -> bool:
        """Whether a value runs beside what flows through a segment."""
        return any(block.side is not None for block in self.blocks[span.start : span.stop])

    def _forward(self) -> list[ast.stmt]:
        body: list[ast.stmt] = []
        plan = self.plan
        sides: set[str] = set()
        exits = [span for span in plan.spans if span.exit and span.stop > span.start]
        for span in plan.spans:
            if span.start == span.stop:
                continue
            if span.exit and exits:
                body.append(ast.Expr(ast.Yield(self._through(span, sides))))
            else:
                body += self._along(span, sides)
        if not exits:
            self._return_last(body)
            return [_tensors(_function("forward", ["self", "x"], body))]
        last = body.pop()
        assert isinstance(last, ast.Assign)
        body.append(ast.Expr(ast.Yield(last.value)))
        doc = docstring("Logits of each exit in turn, the end's last; what is not asked for is not computed.", 2)
        walk = _function("exits", ["self", "x"], [*doc, *body])
        forward = ast.parse(_FORWARD_EXITS if not self._several() else _FORWARD_SEVERAL).body[0]
        assert isinstance(forward, ast.FunctionDef)
        return [_tensors(forward), walk]

    def _several(self) -> bool:
        """Whether an exit reads several vectors, which in training stay apart."""
        ends = [*self.plan.exits, len(self.blocks) - 1]
        return any(getattr(self.plan.steps[end].in_shape, "count", 1) > 1 for end in ends)

    def _return_last(self, body: list[ast.stmt]) -> None:
        match body[-1]:
            case ast.Assign(targets=[ast.Name(id="x")], value=value):
                body[-1] = ast.Return(value)
            case _:
                body.append(ast.Return(name("x")))

    def _through(self, span: Span, sides: set[str]) -> ast.expr:
        if self._walks(span):
            raise AssertionError("an exit has no gates")
        return call(_segment(span), name("x"))

    def _along(self, span: Span, sides: set[str]) -> list[ast.stmt]:
        segment = _segment(span)
        if not self._walks(span):
            return [_assign("x", call(segment, name("x")))]
        body: list[ast.stmt] = []
        runs = _runs([block.side for block in self.blocks[span.start : span.stop]])
        for start, stop, side in runs:
            over = segment if stop - start == span.stop - span.start else _cut(segment, start, stop)
            if side is not None and side_name(side) not in sides:
                sides.add(side_name(side))
                body.append(_assign(side_name(side), ast.Constant(None)))
            block = name("block")
            if side is None:
                inner = _assign("x", call(block, name("x")))
            else:
                target = ast.Tuple([ast.Name("x", ast.Store()), ast.Name(side_name(side), ast.Store())], ast.Store())
                inner = ast.Assign([target], call(block, name("x"), name(side_name(side))), lineno=0)
            body.append(ast.For(ast.Name("block", ast.Store()), over, [inner], [], lineno=0))
        return body


_FORWARD_EXITS = """
def forward(self, x):
    logits = list(self.exits(x))
    return torch.stack(logits, 1) if self.training else logits[-1]
"""
_FORWARD_SEVERAL = """
def forward(self, x):
    logits = list(self.exits(x))
    if not self.training:
        return logits[-1]
    return torch.cat([each if each.dim() == 3 else each[:, None] for each in logits], 1)
"""


def side_name(side: str) -> str:
    """The variable of a value that runs beside the image."""
    return f"{side}_state"


def name_of_shared(text: str) -> str:
    """The variable of a shared part while the network is made."""
    return f"{text}_part" if text in ("self", "torch", "nn", "F") else text


def _runs(values: Sequence[Any]) -> list[tuple[int, int, Any]]:
    found: list[tuple[int, int, Any]] = []
    for index, value in enumerate(values):
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], index + 1, value)
        else:
            found.append((index, index + 1, value))
    return found


def _repeated(codes: Sequence[ast.expr]) -> list[ast.expr]:
    """Equal neighbours as a loop."""
    parts: list[ast.expr] = []
    for start, stop, _ in _runs([ast.dump(code) for code in codes]):
        if stop - start == 1:
            parts.append(codes[start])
        else:
            walk = ast.comprehension(ast.Name("_", ast.Store()), call(name("range"), literal(stop - start)), [], 0)
            parts.append(ast.Starred(ast.GeneratorExp(codes[start], [walk]), ast.Load()))
    return parts


def _cut(code: ast.expr, start: int, stop: int) -> ast.expr:
    return ast.Subscript(code, ast.Slice(ast.Constant(start) if start else None, ast.Constant(stop)), ast.Load())


def _assign(text: str, code: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(text, ast.Store())], code, lineno=0)


def _set(text: str, code: ast.expr) -> ast.stmt:
    if keyword.iskeyword(text):
        return ast.Expr(call(name("setattr"), name("self"), literal(text), code))
    return ast.Assign([ast.Attribute(name("self"), text, ast.Store())], code, lineno=0)


def _function(text: str, args: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(each) for each in args], None, [], [], None, [])
    return ast.FunctionDef(text, arguments, body, [], lineno=0)


def _tensors(function: ast.FunctionDef) -> ast.FunctionDef:
    function.args.args[1].annotation = name("Tensor")
    function.returns = name("Tensor")
    return function
