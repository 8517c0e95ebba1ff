"""Which decisions made the difference: how much of the spread of the first objective each one accounts for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.store.record import Record

ABSENT = "\N{EN DASH}"


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
