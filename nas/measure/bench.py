"""One device set up for measuring in this process: the reference warmed up, its quiet time known."""

from __future__ import annotations

import time

import numpy as np

from nas.measure import calibration
from nas.measure.calibration import FAR, LOWER, Calibration
from nas.measure.clock import Clock, Run, clock_for
from nas.measure.devices import Device
from nas.measure.protocol import Protocol
from nas.measure.reference import reference
from nas.measure.sampling import Sampler, warm_up
from nas.measure.statistics import quietest

LOOK_S = 0.25  # a look at the reference
LEAST_LOOKS, MOST_LOOKS = 3, 8
AGREE = 0.005  # the two fastest looks must be as near as this to be believed
PAUSE_S = 0.1  # between looks, so that they do not all fall into one disturbance
CALM = 0.3  # a look is calm when fewer blocks than this share were disturbed


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
        alone = self.device.kind == "cpu" and self.device.threads == 1
        return Sampler(self.clock, run, self.reference, run_s, self.reference_s, self.protocol, alone)

    def saw(self, seconds: float) -> None:
        """Takes the reference's time in the pairs that counted: well below the quiet time twice, that was not quiet."""
        found = self.calibration.seen(seconds, time.time())
        if found != self.calibration:
            self.unstable = self.unstable and found.seconds == self.quiet_s
            self.calibration = found
            calibration.store(self.device, found)

    def _calibrate(self) -> Calibration:
        """The calibration other processes left, if the reference still comes near it; otherwise, a new one."""
        known = calibration.load(self.device)
        if known is None or not known.calm:
            return self._settle(known)
        for look in range(MOST_LOOKS // 2):
            if look:
                time.sleep(PAUSE_S)
            seconds, _ = self._look()
            if seconds < FAR * known.seconds:
                return self._settle(None)
            if seconds < LOWER * known.seconds:
                known = known.seen(seconds, time.time())
                calibration.store(self.device, known)
                return known
            if seconds <= (1 + self.protocol.tolerance) * known.seconds:
                return known
        self.unstable = True
        return known

    def _settle(self, known: Calibration | None) -> Calibration:
        """Looks until the fastest was calm and another agrees, at most eight times; what is known may be better."""
        looks: list[tuple[float, bool]] = []
        while len(looks) < MOST_LOOKS:
            if looks:
                time.sleep(PAUSE_S)
            looks = sorted([*looks, self._look()])
            fastest, calm = looks[0]
            if len(looks) >= LEAST_LOOKS and calm and looks[1][0] <= (1 + AGREE) * fastest:
                return self._keep(fastest, True)
        if known is not None and known.seconds <= fastest:
            return known
        return self._keep(fastest, False)

    def _keep(self, seconds: float, calm: bool) -> Calibration:
        found = Calibration(seconds, time.time(), calm)
        calibration.store(self.device, found)
        return found

    def _look(self) -> tuple[float, bool]:
        """The reference's time in quiet moments, measured like a network, against itself; whether they were many."""
        sampler = Sampler(self.clock, self.reference, self.reference, self.reference_s, self.reference_s, self.protocol)
        sampler.add(10_000, time.perf_counter() + LOOK_S)
        pairs = sampler.rounds.pairs()
        level = float(np.median(pairs.reference[quietest(pairs, self.protocol.keep)]))
        disturbed = float(np.mean(pairs.reference > level + np.log1p(self.protocol.tolerance)))
        return float(np.exp(level)), disturbed < CALM
