"""Takes times: the network and the reference run block by block in turn, every block beside one of the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nas.measure.clock import Clock, Run
from nas.measure.priority import realtime_now
from nas.measure.protocol import Protocol
from nas.measure.statistics import Pairs

# The first runs after the other network find the caches filled with its data: up to 11 % slower for networks of 0.3 ms.
# From this length of a run on that is lost in the rest, and a run left out costs more than it brings.
SKIP_BELOW_S = 8e-3
# After such a network the reference is 7 % slower in its third run, and 1 % in its tenth.
SETTLE_S = 7e-3
LONGEST_REFERENCE_BLOCK_S = 10e-3

# From this length of a run on what was taken from it is subtracted: filling the caches again takes below 1 % of it.
SUBTRACT_FROM_S = 0.1
# What a look at the clocks, a tick of the kernel and an interrupt take.
GRAIN_S = 20e-6

# Linux stops real-time threads for 50 ms once they have had 950 ms of a second (sched_rt_runtime_us), in the middle of
# a run. Whoever rests between runs is not stopped.
LONGEST_WORK_S = 0.85
REST_S = 0.06


class Half(NamedTuple):
    """Half of a block: seconds of its runs, and the share of its time that was taken from our thread."""

    seconds: list[float]
    taken: float = 0.0


Block = tuple[Half, Half]


@dataclass
class Rounds:
    """Times as they were taken.

    Blocks alternate, reference and model; each is cut into halves, of which one belongs to the pair before and one to
    the pair after. Round i is reference[i][1], model[i][0] and model[i][1], reference[i + 1][0]: the order of R M M R.
    """

    reference: list[Block] = field(default_factory=list)
    model: list[Block] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.model)

    def pairs(self) -> Pairs:
        """Log of the median run of each half, and the larger of the shares taken from both halves."""
        reference = [(before[1], after[0]) for before, after in zip(self.reference, self.reference[1:], strict=False)]

        def logs(blocks: list[Block]) -> list[list[float]]:
            return [[float(np.median(half.seconds)) for half in block] for block in blocks]

        taken = [
            [max(a.taken, b.taken) for a, b in zip(*blocks, strict=True)]
            for blocks in zip(self.model, reference, strict=True)
        ]
        return Pairs(np.log(logs(self.model)), np.log(logs(reference)), np.array(taken))


class Sampler:
    """Adds rounds of one network beside the reference. `run_s` and `reference_s` are about what one run takes.

    `alone` says that the calling thread computes the network, and no other: then what is taken from a long run is
    known, and subtracted.
    """

    def __init__(
        self,
        clock: Clock,
        run: Run,
        reference: Run,
        run_s: float,
        reference_s: float,
        protocol: Protocol,
        alone: bool = False,
    ) -> None:
        self._given = clock, run, reference, run_s, reference_s, protocol, alone
        self._clock, self._run, self._reference = clock, run, reference
        block = protocol.block_ms / 1e3
        self._count = max(1, round(block / run_s))
        short = run_s < SKIP_BELOW_S
        self._skip = int(short)
        self._reference_skip = 1 if short else max(1, round(SETTLE_S / reference_s))
        self._reference_count = max(1, round(min(max(block, run_s / 2), LONGEST_REFERENCE_BLOCK_S) / reference_s))
        self.subtracts = alone and run_s >= SUBTRACT_FROM_S
        self._half_s = run_s * self._count
        self._round_s = 2 * (self._half_s + reference_s * self._reference_count)
        self._rests, self._rested = realtime_now(), time.perf_counter()
        self.rounds = Rounds(reference=[self._reference_block()])

    def add(self, rounds: int, deadline: float) -> None:
        """Up to `rounds` more; stops early when `time.perf_counter()` has passed `deadline`."""
        for _ in range(rounds):
            first = self._half(self._run, self._skip, self._count)
            self._rest(self._half_s)
            self.rounds.model.append((first, self._half(self._run, 0, self._count)))
            self._rest(self._round_s)
            self.rounds.reference.append(self._reference_block())
            if time.perf_counter() > deadline:
                return

    def again(self) -> Sampler:
        """The same without what was taken so far."""
        return Sampler(*self._given)

    def _reference_block(self) -> Block:
        count = self._reference_count
        return self._half(self._reference, self._reference_skip, count), self._half(self._reference, 0, count)

    def _half(self, run: Run, skip: int, count: int) -> Half:
        seconds, taken_s = self._clock.times(run, skip, count)
        share = max(0.0, taken_s - GRAIN_S) / sum(seconds)
        if self.subtracts and run is self._run:
            seconds = [each * (1 - share) for each in seconds]
        return Half(seconds, share)

    def _rest(self, next_s: float) -> None:
        """Sleeps where the kernel would otherwise stop us within the next `next_s` seconds."""
        if self._rests and time.perf_counter() - self._rested + next_s > LONGEST_WORK_S:
            time.sleep(REST_S)
            self._rested = time.perf_counter()


def warm_up(clock: Clock, run: Run, protocol: Protocol) -> float:
    """Runs until runs stop getting faster; gives the seconds that one takes, by the fastest of the last chunk.

    The first runs of a network load code, plan kernels and fill caches: 2 to 100 times slower than the later ones.
    """
    began = time.perf_counter()
    once = clock.times(run, 0, 1).seconds[0]
    best, chunk = once, 2
    while True:
        fastest = min(clock.times(run, 0, chunk).seconds)
        elapsed = time.perf_counter() - began
        settled = fastest > 0.98 * best and elapsed >= protocol.warmup_ms / 1e3
        best = min(best, fastest)
        if settled or elapsed > protocol.max_warmup_seconds:
            return best
        chunk = max(2, min(100, round(5e-3 / best)))
