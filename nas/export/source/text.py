"""Code as text: docstrings that fit, and no parentheses where nobody writes them."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

WIDTH = 88  # what formatters of Python take unless told otherwise
STATEMENT = re.compile(r"^(\s*(?:return|[\w, ]+ =) )\((.*)\)$")


def docstring(text: str | None, depth: int) -> list[ast.stmt]:
    """The first line of a docstring as a statement, `depth` levels in, in several lines where it is long."""
    line = (text or "").strip().split("\n")[0].replace("\\", "/")
    if not line:
        return []
    space = WIDTH - 4 * depth - 3
    if len(line) > space - 3:
        line = "\n".join(textwrap.wrap(line, space)) + "\n"
    return [ast.Expr(ast.Constant(line))]


def unparse(tree: ast.Module) -> str:
    """The text of a module."""
    return "\n".join(_plain(line) for line in ast.unparse(ast.fix_missing_locations(tree)).splitlines())


def _plain(line: str) -> str:
    """A line that means the same: `return a, b` for `return (a, b)`, `f(x for x in y)` for `f((x for x in y))`."""
    found = STATEMENT.match(line)
    if found and _same(line, found[1] + found[2]):
        line = found[1] + found[2]
    for shorter in _without_double(line):
        if _same(line, shorter):
            return _plain(shorter)
    return line


def _without_double(line: str) -> Iterator[str]:
    """The line without one pair of two that stand directly inside one another."""
    for start in (match.start() for match in re.finditer(r"(?=\(\()", line)):
        depth = 0
        for end in range(start + 1, len(line)):
            depth += (line[end] == "(") - (line[end] == ")")
            if depth == 0:
                if line[end + 1 : end + 2] == ")":
                    yield line[: start + 1] + line[start + 2 : end] + line[end + 1 :]
                break


def _same(first: str, second: str) -> bool:
    return (tree := _parsed(first)) is not None and tree == _parsed(second)


def _parsed(line: str) -> str | None:
    text = textwrap.dedent(line)
    if text.endswith(":"):
        text += " pass"
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return None
