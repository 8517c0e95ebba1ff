"""Constants of a module, written as they are there."""

from __future__ import annotations

import ast
from typing import Any

from nas.export.source.values import literal


def constant_of(text: str, value: Any) -> ast.expr:
    """The code of a constant."""
    return literal(value)
