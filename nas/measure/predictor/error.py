"""How far off predictions are, in the numbers that are shown beside every prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.measure.predictor.regression import Array


@dataclass(frozen=True)
class HeldOutError:
    """The error on `n` networks that were not learnt from.

    `spearman` is the rank correlation (NaN where all are equal), `within5` and `within10` the shares predicted within
    5% and 10% of the measured time, `coverage90` the share that lies in its 90% interval.
    """

    n: int
    spearman: float
    within5: float
    within10: float
    coverage90: float

    def to_json(self) -> dict[str, float | int | None]:
        return {key: None if value != value else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeldOutError:
        """What `to_json` wrote; TypeError or KeyError for anything else."""
        found: dict[str, Any] = {
            each.name: float("nan") if data[each.name] is None else data[each.name] for each in fields(cls)
        }
        return cls(**found)

    def __str__(self) -> str:
        return (
            f"Spearman {self.spearman:.3f}, {self.within5:.0%} within 5%, {self.within10:.0%} within 10%, "
            f"{self.coverage90:.0%} in their 90% interval ({self.n} networks)"
        )


def held_out_error(predicted: Array, measured: Array, inside: NDArray[np.bool_] | Array) -> HeldOutError:
    """The error of predictions in ms (n) of measurements (n); `inside` (n) is whether each lies in its interval.

    NaNs in `inside` for predictions without intervals.
    """
    off = np.abs(predicted / measured - 1)
    return HeldOutError(
        n=len(measured),
        spearman=spearman(predicted, measured),
        within5=float(np.mean(off <= 0.05)),
        within10=float(np.mean(off <= 0.10)),
        coverage90=float(np.mean(inside)),
    )


def spearman(a: Array, b: Array) -> float:
    """The rank correlation of Spearman (1904), equal values sharing their mean rank; NaN where one is constant."""
    ranks_a, ranks_b = ranks(a), ranks(b)
    ranks_a, ranks_b = ranks_a - ranks_a.mean(), ranks_b - ranks_b.mean()
    size = float(np.sqrt((ranks_a @ ranks_a) * (ranks_b @ ranks_b)))
    return float(ranks_a @ ranks_b) / size if size > 0 else float("nan")


def ranks(values: Array) -> Array:
    """The rank of each value from one, equal values sharing their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank: Array = np.cumsum(count) - (count - 1) / 2
    return mean_rank[place]
