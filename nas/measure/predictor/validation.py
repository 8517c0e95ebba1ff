"""The error of a predictor on networks it never saw, from its own networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.choosing import best_fit
from nas.measure.predictor.counts import Counts
from nas.measure.predictor.error import HeldOutError, held_out_error
from nas.measure.predictor.regression import Array

MANY = 100


def cross_validated(networks: Sequence[Counts], ms: Array, proposed: NDArray[np.bool_]) -> HeldOutError:
    """The error on all networks, dealt into ten parts (five from 100 networks on), each predicted from the others.

    Form, decay, noise and the width of intervals are learnt anew each time, so that nothing of a part is known.
    """
    n = len(networks)
    parts = np.random.default_rng(0).permutation(n) % min(n, 5 if n >= MANY else 10)
    p50, low, high = np.zeros(n), np.zeros(n), np.zeros(n)
    for part in range(int(parts.max()) + 1):
        held, known = np.flatnonzero(parts == part).tolist(), np.flatnonzero(parts != part).tolist()
        fit = best_fit([networks[i] for i in known], ms[known], proposed[known])
        p50[held], low[held], high[held] = fit.predict([networks[i] for i in held])
    return held_out_error(p50, ms, (low <= ms) & (ms <= high))
