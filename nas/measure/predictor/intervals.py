"""How wide 90% intervals must be, by how far leaving one out was wrong (after Jackknife+, Barber et al., 2021)."""

from __future__ import annotations

import math

import numpy as np

from nas.measure.predictor.regression import Array

CONFIDENCE = 0.9
NORMAL = 1.6449  # 90% of a normal distribution lie within so many standard deviations


def width(residuals: Array, variances: Array) -> float:
    """Half the interval in standard deviations: the quantile of what leaving one out was off by, in those it expected.

    The quantile is that of one more network; where they are too few to have it, at least the largest. Form, decay and
    noise were chosen by the same networks, which makes their errors a little too small: the share of 2 / n was found
    on the tables of `benchmarks.predictor_tables`.
    """
    off = np.sort(np.abs(residuals) / np.sqrt(variances))
    n = len(off)
    place = math.ceil(CONFIDENCE * (n + 1))
    half = float(off[place - 1]) if place <= n else max(NORMAL, float(off[-1]))
    return half * (1 + 2 / n)
