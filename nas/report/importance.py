"""Which decisions made the difference: how much of the spread of the first objective each one accounts for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.report.aims import Aims, read_aims
from nas.store.record import Record

ABSENT = "\N{EN DASH}"
SHUFFLES = 200


def trained_candidates(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[Record]:
    """Candidates trained to the end that have the first objective."""
    aims = read_aims(study)
    return [r for r in records if r.state == "complete" and r.role == "candidate" and aims.first.value(r) is not None]


def importance(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> dict[str, float]:
    """Share of the first objective's variance between the labels of each decision, largest first.

    Epsilon squared (Kelley, 1935): unlike eta squared it is not flattered by many labels, and is negative where a
    decision explains less than chance would. It is taken over the networks that reached the decision, and weighted by
    their share of all. Decisions taken alike wherever they were reached are left out.
    """
    aims = read_aims(study)
    done = trained_candidates(records, aims)
    values = np.array([aims.first.value(r) for r in done], float)
    names = dict.fromkeys(name for r in done for name in r.decisions)
    found = {}
    for name in names:
        reached, label = _labels(name, done)
        if 1 < label.max(initial=-1) + 1 < len(label):
            found[name] = float(_epsilon_squared(values[None, reached], label)[0]) * len(label) / len(done)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def chance_level(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> float:
    """The largest share that any decision has by chance, in 19 of 20 cases: of all, for somebody is always lucky.

    From `SHUFFLES` rounds in which the values are dealt out at random to the same networks; NaN where there is nothing
    to tell apart.
    """
    aims = read_aims(study)
    done = trained_candidates(records, aims)
    names = list(importance(done, aims))
    values = np.array([aims.first.value(r) for r in done], float)
    if not names or values.min() == values.max():
        return float("nan")
    dealt = np.random.default_rng(0).permuted(np.tile(values, (SHUFFLES, 1)), axis=1)
    largest = np.full(SHUFFLES, -np.inf)
    for name in names:
        reached, label = _labels(name, done)
        largest = np.maximum(largest, _epsilon_squared(dealt[:, reached], label) * reached.mean())
    return float(np.quantile(largest, 0.95))


def _labels(name: str, done: Sequence[Record]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which networks reached a decision, and for those a number for the label that they have."""
    reached = np.array([name in r.decisions for r in done], bool)
    texts = [str(r.decisions[name]) for r in done if name in r.decisions]
    return reached, np.unique(np.array(texts, object), return_inverse=True)[1]


def _epsilon_squared(values: npt.NDArray[np.float64], label: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """That of each row of values (rounds, networks), between the labels (networks); 0 where a row is constant."""
    counts = np.bincount(label)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    centred = values - values.mean(axis=1, keepdims=True)
    total = (centred**2).sum(axis=1)
    sums = np.add.reduceat(centred[:, np.argsort(label, kind="stable")], starts, axis=1)  # (rounds, labels)
    between = (sums**2 / counts).sum(axis=1)
    free = len(label) - len(counts)
    differs = total > 1e-20 * (values**2).sum(axis=1)
    found: npt.NDArray[np.float64] = 1 - (total - between) / np.where(differs, total, 1.0) * (len(label) - 1) / free
    return np.where(differs, found, 0.0)
