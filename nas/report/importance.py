"""Which decisions made the difference: how much of the spread of the first objective each one accounts for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas.report.aims import Aims, read_aims
from nas.store.record import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

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
    values = [aims.first.value(r) or 0.0 for r in done]
    names = dict.fromkeys(name for r in done for name in r.decisions)
    found = {}
    for name in names:
        reached = [(str(r.decisions[name]), v) for r, v in zip(done, values, strict=True) if name in r.decisions]
        if 1 < len({text for text, _ in reached}) < len(reached):
            found[name] = _epsilon_squared(reached) * len(reached) / len(done)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def chance_level(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> float:
    """The largest share that any decision has by chance, in 19 of 20 cases: of all, for somebody is always lucky.

    From `SHUFFLES` rounds in which the values are dealt out at random to the same networks; NaN where there is nothing
    to tell apart.
    """
    import numpy as np

    aims = read_aims(study)
    done = trained_candidates(records, aims)
    names = list(importance(done, aims))
    values = np.array([aims.first.value(r) for r in done], float)
    if not names or not values.std() > 0:
        return float("nan")
    dealt = np.random.default_rng(0).permuted(np.tile(values, (SHUFFLES, 1)), axis=1)
    largest = np.full(SHUFFLES, -np.inf)
    for name in names:
        reached = np.array([name in r.decisions for r in done])
        _, label = np.unique([str(r.decisions[name]) for r in done if name in r.decisions], return_inverse=True)
        largest = np.maximum(largest, _epsilon_squared_of(dealt[:, reached], label) * reached.mean())
    return float(np.quantile(largest, 0.95))


def _epsilon_squared_of(values: npt.NDArray[np.float64], label: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """The same for each row of values (rounds, networks), the label of each network being given as a number."""
    import numpy as np

    member = np.eye(label.max() + 1)[label]  # (networks, labels)
    counts = member.sum(axis=0)
    centred = values - values.mean(axis=1, keepdims=True)
    total = (centred**2).sum(axis=1)
    between = ((centred @ member) ** 2 / counts).sum(axis=1)
    free = len(label) - len(counts)
    spread = np.where(total > 0, total, 1.0)
    found: npt.NDArray[np.float64] = 1 - (total - between) / spread * (len(label) - 1) / free
    return np.where(total > 0, found, 0.0)


def _epsilon_squared(pairs: Sequence[tuple[str, float]]) -> float:
    groups: dict[str, list[float]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    values = [value for _, value in pairs]
    mean = sum(values) / len(values)
    total = sum((v - mean) ** 2 for v in values)
    within = sum(sum((v - sum(g) / len(g)) ** 2 for v in g) for g in groups.values())
    free = len(values) - len(groups)
    return 0.0 if total <= 0 or free <= 0 else 1 - (within / free) / (total / (len(values) - 1))
