"""The plainest predictor of latency: a lookup table of blocks, each measured alone, whose times are added."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nas.arch import Plan
from nas.errors import DeviceError, InvalidArchitecture
from nas.measure import Device, Meter
from nas.measure.alone import BUILDER, QUICK, Alone
from nas.store.files import append_line, read_lines


class LookupTable:
    """Times of blocks alone in ms, each measured once and kept in a file of JSON lines."""

    def __init__(self, file: Path, device: Device) -> None:
        self.file = file
        self.device = device
        self.ms: dict[str, float] = {line["block"]: line["ms"] for line in read_lines(file)}

    def fill(self, plans: Iterable[Plan]) -> int:
        """Measure the blocks of these networks that are not known yet; how many there were."""
        wanted = {each.arch_id: each for plan in plans for each in map(Alone.of, plan.steps)}
        new = [each for key, each in wanted.items() if key not in self.ms]
        with Meter(self.device, QUICK, builder=BUILDER) as meter:
            for each in new:
                try:
                    ms = meter.measure(each).p50
                except (DeviceError, InvalidArchitecture):
                    ms = float("nan")  # a runtime that cannot run a block alone: its networks have no sum
                append_line(self.file, {"block": each.arch_id, "ms": ms})
                self.ms[each.arch_id] = ms
        return len(new)

    def total(self, plan: Plan) -> float:
        """The sum over a network's blocks; NaN where one of them is not known."""
        return sum(self.ms.get(Alone.of(step).arch_id, float("nan")) for step in plan.steps)
