"""The measurement itself: sample until the interval is narrow and the device quiet, judge what came out, try again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nas.measure import contention
from nas.measure.bench import Bench
from nas.measure.clock import Run
from nas.measure.latency import SERIOUS, Latency
from nas.measure.protocol import Protocol
from nas.measure.sampling import Rounds, Sampler
from nas.measure.statistics import TOUCHED, Pairs, drift, interval, log_ratio, quietest, taken_of, widened

GROWTH = 1.25  # rounds are added by this factor between looks at the interval
EARLY_PAIRS = 24  # enough for a decision against a budget far away
# For stopping early the interval is looked at again and again, so it must be surer than the one reported.
EARLY_CONFIDENCE = 0.998
STRADDLE = 2  # time and pairs are multiplied by this when the budget lies inside the interval
# The share of time that others may have taken from the pairs that count: where it is in the result, and where it was
# subtracted. What they did to caches meanwhile is not known, so not more than the kernel takes from real-time threads.
MOST_TAKEN, MOST_SUBTRACTED = TOUCHED, 0.1
PAUSE_S = 0.2  # before a measurement is taken again


def longest_seconds(protocol: Protocol) -> float:
    """After this time a measurement hangs: more than the protocol allows, with room for networks of seconds a run."""
    attempts = 1 + protocol.retries
    return 120.0 + 2 * attempts * (STRADDLE * protocol.max_seconds + protocol.max_warmup_seconds)


def take(bench: Bench, run: Run, budget_ms: float | None, environment: Mapping[str, Any]) -> Latency:
    """The latency of `run` on the bench, taken again while it is not to be trusted, up to the protocol's retries.

    Where the last measurement found not one quiet moment, there is one attempt only. Of several attempts the one with
    the fewest serious flags is kept, then the one with the quietest reference.
    """
    began = time.perf_counter()
    sampler = bench.sampler(run)
    best: Latency | None = None
    for attempt in range(1 if bench.crowded else 1 + bench.protocol.retries):
        if attempt:
            time.sleep(PAUSE_S * attempt)
            sampler = sampler.again()
        found = _attempt(bench, sampler, budget_ms)
        if best is None or _badness(found) < _badness(best):
            best = found
        if best.trusted:
            break
    assert best is not None
    bench.crowded = "contended" in best.flags
    evidence = {**best.evidence, "attempts": attempt + 1}
    seconds = time.perf_counter() - began
    return replace(best, seconds=round(seconds, 4), environment=environment, evidence=evidence)


def _badness(latency: Latency) -> tuple[int, float]:
    return len(SERIOUS.intersection(latency.flags)), latency.evidence["slowdown"]


def _attempt(bench: Bench, sampler: Sampler, budget_ms: float | None) -> Latency:
    protocol = bench.protocol
    watch = contention.Watch(bench.device)
    began = time.perf_counter()
    pairs, flags = _sample(bench, sampler, budget_ms)
    evidence = watch.stop()

    chosen = quietest(pairs, protocol.keep)
    level = float(np.median(pairs.reference[chosen]))
    bench.saw(math.exp(level))
    quiet = math.log(bench.quiet_s)
    middle = log_ratio(pairs, protocol.keep)
    bounds = interval(pairs, protocol.keep, protocol.confidence, protocol.seed)
    half = (bounds[1] - bounds[0]) / 2
    p50, low, high = (1e3 * math.exp(quiet + x) for x in (middle, *widened(middle, bounds, protocol.floor)))
    slowdown = math.exp(level - quiet) - 1
    taken = taken_of(pairs, chosen)
    disturbed = float(np.mean(pairs.reference > quiet + math.log1p(protocol.tolerance)))

    flags |= {
        "not_converged": half > protocol.limit and not flags.get("decided_early"),
        "contended": slowdown > protocol.tolerance or contention.contended(evidence) or taken > _most_taken(sampler),
        "drift": abs(drift(pairs, protocol.keep)) > max(protocol.limit, 3 * half),
        "throttled": contention.throttled(evidence),
        "reference_unstable": bench.unstable,
        "disturbed": disturbed > 0.5,
        "straddles_budget": budget_ms is not None and low <= budget_ms <= high,
    }
    raised = tuple(sorted(flag for flag, on in flags.items() if on))
    p90, p99 = _tail(sampler.rounds, pairs, quiet + math.log1p(protocol.tolerance), p50)
    return Latency(
        p50=p50,
        low=low,
        high=high,
        p90=p90,
        p99=p99,
        pairs=len(pairs),
        trusted=not SERIOUS.intersection(raised),
        flags=raised,
        seconds=time.perf_counter() - began,
        device=bench.device.key,
        budget_ms=budget_ms,
        evidence={
            "slowdown": round(slowdown, 4),
            "disturbed_pairs": round(disturbed, 4),
            "cpu_share": round(1 - taken, 4),
            "reference_ms": 1e3 * bench.quiet_s,
            **evidence,
        },
    )


def _most_taken(sampler: Sampler) -> float:
    return MOST_SUBTRACTED if sampler.subtracts else MOST_TAKEN


def _sample(bench: Bench, sampler: Sampler, budget_ms: float | None) -> tuple[Pairs, dict[str, bool]]:
    """Rounds until the stop rule is met, or time or pairs run out."""
    protocol = bench.protocol
    quiet = math.log(bench.quiet_s)
    bound = math.log(budget_ms / 1e3) - quiet if budget_ms else None
    began = time.perf_counter()
    most, seconds = protocol.max_pairs, protocol.max_seconds
    goal = min(EARLY_PAIRS, protocol.min_pairs) if bound is not None else protocol.min_pairs
    sampler.add(3, math.inf)
    while True:
        sampler.add(math.ceil(goal / 2) - len(sampler.rounds), began + seconds)
        pairs = sampler.rounds.pairs()
        count = len(pairs)
        out = count >= most or time.perf_counter() > began + seconds
        chosen = quietest(pairs, protocol.keep)
        level = float(np.median(pairs.reference[chosen]))
        ours = taken_of(pairs, chosen) <= _most_taken(sampler)
        calm = ours and level <= quiet + math.log1p(protocol.tolerance)
        if calm and bound is not None and count >= EARLY_PAIRS:
            low, high = interval(pairs, protocol.keep, EARLY_CONFIDENCE, protocol.seed)
            decided = bound < low - protocol.floor or high + protocol.floor < bound
            if decided:
                low, high = interval(pairs, protocol.keep, protocol.confidence, protocol.seed)
            # What is over the budget is turned away; what is within goes on, and its number is looked at again.
            if decided and (bound < low or (high - low) / 2 <= protocol.limit):
                return pairs, {"decided_early": (high - low) / 2 > protocol.target}
        if calm and count >= protocol.min_pairs:
            low, high = interval(pairs, protocol.keep, protocol.confidence, protocol.seed)
            straddles = bound is not None and low <= bound <= high
            if straddles and most == protocol.max_pairs:
                most, seconds = STRADDLE * most, STRADDLE * seconds
            elif (high - low) / 2 <= protocol.target and not straddles:
                return pairs, {}
        if out:
            return pairs, {}
        goal = min(most, max(count + 2, math.ceil(GROWTH * count)))


def _tail(rounds: Rounds, pairs: Pairs, calm: float, p50: float) -> tuple[float, float]:
    """The 90th and 99th percentile of single runs in rounds that were calm, where nobody took the processor away.

    `calm` is the log of the slowest time of the reference that is still calm; it has to be so before and after. The
    result has the units of `p50`. Without twenty such runs all runs speak.
    """
    ours = np.array([[half.taken <= TOUCHED for half in block] for block in rounds.model]).all(axis=1)
    calm_rounds = np.flatnonzero((pairs.reference <= calm).all(axis=1) & ours)
    runs = [time for i in calm_rounds for half in rounds.model[i] for time in half.seconds]
    if len(runs) < 20:
        runs = [time for block in rounds.model for half in block for time in half.seconds]
    middle, p90, p99 = np.quantile(runs, [0.5, 0.9, 0.99])
    return float(p50 * max(1.0, p90 / middle)), float(p50 * max(1.0, p99 / middle))
