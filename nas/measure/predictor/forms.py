"""What may be linear in the counts: the time of a network, or its logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nas.measure.predictor.counts import Counts
from nas.measure.predictor.regression import Array

# `time`: times add up, with noise of equal size; `relative`: they add up, with noise in proportion; `log`: factors.
Form = Literal["time", "relative", "log"]
FORMS: tuple[Form, ...] = ("time", "relative", "log")


def unit_of(ms: Array, form: Form) -> float:
    """What times are divided by: their mean, the geometric one for factors."""
    return float(np.exp(np.mean(np.log(ms)))) if form == "log" else float(np.mean(ms))


def to_latent(ms: Array, form: Form, unit: float) -> Array:
    """What is linear in the counts."""
    return np.log(ms / unit) if form == "log" else ms / unit


def to_ms(latent: Array, form: Form, unit: float) -> Array:
    """The inverse of `to_latent`; sums may be negative."""
    return unit * (np.exp(np.minimum(latent, 50.0)) if form == "log" else latent)


def offset(networks: Sequence[Counts], form: Form, unit: float) -> Array:
    """The prior mean of each network, in what is linear; zeros where nothing is known before measuring."""
    if any(each.prior_ms is None for each in networks):
        return np.zeros(len(networks))
    return to_latent(np.array([each.prior_ms for each in networks], dtype=float), form, unit)
