"""The run of one calibration: what was measured, what can be, and what is measured next."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nas.arch import Plan
from nas.errors import DeviceError, DeviceGone, InvalidArchitecture
from nas.measure import Device
from nas.measure import Protocol as Procedure
from nas.measure.alone import Alone
from nas.measure.predictor import (
    BlockTimes,
    Counts,
    HeldOutError,
    Key,
    Predictor,
    blocks_to_measure,
    held_out_error,
    propose_first,
)
from nas.space import Space
from nas.study.block_timing import block_file, time_blocks
from nas.study.calibration_log import CalibrationLog, Measured, digest, lines_beside
from nas.study.calibrations import Measures, Witness, count, key_of
from nas.study.pool import Drawn, draw_pool
from nas.study.spaces import catalogue

BLOCKS_SHARE = 0.25  # of the time that it may take, at most, for blocks alone
FIRST = 20  # networks that are measured before the predictor has a say
BATCH = 10  # networks between two looks at the predictor
ASKED = 0.5  # the share of them that it proposes; the others come at random, so that its intervals hold for such
LEAST_POOL = 600
IN_A_ROW = 3  # failures, after which it is not the network's fault


@dataclass(frozen=True)
class Wanted:
    """What to calibrate: `networks` to learn from, `hold_out` to test on, in `seconds` at most (None: all of them).

    Before them, `blocks` are measured alone, from whose sum predictions start. `anew`: nothing remembered is used. With
    a `seed` the pool of networks is the same wherever drawing it takes no longer than allowed.
    """

    space: Space
    device: Device
    procedure: Procedure = field(default_factory=Procedure)
    networks: int = 150
    hold_out: int = 100
    blocks: int = 100
    seconds: float | None = None
    seed: int = 0
    anew: bool = False


@dataclass(frozen=True)
class Standing:
    """How far it is: blocks alone, networks learnt from and held out; some not to be trusted or not measurable.

    `error` is the cross-validated error so far, `eta_s` None until something was measured.
    """

    learnt: int
    networks: int
    tested: int
    hold_out: int
    timed: int = 0
    blocks: int = 0
    not_trusted: int = 0
    left_out: int = 0
    failed: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None
    error: HeldOutError | None = None
    finished: bool = False


OnStanding = Callable[[Standing], None]


def learnt_from(known: Sequence[Measured], key: Key | None = None) -> Predictor:
    """The predictor that these measurements give."""
    proposed = [place for place, each in enumerate(known) if each.proposed]
    return Predictor.fit([each.counts for each in known], [each.ms for each in known], key, proposed)


class CalibrationRun:
    """The state of one calibration, whose file will be `file`: what was measured, and the pool of what can be.

    `blocks` measures blocks alone (`nas.measure.alone`); None where none are to be measured.
    """

    def __init__(
        self, wanted: Wanted, meter: Measures, blocks: Measures | None, file: Path, on_standing: OnStanding
    ) -> None:
        self.wanted = wanted
        self.measured: list[Measured] = []
        self.key = Key()
        self.blocks: BlockTimes | None = None
        self._meter = meter
        self._block_meter = blocks
        self._block_file = block_file(file.parent, wanted.device)
        self._log = CalibrationLog(lines_beside(file), wanted.space, self.count)
        self._on_standing = on_standing
        self.blocks_s = 0.0  # what measuring them has taken in this run
        self._timed = 0, 0  # blocks so far, and in all
        self._began = time.monotonic()
        self._failed: dict[str, str] = {}
        self._row = 0
        self._taken = 0  # measurements of this run
        self._error: HeldOutError | None = None

    def begin(self) -> None:
        """Draw the pool, measure blocks alone, and try which earlier measurements still hold by taking one again."""
        pool = self._draw()
        self._began = time.monotonic()
        self._time_blocks(pool)
        self.blocks_s = time.monotonic() - self._began
        self._counts = {each.arch_id: self.count(each.plan) for each in pool}
        last = self._log.last()
        if last is not None:
            self._recheck(last)
        held = sum(each.test for each in self.measured)
        untouched = [each for each in pool if each.arch_id not in self._known]
        self._tests = untouched[: max(0, self.wanted.hold_out - held)]

    def count(self, plan: Plan) -> Counts:
        """What the predictor sees of a network."""
        return count(plan, self.blocks)

    def _time_blocks(self, pool: Sequence[Drawn]) -> None:
        if self._block_meter is None or self.wanted.blocks == 0:
            return

        def tell(timed: int, blocks: int) -> None:
            self._timed = timed, blocks
            self._on_standing(self.standing(None))

        self.blocks = time_blocks(
            [step for each in pool for step in each.plan.steps],
            self.wanted.blocks,
            self.wanted.device,
            self._block_meter,
            self._block_file,
            lambda: self._late(BLOCKS_SHARE),
            tell,
            anew=self.wanted.anew,
        )

    def _draw(self) -> list[Drawn]:
        size = max(LEAST_POOL, 2 * (self.wanted.networks + self.wanted.hold_out))
        pool = draw_pool(self.wanted.space, size, random.Random(self.wanted.seed))
        self._pool = {each.arch_id: each for each in pool}
        return pool

    def _recheck(self, last: Mapping[str, Any]) -> None:
        plan = self.wanted.space.decode(last["decisions"])
        then = last["latency"]
        witness = Witness(last["decisions"], plan.arch_id, then["p50"], then["low"], then["high"])
        latency = witness.measure(plan, self._meter)
        self.key = self._key(latency)
        self.measured = self._log.read(self.key)
        if digest(self.key) == last["key"] and then["trusted"] and witness.differs(latency) is not None:
            raise DeviceError(
                f"the device must be as fast as when measuring began, but network {plan.arch_id} took "
                f"{witness.ms:.4g} ms then and takes {latency['p50']:.4g} ms now; find out what changed, or forget "
                f"what is in {self._log.file} with --anew"
            )

    def estimate(self) -> dict[str, Any]:
        """What would be measured, and about how long it takes by the median of a few networks."""
        pool = sorted(self._draw(), key=lambda each: each.macs)
        some = [pool[round(share * (len(pool) - 1))] for share in (0.1, 0.5, 0.9)]
        self._meter.measure(some[0].plan.architecture)  # the first one starts the process
        began = time.monotonic()
        found = [self._meter.measure(each.plan.architecture) for each in some]
        each_s = (time.monotonic() - began) / len(some)
        self.key = self._key(found[0].to_json())
        self.measured = self._log.read(self.key)
        standing = self.standing(None)
        left = max(0, standing.networks - standing.learnt) + max(0, standing.hold_out - standing.tested)
        blocks, block_s = self._try_blocks(pool)
        seconds = each_s * left + block_s * blocks
        return {
            "space": self.wanted.space.name,
            "device": self.wanted.device.name,
            "pool": len(pool),
            "macs": [pool[0].macs, pool[-1].macs],
            "networks": standing.networks,
            "hold_out": standing.hold_out,
            "blocks": blocks,
            "measured_already": len(self.measured),
            "latency_ms": [latency.p50 for latency in found],
            "seconds_a_network": each_s,
            "estimated_seconds": seconds if self.wanted.seconds is None else min(seconds, self.wanted.seconds),
        }

    def _try_blocks(self, pool: Sequence[Drawn]) -> tuple[int, float]:
        """How many blocks would be measured alone, were none remembered, and the seconds that one takes."""
        if self._block_meter is None:
            return 0, 0.0
        steps = [step for each in pool for step in each.plan.steps]
        chosen = blocks_to_measure(steps, catalogue().step, self.wanted.blocks)
        some = [Alone.of(step) for step in chosen[:4]]
        if not some:
            return 0, 0.0
        self._block_meter.measure(some[0])  # starts the process
        began = time.monotonic()
        for each in some:
            self._block_meter.measure(each)
        return len(chosen), (time.monotonic() - began) / len(some)

    def learn(self) -> None:
        """Measure what the predictor proposes until there are as many as wanted, or time is up."""
        share = self.wanted.networks / (self.wanted.networks + self.wanted.hold_out)
        tests = {each.arch_id for each in self._tests}
        while (left := self.wanted.networks - self._learnt) > 0 and not self._late(share):
            offered = [each for key, each in self._pool.items() if key not in self._known and key not in tests]
            if not offered:
                return
            for drawn, proposed in self._next(offered, left):
                self._take(drawn, test=False, proposed=proposed)
                if self._late(share):
                    return

    def _next(self, offered: Sequence[Drawn], left: int) -> list[tuple[Drawn, bool]]:
        """Which networks to measure next, and whether each was proposed."""
        counts = [self._counts[each.arch_id] for each in offered]
        known = sum(each.tells and not each.test for each in self.measured)
        size = min(BATCH if known >= FIRST // 2 else FIRST, left, len(offered))
        asked = math.ceil(ASKED * size)
        if known < FIRST // 2:
            chosen = propose_first(counts, asked)
        else:
            predictor = self.fit()
            if known >= FIRST:
                self._error = predictor.error
            chosen = predictor.propose(counts, asked)
        others = [index for index in range(len(offered)) if index not in set(chosen)]
        return [(offered[i], True) for i in chosen] + [(offered[i], False) for i in others[: size - asked]]

    def fit(self) -> Predictor:
        """What the networks that are not held out say."""
        known = [each for each in self.measured if each.tells and not each.test]
        return learnt_from(known, self.key)

    def test(self, predictor: Predictor) -> HeldOutError | None:
        """Measure what is held out and say how far off the predictor is; None where nothing is."""
        for drawn in self._tests:
            if self._late(1.0):
                break
            self._take(drawn, test=True, proposed=False)
        held = [each for each in self.measured if each.test and each.tells]
        if not held:
            return None
        p50, low, high = predictor.predict([each.counts for each in held])
        ms = np.array([each.ms for each in held])
        return held_out_error(p50, ms, (low <= ms) & (ms <= high))

    def _take(self, drawn: Drawn, *, test: bool, proposed: bool) -> None:
        began = time.monotonic()
        try:
            latency = self._meter.measure(drawn.plan.architecture).to_json()
        except DeviceGone:  # no network's fault, and the next one would wait in vain as long
            raise
        except (InvalidArchitecture, DeviceError) as error:
            self._failed[drawn.arch_id] = str(error)
            self._row += 1
            if self._row >= IN_A_ROW:
                raise
            return
        self._row = 0
        self._taken += 1
        self.key = self._key(latency)
        seconds = time.monotonic() - began
        found = self._log.add(
            drawn.plan, drawn.decisions, latency, self.key, test=test, proposed=proposed, seconds=seconds
        )
        self.measured.append(found)
        self._on_standing(self.standing(self._error))

    def _key(self, latency: Mapping[str, Any]) -> Key:
        return key_of(self.wanted.space, self.wanted.device, self.wanted.procedure, latency["environment"])

    @property
    def _known(self) -> set[str]:
        return {each.plan.arch_id for each in self.measured} | self._failed.keys()

    @property
    def _learnt(self) -> int:
        return sum(not each.test for each in self.measured)

    def _late(self, share: float) -> bool:
        seconds = self.wanted.seconds
        return seconds is not None and time.monotonic() - self._began > share * seconds

    def standing(self, error: HeldOutError | None, *, finished: bool = False) -> Standing:
        """How far it is."""
        wanted = self.wanted
        tested = len(self.measured) - self._learnt
        left = max(0, wanted.networks - self._learnt) + max(0, wanted.hold_out - tested)
        elapsed = time.monotonic() - self._began
        eta = (elapsed - self.blocks_s) / self._taken * left if self._taken else None
        if wanted.seconds is not None and eta is not None:
            eta = min(eta, max(0.0, wanted.seconds - elapsed))
        return Standing(
            learnt=self._learnt,
            networks=wanted.networks,
            tested=tested,
            hold_out=wanted.hold_out,
            timed=self._timed[0],
            blocks=self._timed[1],
            not_trusted=sum(not each.latency["trusted"] for each in self.measured),
            left_out=sum(not each.tells for each in self.measured),
            failed=len(self._failed),
            elapsed_s=elapsed,
            eta_s=eta,
            error=error,
            finished=finished,
        )
