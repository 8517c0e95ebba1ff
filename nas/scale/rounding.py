"""How scaled numbers become whole ones, by name, as the published codes do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nas.errors import NasError, nearest

CLOSE = 1e-9  # 0.2 * 5 is one, whatever floating point makes of it


@dataclass(frozen=True)
class Rounding:
    """Rules for widths (with the number that must divide them), depths, sides in pixels and widths of groups."""

    name: str
    doc: str
    divisor: int  # of widths
    width: Callable[[float, int], int]
    depth: Callable[[float], int]
    side: Callable[[float], int]
    group_width: Callable[[float], int]


def to_multiple(value: float, divisor: int) -> int:
    """The nearest multiple, halves up, at least one of them."""
    return max(divisor, math.floor(value / divisor + 0.5 + CLOSE) * divisor)


def guarded(value: float, divisor: int) -> int:
    """The nearest multiple that is not below 0.9 of the value (code of MobileNetV2 and EfficientNet)."""
    rounded = to_multiple(value, divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def upwards(value: float) -> int:
    """The whole number that is not below the value."""
    return math.ceil(value - CLOSE)


def whole(value: float) -> int:
    """The nearest whole number, halves up; zero is possible."""
    return math.floor(value + 0.5 + CLOSE)


def fast_group_width(value: float) -> int:
    """At most 2 stay, at most 5 become 4, others a multiple of 8 (code of Dollar, Singh, Girshick, 2021)."""
    if value <= 2:
        return max(1, whole(value))
    return 4 if value <= 5 else to_multiple(value, 8)


def _at_least_one(value: float) -> int:
    return max(1, whole(value))


ROUNDINGS: Mapping[str, Rounding] = {
    rounding.name: rounding
    for rounding in (
        Rounding(
            "efficientnet",
            "widths to 8, never below 0.9 of what they should be; depths up; whole pixels and groups",
            8, guarded, upwards, _at_least_one, _at_least_one,
        ),
        Rounding(
            "fast",
            "widths to 8, depths to the nearest, pixels to 4, groups to 8",
            8, to_multiple, whole, lambda value: to_multiple(value, 4), fast_group_width,
        ),
        Rounding(
            "nearest",
            "everything to the nearest whole number",
            1, to_multiple, whole, _at_least_one, _at_least_one,
        ),
    )
}  # fmt: skip
USUAL = "efficientnet"


def rounding(name: str) -> Rounding:
    """The rules of a name. Raises `NasError` with those there are."""
    if name not in ROUNDINGS:
        raise NasError(f"no rounding is called '{name}'; {nearest(name, ROUNDINGS)}")
    return ROUNDINGS[name]
