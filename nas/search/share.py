"""Which share of a space's draws can be built and is within the budgets, with how sure that is, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nas.store.share import wilson


@dataclass(frozen=True)
class Share:
    """`low` and `high` are a 95% interval; `looked_at` networks it took to tell.

    `method`: `counted` among draws, or `splitting`, where hardly any draw is within the budgets (see
    `nas.search.splitting`). `budgets` are those that costs decide, and on latency where it is predicted.
    """

    value: float
    low: float
    high: float
    looked_at: int
    method: str
    budgets: tuple[str, ...] = ()

    @classmethod
    def counted(cls, found: int, of: int, budgets: Sequence[str] = ()) -> Share:
        """From a count, with Wilson's interval (1927)."""
        low, high = wilson(found, of)
        return cls(found / of, low, high, of, "counted", tuple(budgets))

    @classmethod
    def split(cls, value: float, variance: float, looked_at: int, budgets: Sequence[str] = ()) -> Share:
        """From an estimate with a relative variance, with the interval of a lognormal."""
        factor = math.exp(1.96 * math.sqrt(math.log1p(variance)))
        return cls(value, value / factor, min(1.0, value * factor), looked_at, "splitting", tuple(budgets))

    @property
    def brief(self) -> str:
        """Such as: 1 in 81,000 draws within budgets."""
        share = f"{self.value:.0%} of" if self.value >= 0.1 else _one_in(self.value or self.high)
        return f"{'' if self.value else 'fewer than '}{share} draws within budgets"

    @property
    def words(self) -> str:
        """Such as: 1 in 81,000 draws is within budgets (macs <= 1e8, params <= 1e6; 1 in 42,000 to 1 in 155,000)."""
        if self.value >= 0.1:
            share, interval = f"{self.value:.0%} of draws are", f"{self.low:.0%} to {self.high:.0%}"
        elif self.value > 0:
            share, interval = f"{_one_in(self.value)} draws is", f"{_one_in(self.high)} to {_one_in(self.low)}"
        else:
            return f"fewer than {_one_in(self.high)} draws are within budgets ({', '.join(self.budgets)})"
        return f"{share} within budgets ({', '.join(self.budgets) or 'none on costs'}; 95%: {interval})"

    def to_json(self) -> dict[str, Any]:
        return {
            "share": self.value,
            "low": self.low,
            "high": self.high,
            "looked_at": self.looked_at,
            "method": self.method,
            "budgets": list(self.budgets),
            "words": self.words,
        }


def _one_in(share: float) -> str:
    """One in how many, to two figures."""
    number = 1 / share
    digits = max(0, math.floor(math.log10(number)) - 1)
    return f"1 in {round(number, -digits):,.0f}" if number >= 10 else f"1 in {number:.2g}"
