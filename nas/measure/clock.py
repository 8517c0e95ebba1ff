"""Times single inferences one after the other: by the wall clock on a CPU, by events on a GPU."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from nas.measure.devices import Device

Run = Callable[[], Any]


class Times(NamedTuple):
    """Seconds of single inferences, and how many of all of them together our thread did not have the processor."""

    seconds: list[float]
    taken_s: float = 0.0


class Clock(Protocol):
    """Times inferences."""

    def times(self, run: Run, skip: int, count: int) -> Times:
        """Of `count` inferences, each from its call to its result; `skip` more run before them, untimed."""
        ...


class WallClock:
    """For runtimes whose result is there when the call returns.

    What was taken is the time by the wall clock less that for which the kernel had our thread on a processor: others
    ran there, or the hypervisor, or the kernel held us back.
    """

    def times(self, run: Run, skip: int, count: int) -> Times:
        now = time.perf_counter_ns
        for _ in range(skip):
            run()
        before = time.thread_time_ns()
        stamps = [now()]
        for _ in range(count):
            run()
            stamps.append(now())
        had = time.thread_time_ns() - before
        taken = max(0, stamps[-1] - stamps[0] - had)
        return Times([(b - a) / 1e9 for a, b in itertools.pairwise(stamps)], taken / 1e9)


class CudaClock:
    """For work queued on the current stream of a GPU.

    Each inference is awaited before the next one is queued: queued one behind the other, the cost of launching
    kernels would hide behind those that run, and throughput would pass for latency.
    """

    def __init__(self, index: int) -> None:
        import torch

        self._device = torch.device("cuda", index)
        self._synchronize = torch.cuda.synchronize
        with torch.cuda.device(self._device):
            self._start = torch.cuda.Event(enable_timing=True)
            self._end = torch.cuda.Event(enable_timing=True)

    def times(self, run: Run, skip: int, count: int) -> Times:
        for _ in range(skip):
            run()
        self._synchronize(self._device)
        seconds = []
        for _ in range(count):
            self._start.record()
            run()
            self._end.record()
            self._end.synchronize()
            seconds.append(self._start.elapsed_time(self._end) / 1e3)
        return Times(seconds)


def clock_for(device: Device) -> Clock:
    """The clock for what runs on such a device."""
    return CudaClock(device.index) if device.kind == "cuda" else WallClock()
