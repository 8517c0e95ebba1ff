"""Round numbers along an axis."""

from __future__ import annotations

import math


def ticks(low: float, high: float, most: int = 8, *, log: bool = False) -> list[float]:
    """At most about `most` round numbers from `low` to `high`; on a logarithmic axis 1, 2 and 5 of each decade."""
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high]
            if len(found) <= most:
                break
        return found
    raw = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
