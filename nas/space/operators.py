"""The operators of the language for trees written in Python; each returns a plain tree that `load_space` takes.

>>> {"mbconv": {"kernel": choice(3, 5), "expand": each(4, 3)}}
{'mbconv': {'kernel': {'choice': [3, 5]}, 'expand': {'each': [4, 3]}}}
"""

from __future__ import annotations

from typing import Any, Literal

Per = Literal["stage", "block"]


def choice(*options: Any, per: Per | None = None, **named: Any) -> dict[str, Any]:
    """One of the options; give names (`choice(small=..., big=...)`) where they have no labels of their own."""
    if bool(options) == bool(named):
        raise TypeError("choice must get options or named options, and not both")
    return _with({"choice": dict(named) if named else list(options)}, per=per)


def range_(
    low: float, high: float, step: float | None = None, *, log: bool = False, per: Per | None = None
) -> dict[str, Any]:
    """One of the numbers from low to high, both included."""
    bounds = [low, high] if step is None else [low, high, step]
    return _with({"range": bounds}, log=log or None, per=per)


def each(*values: Any) -> dict[str, Any]:
    """One value a block."""
    return {"each": list(values)}


def optional(value: Any, *, per: Per | None = None) -> dict[str, Any]:
    """The value, or none."""
    return _with({"optional": value}, per=per)


def _with(tree: dict[str, Any], **more: Any) -> dict[str, Any]:
    return tree | {key: value for key, value in more.items() if value is not None}
