"""How wide intervals must be, by how far leaving one out was wrong (after Jackknife+, Barber et al., 2021)."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.regression import Array

CONFIDENCE = 0.9
FEWEST = 10  # networks that were not proposed, below which the proposed ones have a say too


def width(
    residuals: Array, variances: Array, proposed: NDArray[np.bool_] | None = None, confidence: float = CONFIDENCE
) -> float:
    """Half the interval in standard deviations: the quantile of what leaving one out was off by, in those it expected.

    It is that of the networks that come as others will; those that were `proposed` are left out: they differ most from
    all others, their variance is large, and they were found to be off by less of it. The quantile is that of one more
    network; where they are too few to have it, at least the largest, and that of a normal distribution. Form, decay and
    noise were chosen by the same networks, which makes their errors a little too small: the share of 2 / n was found
    on the tables of `benchmarks.predictor_tables`.
    """
    off = np.abs(residuals) / np.sqrt(variances)
    if proposed is not None and (~proposed).sum() >= FEWEST:
        off = off[~proposed]
    off = np.sort(off)
    n = len(off)
    place = math.ceil(confidence * (n + 1))
    half = float(off[place - 1]) if place <= n else max(NormalDist().inv_cdf((1 + confidence) / 2), float(off[-1]))
    return half * (1 + 2 / n)
