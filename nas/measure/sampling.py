"""Takes times: the network and the reference run block by block in turn, every block beside one of the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from nas.measure.clock import Clock, Run
from nas.measure.protocol import Protocol
from nas.measure.statistics import Pairs

# The first runs after the other network find the caches filled with its data: up to 11 % slower for networks of 0.3 ms.
# From this length of a run on that is lost in the rest, and a run left out costs more than it brings.
SKIP_BELOW_S = 8e-3
LONGEST_REFERENCE_BLOCK_S = 10e-3


@dataclass
class Rounds:
    """Times in seconds, as they were taken.

    Blocks alternate, reference and model; each is cut into halves, of which one belongs to the pair before and one to
    the pair after. Round i is reference[i][1], model[i][0] and model[i][1], reference[i + 1][0]: the order of R M M R.
    `share` is the processor time of our thread over wall time, in the block of the model and in that of the reference
    after it.
    """

    reference: list[tuple[list[float], list[float]]] = field(default_factory=list)
    model: list[tuple[list[float], list[float]]] = field(default_factory=list)
    share: list[tuple[float, float]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.model)

    def pairs(self) -> Pairs:
        """Log of the median run of each half."""
        model = np.log([[np.median(first), np.median(second)] for first, second in self.model])
        before = [np.median(second) for _, second in self.reference[:-1]]
        after = [np.median(first) for first, _ in self.reference[1:]]
        return Pairs(model, np.log(np.stack([before, after], axis=1)))


class Sampler:
    """Adds rounds of one network beside the reference. `run_s` and `reference_s` are about what one run takes."""

    def __init__(
        self, clock: Clock, run: Run, reference: Run, run_s: float, reference_s: float, protocol: Protocol
    ) -> None:
        self._given = clock, run, reference, run_s, reference_s, protocol
        self._clock, self._run, self._reference = clock, run, reference
        block = protocol.block_ms / 1e3
        self._count = max(1, round(block / run_s))
        self._skip = int(run_s < SKIP_BELOW_S)
        self._reference_count = max(1, round(min(max(block, run_s / 2), LONGEST_REFERENCE_BLOCK_S) / reference_s))
        self.rounds = Rounds(reference=[self._block(reference, 1, self._reference_count)])

    def add(self, rounds: int, deadline: float) -> None:
        """Up to `rounds` more; stops early when `time.perf_counter()` has passed `deadline`."""
        for _ in range(rounds):
            a = time.perf_counter_ns(), time.thread_time_ns()
            model = self._block(self._run, self._skip, self._count)
            b = time.perf_counter_ns(), time.thread_time_ns()
            after = self._block(self._reference, 1, self._reference_count)
            c = time.perf_counter_ns(), time.thread_time_ns()
            self.rounds.model.append(model)
            self.rounds.reference.append(after)
            self.rounds.share.append(((b[1] - a[1]) / (b[0] - a[0]), (c[1] - b[1]) / (c[0] - b[0])))
            if time.perf_counter() > deadline:
                return

    def again(self) -> Sampler:
        """The same without what was taken so far."""
        return Sampler(*self._given)

    def _block(self, run: Run, skip: int, count: int) -> tuple[list[float], list[float]]:
        times = self._clock.times(run, skip, 2 * count)
        return times[:count], times[count:]


def warm_up(clock: Clock, run: Run, protocol: Protocol) -> float:
    """Runs until runs stop getting faster; gives the seconds that one takes, by the fastest of the last chunk.

    The first runs of a network load code, plan kernels and fill caches: 2 to 100 times slower than the later ones.
    """
    began = time.perf_counter()
    once = clock.times(run, 0, 1)[0]
    best, chunk = once, 2
    while True:
        fastest = min(clock.times(run, 0, chunk))
        elapsed = time.perf_counter() - began
        settled = fastest > 0.98 * best and elapsed >= protocol.warmup_ms / 1e3
        best = min(best, fastest)
        if settled or elapsed > protocol.max_warmup_seconds:
            return best
        chunk = max(2, min(100, round(5e-3 / best)))
