"""How many finished networks met each budget, where none met all: it shows which budgets exclude each other."""

from __future__ import annotations

from collections.abc import Sequence

from nas.report.aims import Aims
from nas.report.words import budget_text, quantity
from nas.store.record import Record


def met_lines(tried: Sequence[Record], done: Sequence[Record], aims: Aims) -> tuple[str, ...]:
    """A line for each budget: how many of the finished met it, and how many of those tried were turned away for it.

    The study's budgets come in its order, behind them constraints of the space on costs.
    """
    place = {budget.text: number for number, budget in enumerate(aims.budgets)}
    keys = dict.fromkeys(key for record in done for key in record.constraints)
    rejected = [record for record in tried if record.gate is not None]
    return tuple(_line(key, done, rejected, aims) for key in sorted(keys, key=lambda key: place.get(key, len(place))))


def _line(key: str, done: Sequence[Record], rejected: Sequence[Record], aims: Aims) -> str:
    budget = next((budget for budget in aims.budgets if budget.text == key), None)
    known = [record for record in done if key in record.constraints]
    met = sum(record.constraints[key] <= 0 for record in known)
    line = f"{budget_text(budget) if budget else key}: met by {f'{met:,}' if met else 'none'} of {len(known):,}"
    if not met and budget is not None and budget.name:
        nearest = min(known, key=lambda record: record.constraints[key])
        line += f", the nearest has {quantity(budget.name, nearest.values.get(budget.name))}"
    away = sum(record.constraints.get(key, 0.0) > 0 for record in rejected)
    return line + (f"; {away:,} more turned away for it before training" if away else "")
