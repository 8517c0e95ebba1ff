"""How published networks round widths."""

from __future__ import annotations

import math


def round8(value: float) -> int:
    """The multiple of 8 nearest to a width, at least 8 and not below 0.9 of it (code of MobileNetV2, EfficientNet)."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def whole(value: float) -> int:
    """The nearest whole number of channels, at least 1 (a hidden width from a ratio)."""
    return max(1, round(value))


def floored(value: float) -> int:
    """The whole number of channels not above a ratio of a width, at least 1 (squeezed channels of attentions)."""
    return max(1, math.floor(value + 1e-9))
