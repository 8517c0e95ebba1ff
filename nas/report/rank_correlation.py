"""How well one number ranks networks by another: Spearman's correlation, with an interval from a bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RANKED = 200_000  # numbers in all resamples together, so that thousands of networks take no longer than hundreds
FEWEST = 5

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation over `n` networks, `low` and `high` its 95% interval (percentiles of a bootstrap)."""

    n: int
    value: float
    low: float
    high: float


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> RankCorrelation | None:
    """Of two rows of numbers, always the same; None for fewer than five pairs, or where one row is constant."""
    a, b = np.asarray(x, float), np.asarray(y, float)
    if len(a) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    picks = _picks(len(a))
    low, high = np.nanpercentile(_spearman(a[picks], b[picks]), [2.5, 97.5])
    return RankCorrelation(len(a), float(_spearman(a[None], b[None])[0]), float(low), float(high))


def surely_stronger(x: Sequence[float], than: Sequence[float], y: Sequence[float]) -> bool:
    """Whether `x` ranks by `y`, either way round, more strongly than another row does.

    That is whether the 95% interval of the difference is above zero, both taken on the same resamples of networks.
    """
    a, b, c = (np.asarray(each, float) for each in (x, than, y))
    picks = _picks(len(a))
    more = np.abs(_spearman(a[picks], c[picks])) - np.abs(_spearman(b[picks], c[picks]))
    more = more[np.isfinite(more)]
    return len(more) > 0 and float(np.percentile(more, 2.5)) > 0


def _picks(n: int) -> npt.NDArray[np.intp]:
    return np.random.default_rng(0).integers(0, n, (min(1000, max(200, RANKED // n)), n))


def _spearman(a: Numbers, b: Numbers) -> Numbers:
    """Of each row of (resamples, n); NaN where one is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(each, axis=1) for each in (a, b))
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    found: Numbers = np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)
    return found
