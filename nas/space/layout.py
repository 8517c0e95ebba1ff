"""A tree of the language as text to read and edit: short values on one line, long ones a key a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nas.space.yaml_out import flow

WIDTH = 110


def laid_out(tree: Mapping[str, Any]) -> str:
    """YAML text that loads as the same tree. Every top-level key begins a line."""
    return "".join(f"{line}\n" for key, value in tree.items() for line in _entry(key, value, ""))


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    """A key with its value, on one line where it fits."""
    line = f"{indent}{flow(key)}: {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict | list) or not value:
        yield line
        return
    yield f"{indent}{flow(key)}:"
    yield from _body(value, indent + "  ")


def _body(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(key, item, indent)
        return
    for item in value:
        line = f"{indent}- {flow([item])[1:-1]}"
        if len(line) <= WIDTH or not isinstance(item, dict | list) or not item:
            yield line
            continue
        first, *rest = _body(item, indent + "  ")
        yield f"{indent}- {first.lstrip()}"
        yield from rest
