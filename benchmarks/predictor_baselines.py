"""What else predicts latency from few measurements, for `predictor_tables`: all learn from the same networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Networks as digits (n, positions), with what the table tells of their costs (n, costs), if anything."""

    digits: NDArray[np.int64]
    costs: Array | None

    def one_hot(self) -> Array:
        """A column for each digit at each position, (n, positions * digits)."""
        values = np.unique(self.digits)
        return (self.digits[:, :, None] == values).reshape(len(self.digits), -1).astype(float)

    def counts(self) -> Array:
        """How often each digit occurs, (n, digits)."""
        return np.stack([(self.digits == value).sum(1) for value in np.unique(self.digits)], axis=1).astype(float)


# Each gives predictions in ms for the rows of `test`, from the times in ms of those of `train`.
Baseline = Callable[[Table, NDArray[np.int64], Array, NDArray[np.int64]], Array]


def lookup(table: Table, train: NDArray[np.int64], ms: Array, test: NDArray[np.int64]) -> Array:
    """A table of times, one a decision, that are added: least squares, the smallest solution where there are many."""
    columns = np.concatenate([np.ones((len(table.digits), 1)), table.one_hot()], axis=1)
    return columns[test] @ np.linalg.lstsq(columns[train], ms, rcond=None)[0]


def costs(table: Table, train: NDArray[np.int64], ms: Array, test: NDArray[np.int64]) -> Array:
    """Ridge on the costs that the table tells (parameters and MFLOPs), its strength by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    if table.costs is None:
        raise ValueError("this table tells no costs")
    mean, scale = table.costs[train].mean(0), table.costs[train].std(0) + 1e-12
    columns = (table.costs - mean) / scale
    return RidgeCV(np.logspace(-4, 2, 13)).fit(columns[train], ms).predict(columns[test])


def boosting(table: Table, train: NDArray[np.int64], ms: Array, test: NDArray[np.int64]) -> Array:
    """Gradient boosting of trees on the same counts and decisions, on log time."""
    from sklearn.ensemble import GradientBoostingRegressor

    columns = np.concatenate([table.counts(), table.one_hot()], axis=1)
    model = GradientBoostingRegressor(
        n_estimators=200, learning_rate=0.08, max_depth=3, subsample=0.8, max_features=0.3, random_state=0
    )
    return np.exp(model.fit(columns[train], np.log(ms)).predict(columns[test]))


BASELINES: dict[str, Baseline] = {"lookup table": lookup, "ridge on costs": costs, "gradient boosting": boosting}
