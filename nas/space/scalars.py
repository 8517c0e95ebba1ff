"""What plain words of YAML mean: the core schema of YAML 1.2 (`no` is text, `1e-6` a number, `010` ten)."""

from __future__ import annotations

import math
import re

from nas.space.node import Scalar, check_number, shorten

# https://yaml.org/spec/1.2.2/#103-core-schema
NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)


def resolve(text: str) -> Scalar:
    """The value of a plain word. Raises `ValueError` for a number that is none or too large."""
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text[0] in "tT"
    number: int | float
    if INT.match(text):
        if len(text) > 310:
            raise ValueError("an integer must have at most 300 digits")
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    elif FLOAT.match(text):
        word = text.lower()
        number = float(word.replace(".inf", "inf").replace(".nan", "nan"))
        if math.isinf(number) and not word.endswith(".inf"):
            raise ValueError(f"{shorten(text)} is too large a number (.inf is infinity)")
    else:
        return text
    if problem := check_number(number):
        raise ValueError(problem)
    return number
