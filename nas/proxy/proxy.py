"""What a zero-cost proxy is: a function of an untrained network that gives one number, or says why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nas.build import Network


class NoScore(Exception):
    """A network has no score by a proxy, and why."""


@dataclass(frozen=True)
class Proxy:
    """One proxy. `compute` gets the network, untrained as `nas.proxy.untrained` makes it, and may change it.

    `source` is the paper, `needs` what it is computed on. Large is meant to be good.
    """

    name: str
    source: str
    needs: str
    compute: Callable[[Network], float]


@dataclass(frozen=True)
class Score:
    """What a proxy says of a network: a finite `value`, or None and the `reason`; `ms` is processor time."""

    value: float | None
    reason: str | None = None
    ms: float = 0.0

    @classmethod
    def of(cls, value: float, ms: float) -> Score:
        """A value where it is finite."""
        if not math.isfinite(value):
            return cls(None, f"it is {value}", ms)
        return cls(value, None, ms)

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "reason": self.reason, "ms": round(self.ms, 1)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Score:
        """What `to_json` wrote; `ValueError`, `KeyError` or `TypeError` for anything else."""
        value = data["value"]
        if value is not None and not math.isfinite(value):
            raise ValueError(f"a score must be finite, but is {value}")
        return cls(value, data["reason"], float(data["ms"]))
