"""One device set up for measuring in this process: the reference warmed up, its quiet time known."""

from __future__ import annotations

import math
import time

import numpy as np

from nas.measure import calibration
from nas.measure.calibration import LOWER, Calibration
from nas.measure.clock import Clock, Run, clock_for
from nas.measure.devices import Device
from nas.measure.protocol import Protocol
from nas.measure.reference import reference
from nas.measure.sampling import Sampler, warm_up
from nas.measure.statistics import quietest

LOOK_S = 0.25  # a look at the reference
FIRST_LOOKS = 6  # when no calibration is known
PAUSE_S = 0.1  # between looks, so that they do not all fall into one disturbance


class Bench:
    """Holds the reference network of a device. `quiet_s` is the time of one of its runs when nothing else runs.

    `unstable` says that in this process the reference never came near the quiet time other processes found, `crowded`
    that the last measurement found no quiet moment: then the next one is not worth a second attempt.
    Enter `settings(device)` before making one and while using it.
    """

    def __init__(self, device: Device, protocol: Protocol, clock: Clock | None = None) -> None:
        self.device, self.protocol = device, protocol
        self.clock = clock or clock_for(device)
        self.reference = reference(device)
        self.reference_s = warm_up(self.clock, self.reference, protocol)
        self.unstable = self.crowded = False
        self.calibration = self._calibrate()

    @property
    def quiet_s(self) -> float:
        return self.calibration.seconds

    def sampler(self, run: Run) -> Sampler:
        """A sampler of a network, warmed up."""
        run_s = warm_up(self.clock, run, self.protocol)
        return Sampler(self.clock, run, self.reference, run_s, self.reference_s, self.protocol)

    def saw(self, seconds: float) -> None:
        """Takes the reference's time in the pairs that counted: well below the quiet time, that one was not quiet."""
        if seconds < LOWER * self.quiet_s:
            self.calibration = self._keep(seconds)
            self.unstable = False

    def _calibrate(self) -> Calibration:
        known = calibration.load(self.device)
        highest = (1 + self.protocol.tolerance) * known.seconds if known else 0.0
        best = math.inf
        for look in range(FIRST_LOOKS):
            if look:
                time.sleep(PAUSE_S)
            best = min(best, self._look())
            if known and best <= highest:
                break
        if known and best >= LOWER * known.seconds:
            self.unstable = best > highest
            return known
        return self._keep(best)

    def _keep(self, seconds: float) -> Calibration:
        found = Calibration(seconds, time.time())
        calibration.store(self.device, found)
        return found

    def _look(self) -> float:
        """The reference's time in its quietest moments, measured like a network, against itself."""
        sampler = Sampler(self.clock, self.reference, self.reference, self.reference_s, self.reference_s, self.protocol)
        sampler.add(10_000, time.perf_counter() + LOOK_S)
        pairs = sampler.rounds.pairs()
        return float(np.exp(np.median(pairs.reference[quietest(pairs, self.protocol.keep)])))
