"""How well MACs tell latency: a line through the logarithms of both, and what it leaves over for each network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.report.table import trusted
from nas.store.record import Record

FEWEST = 8
LEVEL = 0.9  # of the band: the share of networks that it is meant to hold
FAR = 2.5  # standard deviations from the line at which a network is named


@dataclass(frozen=True)
class Fit:
    """`latency = scale * macs ** power` times `e` to the normal error of standard deviation `spread`.

    Least squares on the logarithms of `n` networks; `mean` and `squares` of the logarithms of their MACs give the
    band, that of a new network (Student's t).
    """

    power: float
    scale: float
    spread: float
    n: int
    mean: float
    squares: float

    def at(self, macs: float) -> float:
        """The latency on the line, in ms."""
        return float(self.scale * macs**self.power)

    def factor(self, macs: float) -> float:
        """By what factor a network of these MACs may be slower or faster than the line: the band."""
        from scipy.stats import t

        apart = (math.log(macs) - self.mean) ** 2 / self.squares
        deviation = self.spread * math.sqrt(1 + 1 / self.n + apart)
        return math.exp(float(t.ppf((1 + LEVEL) / 2, self.n - 2)) * deviation)

    def off(self, record: Record) -> float:
        """By what factor a network is slower than the line."""
        return record.values["latency_ms"] / self.at(record.values["macs"])

    def far(self, record: Record) -> bool:
        """Whether it lies so far off the line that it has a name in the figure."""
        return abs(math.log(self.off(record))) > FAR * self.spread > 0


@dataclass(frozen=True)
class Tradeoff:
    """Measured networks with MACs and latency; the fit and the rank correlation are of the trusted candidates.

    `fit` is None where those are too few or all of one size, `spearman` NaN where either is constant.
    """

    networks: tuple[Record, ...]
    fit: Fit | None
    spearman: float
    untrusted: int


def tradeoff(records: Sequence[Record]) -> Tradeoff:
    """All networks that were measured, whatever became of them; each network once.

    A finalist's numbers replace those of the trial that it comes from: they were taken in a fresh process.
    """
    from nas.measure.predictor.error import spearman

    replaced = {r.source for r in records if r.role == "finalist" and _measured(r)}
    found = [r for r in records if _measured(r) and not (r.role == "candidate" and r.trial in replaced)]
    kept = [r for r in found if trusted(r) and r.role != "baseline"]
    macs, ms = (np.array([r.values[name] for r in kept], float) for name in ("macs", "latency_ms"))
    rank = spearman(macs, ms) if len(kept) > 1 else math.nan
    return Tradeoff(tuple(found), _fit(macs, ms), rank, sum(not trusted(r) for r in found))


def _measured(record: Record) -> bool:
    values = [record.values.get(name) for name in ("macs", "latency_ms")]
    return record.latency is not None and all(v is not None and math.isfinite(v) and v > 0 for v in values)


def _fit(macs: np.ndarray, ms: np.ndarray) -> Fit | None:
    x, y = np.log(macs), np.log(ms)
    squares = float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0
    if len(x) < FEWEST or squares <= 0:
        return None
    power = float((x - x.mean()) @ (y - y.mean())) / squares
    left = y - y.mean() - power * (x - x.mean())
    spread = math.sqrt(float(left @ left) / (len(x) - 2))
    return Fit(power, math.exp(float(y.mean() - power * x.mean())), spread, len(x), float(x.mean()), squares)
