"""Comprehensions: kept where every round of them is the same, and else written out, element by element."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nas.export.source import walks
from nas.export.source.values import Cannot, Val, code_of, dump, is_number, written

if TYPE_CHECKING:
    from nas.export.source.expressions import Expressions
    from nas.export.source.specialiser import Specialiser


class Comprehensions:
    """Evaluates comprehensions; how the expressions in them are evaluated is left open."""

    spec: Specialiser

    def expr(self, node: ast.expr) -> Val:
        """What is known of an expression."""
        raise NotImplementedError

    def inside(self, more: Mapping[str, Val]) -> Expressions:
        """The same with variables of its own."""
        raise NotImplementedError

    def on_listcomp(self, node: ast.ListComp) -> Val:
        return self._comprehension(node)

    def on_generatorexp(self, node: ast.GeneratorExp) -> Val:
        return self._comprehension(node)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Val:
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise Cannot(f"`{ast.unparse(node)}` walks along several things at once, which cannot be written down")
        walk = node.generators[0]
        iterated = self.expr(walk.iter)
        elements = walks.elements(iterated)
        make = list if isinstance(node, ast.ListComp) else tuple

        def body(target: Mapping[str, Val]) -> tuple[Val, list[Val]]:
            inner = self.inside(target)
            tests = [each for each in map(inner.test, walk.ifs) if not (each.known and each.value)]
            return inner.expr(node.elt), tests

        if elements is None or walks.is_written(iterated):
            rounds = [walks.named(walk.target, each) for each in elements] if elements else [walks.fresh(walk.target)]
            mark = self.spec.mark()
            done = [body(each) for each in rounds]
            codes = {dump([code_of(elt), *map(code_of, tests)]) for elt, tests in done}
            plain = elements is None or loads_any(walk.target, done[0])
            if len(codes) == 1 and plain and all(not test.known for test in done[0][1]):
                elt, tests = done[0]
                target, over = walks.needed(walk.target, iterated, [code_of(elt), *map(code_of, tests)])
                part = ast.comprehension(target, over, [code_of(each) for each in tests], 0)
                code = type(node)(code_of(elt), [part])
                items = [one for one, _ in done] if elements else None
                if items and all(item.known and is_number(item.value) for item in items):
                    return Val(code, make(item.value for item in items), some=True)
                return Val(code, some=True)
            self.spec.undo(mark)
        if elements is None:
            raise Cannot(f"`{ast.unparse(node)}` cannot be written down")
        items = []
        for each in elements:
            elt, tests = body(walks.bound(walk.target, each))
            if any(not test.known for test in tests):
                raise Cannot(f"`{ast.unparse(node)}` cannot be written down")
            if not tests:
                items.append(elt)
        return Val(written(items, make), items=items, some=True)


def loads_any(target: ast.expr, body: tuple[Val, list[Val]]) -> bool:
    """Whether what is done with each element reads its variables at all."""
    names = {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
    codes = [code_of(body[0]), *map(code_of, body[1])]
    return any(isinstance(each, ast.Name) and each.id in names for code in codes for each in ast.walk(code))
