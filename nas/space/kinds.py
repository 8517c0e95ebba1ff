"""Does a scalar fit a field? One rule for what is written and for what an expression gives."""

from __future__ import annotations

import math
from typing import Any

from nas.arch import FieldSpec
from nas.errors import nearest

WORDS = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "text"}


def fit(value: Any, spec: FieldSpec, *, computed: bool = False) -> Any:
    """The scalar as the field takes it; `none` gives None where the field may be nothing.

    An integer field takes a float only as the exact result of an expression. Raises `ValueError` with the reason.
    """
    if value is None or value == "none":
        if spec.nullable and "none" not in spec.options:
            return None
        if value is None:
            raise ValueError(f"must be {_wanted(spec)}, but got nothing")
    match spec.kind:
        case "bool":
            good = isinstance(value, bool)
        case "str":
            good = isinstance(value, str)
            if good and spec.options and value not in spec.options:
                raise ValueError(f"must be {_wanted(spec)}, but got '{value}'; {nearest(value, spec.options)}")
        case "int":
            if computed and isinstance(value, float):
                if not value.is_integer():
                    raise ValueError(f"must be {_wanted(spec)}, but the expression gives {value:g}; use floor or round")
                value = int(value)
            good = isinstance(value, int) and not isinstance(value, bool)
        case _:
            good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good:
        found = f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value
        raise ValueError(f"must be {_wanted(spec)}, but got {found}")
    if spec.kind in ("int", "float"):
        if not math.isfinite(value):
            raise ValueError(f"must be finite, but got {value}")
        if not _within(value, spec):
            raise ValueError(f"must be {_wanted(spec)}, but got {value:g}")
    return value


def _within(value: float, spec: FieldSpec) -> bool:
    return (
        (spec.low is None or value >= spec.low)
        and (spec.high is None or value <= spec.high)
        and (spec.above is None or value > spec.above)
        and (spec.below is None or value < spec.below)
    )


def _wanted(spec: FieldSpec) -> str:
    if spec.kind == "str" and spec.options:
        return "one of " + ", ".join(spec.options)
    words = WORDS.get(spec.kind, spec.kind)
    open_ends = [f"above {spec.above:g}"] if spec.above is not None else []
    open_ends += [f"below {spec.below:g}"] if spec.below is not None else []
    match spec.low, spec.high:
        case None, None:
            return " ".join([words, " and ".join(open_ends)]).rstrip()
        case low, None:
            words = f"{words} of at least {low:g}"
        case None, high:
            words = f"{words} of at most {high:g}"
        case low, high:
            words = f"{words} from {low:g} to {high:g}"
    return " and ".join([words, *open_ends])
