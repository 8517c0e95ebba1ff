"""A measured latency as a frozen value: the number, how sure it is, what disturbed it, where it was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# What makes a number unfit to be relied upon. Other flags only tell what happened.
SERIOUS = frozenset({"not_converged", "contended", "drift", "throttled", "reference_unstable"})

FLAGS: Mapping[str, str] = {
    "not_converged": "the interval is wider than asked for, and time or pairs ran out",
    "contended": "the device was never quiet while this was measured",
    "drift": "the later half of the pairs disagrees with the earlier half",
    "throttled": "the processor or GPU was slowed down, or the container's share of time was used up",
    "reference_unstable": "the reference network is slower in this process than it was when it was calibrated",
    "disturbed": "something else ran at times; what it touched was left out",
    "decided_early": "stopped as soon as the interval lay wholly on one side of the budget",
    "straddles_budget": "the budget lies inside the interval",
}

# What is measured besides, and only where it is asked for; the names are those of objectives and budgets.
EXTRAS = ("inference_memory_mb", "model_mb", "energy_mj")


@dataclass(frozen=True)
class Latency:
    """The time of one inference, in milliseconds, when nothing else runs on the device.

    `p50` is the median, `low` and `high` its confidence interval; `p90` and `p99` the tail of single inferences in
    quiet moments. `pairs` were measured. `trusted` is false when a flag of `SERIOUS` was raised; `FLAGS` explains them.
    `seconds` is what the measurement took, `device` the key of the device, `evidence` what was seen besides the times.

    The last three are there only where they were asked for and can be told (`EXTRAS`): the peak memory of one inference
    and the size of the model on disk, both in MiB, and the energy of one image in millijoules.
    """

    p50: float
    low: float
    high: float
    p90: float
    p99: float
    pairs: int
    trusted: bool
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    environment: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""
    budget_ms: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    inference_memory_mb: float | None = None
    model_mb: float | None = None
    energy_mj: float | None = None

    @property
    def half_width(self) -> float:
        """Half the interval, relative to the median."""
        return (self.high - self.low) / (2 * self.p50)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"flags": list(self.flags)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Latency:
        """Reads what `to_json` wrote; keys it does not know are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known} | {"flags": tuple(data["flags"])})
