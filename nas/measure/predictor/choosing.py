"""Which form of time is linear in the counts, and how much finer levels matter: tried, the best kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.counts import Counts, without_prior
from nas.measure.predictor.design import Design, centred, gram_of, side_by_side
from nas.measure.predictor.fitting import LEAST, Fit
from nas.measure.predictor.forms import FORMS, Form, offset, to_latent, to_ms, unit_of
from nas.measure.predictor.regression import Array, Posterior, learn

DECAYS = (1.0, 0.5, 0.25, 0.1, 0.03)

# Form and decay are chosen by at most this many networks: more would not change the choice, and take far longer.
ENOUGH = 128


def best_fit(networks: Sequence[Counts], ms: Array, proposed: NDArray[np.bool_], forms: Sequence[Form] = FORMS) -> Fit:
    """The fit of all networks in the form that predicts best when one is left out, with the decay of most evidence.

    What was known before measuring is used where that predicts better than without. `proposed` (n): see `width`.
    """
    offered = [_Data(networks, ms, proposed)]
    if networks[0].prior_ms is not None:
        offered.append(_Data(without_prior(networks), ms, proposed))
    return min((data.trial(form) for data in offered for form in forms), key=lambda each: each.off).fit()


@dataclass(frozen=True, eq=False)
class _Data:
    """Networks with their times, their columns, and the covariances of each level."""

    networks: Sequence[Counts]
    ms: Array
    proposed: NDArray[np.bool_]

    @cached_property
    def design(self) -> Design:
        return Design.of(self.networks)

    @cached_property
    def matrices(self) -> list[tuple[Array, Array]]:
        return self.design.matrices(self.networks)

    @cached_property
    def grams(self) -> list[Array]:
        return [matrix @ matrix.T for matrix, _ in self.matrices]

    @cached_property
    def few(self) -> NDArray[np.intp]:
        n = len(self.ms)
        return np.unique(np.linspace(0, n - 1, min(n, ENOUGH)).round().astype(np.intp))

    def target(self, form: Form) -> tuple[Array, float]:
        """What is to be learnt, and the unit of it in ms."""
        unit = unit_of(self.ms, form)
        return to_latent(self.ms, form, unit) - offset(self.networks, form, unit), unit

    def weights(self, form: Form) -> Array:
        """One over the size of the noise of each network."""
        if form != "relative":
            return np.ones(len(self.ms))
        return 1 / np.maximum(self.pilot, 0.5 * float(np.min(self.ms / np.mean(self.ms))))

    @cached_property
    def pilot(self) -> Array:
        """A first guess of all times, relative to their mean, from the few, as if noise were equal."""
        y, unit = self.target("time")
        decay, posterior = self.best_decay(y, np.ones(len(y)))
        gram = gram_of(self.grams, decay)[:, self.few]
        middle = gram[self.few].mean(0)
        cross = gram - gram.mean(1)[:, None] - middle + middle.mean()
        return offset(self.networks, "time", unit) + posterior.mean + cross @ posterior.dual

    def best_decay(self, y: Array, weights: Array) -> tuple[float, Posterior]:
        """The decay of most evidence, and what the few say with it."""
        small = [gram[np.ix_(self.few, self.few)] for gram in self.grams]
        y, weights = y[self.few], weights[self.few]
        tried = [
            (decay, learn(centred(gram_of(small, decay), weights), y, weights))
            for decay in (DECAYS if len(small) > 1 else DECAYS[:1])
        ]
        return max(tried, key=lambda each: each[1].evidence)

    def trial(self, form: Form) -> _Trial:
        """How far off a form is when one is left out: the mean of the log of predicted to measured, at most one."""
        weights = self.weights(form)
        y, unit = self.target(form)
        decay, posterior = self.best_decay(y, weights)
        few = self.ms[self.few]
        left_out = to_ms(to_latent(few, form, unit) - posterior.residuals, form, unit)
        off = np.abs(np.log(np.maximum(left_out, LEAST * np.min(few)) / few))
        return _Trial(self, form, decay, weights, float(np.mean(np.minimum(off, 1.0))))


@dataclass(frozen=True, eq=False)
class _Trial:
    data: _Data
    form: Form
    decay: float
    weights: Array
    off: float

    def fit(self) -> Fit:
        """What all networks say in this form."""
        data, weights = self.data, self.weights
        y, unit = data.target(self.form)
        columns, _ = side_by_side(data.matrices, self.decay)
        centre = weights**2 @ columns / (weights @ weights)
        rows = (columns - centre) * weights[:, None]
        return Fit(
            design=data.design,
            form=self.form,
            uses_prior=data.networks[0].prior_ms is not None,
            decay=self.decay,
            unit_ms=unit,
            least_ms=LEAST * float(np.min(data.ms)),
            weights=weights,
            centre=centre,
            rows=rows,
            posterior=learn(rows @ rows.T, y, weights),
            proposed=data.proposed,
        )
