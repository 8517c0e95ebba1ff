"""One trial as a frozen value: what was decided, what it cost, how fast it is, how it learned, how it ended and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["running", "complete", "pruned", "infeasible", "failed", "duplicate"]
Role = Literal["candidate", "baseline", "finalist"]

# The value that says when a trial last reported, where a search had a simulated clock.
CLOCK = "simulated_seconds"

# What may turn a network away before it trains, in order of price.
GATES = ("structure", "duplicate", "cost", "predicted", "latency")

# What turns away a network that was tried before the space became another, in which it is not.
OUTSIDE = "outside"


@dataclass(frozen=True)
class Record:
    """A trial, read from the storage.

    `values` holds every number by name: accuracy (0 to 1), latency_ms, macs, params, activations, peak_bytes, loss;
    `interval` the bounds of those that have any. `constraints` maps each budget to what exceeds it: feasible when <= 0.
    `gate` names what rejected it (one of `GATES`, or `outside`), `reason` says why in words. `latency` is the whole
    measurement with its environment and flags, `predicted` the latency forecast before it was taken (`p50` and 90%
    bounds `low`, `high`, in ms); values have it as `predicted_ms`. `curve` has one mapping an epoch. `origin` says what
    proposed it: `by` is the name of a sampler, then with how many decisions were `drawn`, of them `independent` of what
    it had learnt, and where it had proxies to learn from, whether it told each objective `informed` by them; or
    `start`, `warm start`, `near` (a good network), `anywhere`, `reachable`; empty in studies from before it was
    recorded. `foretold` says why its learning curve ended it: the `chance` to reach the front that was left, the rank
    `correlation` of such predictions over finished `curves`. `proxies` are the scores of zero-cost proxies that were
    computed, None where the network has none. `promoted` are the epochs of the rung from which it last went on, None
    before it did.
    """

    trial: int
    state: State
    role: Role = "candidate"
    arch_id: str = ""
    name: str = ""
    decisions: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    gate: str | None = None
    reason: str | None = None
    latency: Mapping[str, Any] | None = None
    predicted: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[Mapping[str, Any], ...] = ()
    rung: int | None = None
    source: int | None = None
    seconds: float = 0.0
    started: float | None = None
    finished: float | None = None
    folder: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)
    foretold: Mapping[str, float] = field(default_factory=dict)
    proxies: Mapping[str, float | None] = field(default_factory=dict)
    promoted: int | None = None

    @property
    def feasible(self) -> bool:
        """Whether every budget is known to be met."""
        return self.state == "complete" and all(excess <= 0 for excess in self.constraints.values())

    @property
    def epochs(self) -> int:
        """For how many epochs it was trained; a table reports some of them only."""
        return int(self.curve[-1].get("epoch", len(self.curve))) if self.curve else 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"feasible": self.feasible}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        known = {key: value for key, value in data.items() if key != "feasible"}
        known["interval"] = {key: (low, high) for key, (low, high) in known.get("interval", {}).items()}
        known["curve"] = tuple(known.get("curve", ()))
        return cls(**known)
