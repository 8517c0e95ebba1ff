"""A small made-up space for tests of the engine: four decisions, one of them conditional, and costs to go with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.arch import Block, Fields, MapShape, Plan, Span, Step
from nas.errors import InvalidArchitecture
from nas.space.expression import Expression


@dataclass(frozen=True)
class Choice:
    name: str
    values: tuple[Any, ...]
    kind: str = "choice"
    train: bool = False
    continuous: bool = False
    log: bool = False
    when: str | None = None


DEPTH = Choice("depth", (1, 2, 3, 4), "range")
WIDTH = Choice("width", (8, 16, 24, 32, 48, 64, 96, 128))
KIND = Choice("kind", ("conv", "attention"))
HEADS = Choice("kind.attention.heads", (1, 2, 4), when="kind is attention")
KERNEL = Choice("kind.conv.kernel", (3, 5, 7), when="kind is conv")


@dataclass
class TinySpace:
    """96 decision vectors for attention, 96 for conv; attention of width 8 with 4 heads cannot be built."""

    extra: tuple[Choice, ...] = ()
    cost_constraints: tuple[Expression, ...] = ()
    decoded: int = 0
    decisions: tuple[Choice, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.decisions = (DEPTH, WIDTH, KIND, HEADS, KERNEL, *self.extra)

    def walk(self, draw: Callable[[Choice], Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for choice in (DEPTH, WIDTH, KIND):
            found[choice.name] = draw(choice)
        inner = HEADS if found["kind"] == "attention" else KERNEL
        found[inner.name] = draw(inner)
        for choice in self.extra:
            found[choice.name] = draw(choice)
        return found

    def sample(self, rng: random.Random) -> dict[str, Any]:
        return self.walk(lambda c: rng.uniform(*c.values) if c.continuous else rng.choice(c.values))

    def neighbours(self, decisions: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for choice in (DEPTH, WIDTH, HEADS, KERNEL):
            for value in choice.values:
                if choice.name in decisions and value != decisions[choice.name]:
                    yield {**decisions, choice.name: value}

    def decode(self, decisions: Mapping[str, Any]) -> Plan:
        self.decoded += 1
        if decisions["width"] == 8 and decisions.get("kind.attention.heads") == 4:
            raise InvalidArchitecture("heads must divide width / 4, but got 4 heads at width 8", path="s1.block")
        fields = {k.rpartition(".")[2]: v for k, v in decisions.items() if not k.startswith("train.")}
        shape = MapShape(decisions["width"], 8, 8)
        block = Block(
            decisions["kind"], Fields({k: v for k, v in fields.items() if k not in ("depth", "width", "kind")})
        )
        step = Step(block, shape, shape)
        train = Fields({k: v for k, v in decisions.items() if k.startswith("train.")})
        steps = (step,) * decisions["depth"]
        return Plan("tiny", shape, 10, steps, (Span("s1", 0, len(steps)),), train)


def price(plan: Plan) -> dict[str, float]:
    """Costs that grow with depth and width; a kernel counts squared."""
    fields = plan.steps[0].block.fields
    area = fields.get("kernel", 4) ** 2
    width = plan.input.channels
    return {"macs": len(plan.steps) * width * area * 64, "params": len(plan.steps) * width * area}


def latency(plan: Plan, budget_ms: float | None = None) -> dict[str, Any]:
    """A measurement that is exact."""
    p50 = price(plan)["macs"] / 1e6
    return {"p50": p50, "low": p50 * 0.99, "high": p50 * 1.01, "p90": p50, "p99": p50, "trusted": True, "flags": []}


def accuracy(job: Mapping[str, Any], epoch: int) -> float:
    """Larger and later is better, with a little that depends on the network."""
    values = job["values"]
    luck = int(job["arch_id"], 16) % 97 / 970
    size = min(1.0, values["params"] / 20000)
    return round((0.5 + 0.3 * size + luck) * (1 - 0.5**epoch), 6)


class Trains:
    """Work that trains nothing: one report an epoch."""

    def __init__(self, fail: Callable[[Mapping[str, Any]], str | None] | None = None) -> None:
        self.fail = fail
        self.opened: list[int] = []
        self.closed = 0

    def open(self, job: Mapping[str, Any]) -> Reports:
        self.opened.append(job["trial"])
        return Reports(self, job)


class Reports:
    def __init__(self, work: Trains, job: Mapping[str, Any]) -> None:
        self.work, self.job = work, job

    def __iter__(self) -> Iterator[Mapping[str, float]]:
        from nas.errors import NasError

        for epoch in range(1, self.job["epochs"] + 1):
            reason = self.work.fail(self.job) if self.work.fail else None
            if reason:
                raise NasError(reason)
            yield {"epoch": epoch, "accuracy": accuracy(self.job, epoch), "loss": 1 / epoch, "seconds": 0.5}

    def close(self) -> None:
        self.work.closed += 1
