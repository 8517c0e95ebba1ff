"""A meter that measures in no time: what a network takes follows from its costs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from nas.arch import Architecture
from nas.build import lower
from nas.measure import Device, Latency
from nas.measure.alone import Alone
from nas.study.spaces import catalogue

ENVIRONMENT = {"host": "here", "torch": "2.0", "threads": 1, "date": "today", "load_1min": 0.3}

SPACE = {
    "nas": 1,
    "name": "made up",
    "input": {"resolution": 16},
    "classes": 4,
    "stem": [{"conv": {"out": {"choice": [4, 8]}, "stride": 2}}],
    "stages": [
        {
            "name": name,
            "repeat": {"range": [1, 4]},
            "out": {"choice": [8, 16, 24]},
            "stride": 2,
            "per": "block",
            "block": {"choice": [{"mbconv": {"kernel": {"choice": [3, 5]}}}, "basic"]},
        }
        for name in ("s1", "s2")
    ],
    "head": ["pool", "classifier"],
}


class MadeUpMeter:
    """Times are a constant a block and a rate for MACs, with noise of 1%, times `slower`; blocks alone take them too.

    `before` is called with the number of measurements so far and the architecture, before each of them; `change` may
    replace values of a measurement.
    """

    note = ""

    def __init__(
        self,
        slower: float = 1.0,
        environment: dict[str, Any] | None = None,
        before: Callable[[int, Architecture], None] | None = None,
        change: Callable[[Architecture], dict[str, Any]] | None = None,
    ) -> None:
        self.slower = slower
        self._environment = ENVIRONMENT | (environment or {})
        self._before = before
        self._change = change
        self.measured: Counter[str] = Counter()

    def __enter__(self) -> MadeUpMeter:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure(self, architecture: Architecture | Alone, budget_ms: float | None = None, **_: Any) -> Latency:
        if self._before:
            self._before(self.measured.total(), architecture)
        self.measured[architecture.arch_id] += 1
        if isinstance(architecture, Alone):
            steps = catalogue().place(architecture.block, architecture.in_shape)
        else:
            steps = lower(architecture, catalogue()).steps
        noise = random.Random(architecture.arch_id).gauss(1, 0.01)
        ms = self.slower * noise * sum(0.05 + catalogue().step(step).macs / 1e6 for step in steps)
        values = {
            "p50": ms, "low": 0.99 * ms, "high": 1.01 * ms, "p90": ms, "p99": ms, "pairs": 80, "trusted": True,
            "seconds": 0.1, "environment": self._environment,
        }  # fmt: skip
        return Latency(**(values | (self._change(architecture) if self._change else {})))


class StudyMeter(MadeUpMeter):
    """With all that a study asks of one."""

    lock_name = "made-up"
    device = Device()

    def check_extras(self, names: Collection[str]) -> None:
        pass

    def environment(self) -> dict[str, Any]:
        return {"host": "here"}

    def attended(self) -> AbstractContextManager[None]:
        return nullcontext()
