"""What an earlier driver left in a study: what is finished, what was all but told, and what was still on its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import InvalidArchitecture
from nas.search.gates import Gates
from nas.search.goals import GoalError, Goals
from nas.search.history import as_key
from nas.search.intake import Known, drop
from nas.search.proposals import Draw, Proposals
from nas.search.trials import end_trial
from nas.space.expression import MissingName
from nas.store import Record, Results, Role
from nas.store.attributes import END, NETWORK, get, latency_values, record_of
from nas.store.record import OUTSIDE


@dataclass(frozen=True)
class Past:
    """A finished trial: whether it entered training, and how many parameters were drawn (independently) for it."""

    record: Record
    entered: bool
    drawn: tuple[int, int]
    costs: Mapping[str, float]

    def curve(self, goals: Goals) -> Iterator[tuple[int, tuple[float, ...], float]]:
        """Epoch, gains and excess over the budgets of each report that says enough."""
        for line in self.record.curve:
            values = {**self.costs, **line}
            try:
                yield int(line["epoch"]), goals.gains(values), goals.excess(values, self.record.decisions)
            except (MissingName, GoalError, KeyError):
                continue


@dataclass(frozen=True)
class Stock:
    """`left` are trials to go on with, those that had been training first; `begun` is how many of them those are."""

    trials: int
    finished: Sequence[Past]
    left: Sequence[FrozenTrial]
    begun: int


def take_stock(study: Study, results: Results, role: Role, gates: Gates, known: Known, asked: int | None) -> Stock:
    """Read a study; afterwards every trial is finished or among those to go on with, `asked` (None: any) at most.

    Fills `known`. Raises `StoreError`.
    """
    finished: list[Past] = []
    left: list[FrozenTrial] = []
    # Put in the queue by a driver that died before it asked.
    for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.ask()
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.state.is_finished():
            finished.append(_past(trial, results, role, known))
        elif trial.state is TrialState.RUNNING:
            end = get(trial.user_attrs, END)
            if end:
                finished.append(_past(_tell_again(study, gates.goals, trial, end, role), results, role, known))
            else:
                left.append(trial)
    # What had passed the gates comes first: a network must be known before its repeat is looked at.
    left.sort(key=lambda trial: (not get(trial.user_attrs, NETWORK), trial.number))
    begun = [trial for trial in left if _was_training(results, trial)]
    waiting = [trial for trial in left if trial not in begun]
    entered = sum(past.entered for past in finished)
    spare = len(waiting) if asked is None else max(0, asked - entered - len(begun))
    for trial in waiting[spare:]:
        drop(study, gates, trial, "more networks were ready than are asked for now")
    return Stock(len(trials), finished, begun + waiting[:spare], len(begun))


def _past(trial: FrozenTrial, results: Results, role: Role, known: Known) -> Past:
    network, end = get(trial.user_attrs, NETWORK), get(trial.user_attrs, END)
    entered = bool(end.get("entered"))
    key = network.get("folder") or end.get("key", "")
    record = record_of(trial, role, results.curve(key) if entered else ())
    if entered or (record.state in ("infeasible", "duplicate") and record.gate != OUTSIDE):
        # What a repeat was a repeat of may still have to go on, and must not be taken for one itself.
        first = trial.number if record.state != "duplicate" or record.source is None else record.source
        known.decisions.setdefault(as_key(record.decisions), first)
        if key:
            known.keys.setdefault(key, first)
    drawn = end.get("drawn", (0, 0))
    costs = {**network.get("values", {}), **latency_values(record.latency or {})}
    return Past(record, entered, (drawn[0], drawn[1]), costs)


def learn_again(stock: Stock, proposals: Proposals, gates: Gates) -> None:
    """Teach the predictor what earlier drivers measured, in the order in which they did."""
    for past in stock.finished:
        record = past.record
        if record.latency and record.gate != OUTSIDE:
            try:
                plan = proposals.decode(Draw(None, record.decisions))
            except InvalidArchitecture:  # written by another version of the blocks
                continue
            gates.learn(plan, record.latency, record.predicted)


def _was_training(results: Results, trial: FrozenTrial) -> bool:
    return bool(results.curve(get(trial.user_attrs, NETWORK).get("folder", "")))


def _tell_again(study: Study, goals: Goals, trial: FrozenTrial, end: Mapping[str, Any], role: Role) -> FrozenTrial:
    """A driver died between writing how a trial ended and telling it."""
    values = {**record_of(trial, role).values, **end["values"]}
    rest = {key: value for key, value in end.items() if key not in ("state", "values")}
    live = optuna.Trial(study, trial._trial_id)
    end_trial(study, live, end["state"], goals, values=values, constraints={}, end=rest)
    return study.get_trials(deepcopy=False)[trial.number]
