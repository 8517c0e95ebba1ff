"""Text and tables as Markdown, in which nothing that a file says can become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.|^[#+=>-]|^\d+[.)](?=\s|$))", re.IGNORECASE)


def esc(text: object) -> str:
    """Text as it stands, on one line: no markup, no HTML, no links."""
    line = " ".join(str(text).split())
    line = _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: object) -> str:
    """A short text as code, fenced by more backticks than it has in a row."""
    line = " ".join(str(text).split())
    fence = "`" * (1 + max(map(len, re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(lines: Iterable[str]) -> str:
    """Lines of commands, indented: nothing in them can end the block."""
    return "\n".join("    " + " ".join(line.split()) for line in lines)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a bar within code would end a cell, so it is told otherwise."""
    body = [" | ".join(cell.replace("\n", " ") for cell in row) for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {line} |" for line in body)])


def facts(pairs: Mapping[str, object | None]) -> str:
    """Names and values as a list; values are escaped, those that are None are left out."""
    return "\n".join(f"- {esc(name)}: {esc(value)}" for name, value in pairs.items() if value is not None)
