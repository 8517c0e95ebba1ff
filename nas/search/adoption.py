"""Trials carried over to a changed space: as what they are where their network is in it, else as turned away."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.search.goals import Goals
from nas.search.proposals import START
from nas.search.spaces import Parameters, Space
from nas.search.trials import TOLD
from nas.store.attributes import END, LATENCY, NETWORK, get, put, record_of
from nas.store.record import OUTSIDE, Record

CONSTRAINT = "constraints:"  # how Optuna begins the system attribute of a constraint

Place = Callable[[Record], Mapping[str, Any] | None]


class Carrier:
    """Makes of the trials of one space those of another, number by number; values and times stay.

    `place` gives the decisions of a record's network in the new space, None where it is not there. Of those the records
    stay, turned away by the gate `outside`, which keeps what they were. `goals` are those of the new space: a network
    that was turned away for a constraint of the old one alone is forgotten. `kept` and `outside` count.
    """

    def __init__(self, space: Space, goals: Goals, place: Place, reason: str) -> None:
        self._goals = goals
        self._place = place
        self._reason = reason
        self._parameters = Parameters()
        self._by_name = {each.name: each for each in space.decisions}
        self.kept = 0
        self.outside = 0

    def carry(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        return [self._carried(trial) for trial in trials]

    def _carried(self, trial: FrozenTrial) -> FrozenTrial:
        network, end = get(trial.user_attrs, NETWORK), get(trial.user_attrs, END)
        record = record_of(trial, "candidate")
        if end.get("gate") == OUTSIDE:
            end = {key: value for key, value in (end | end["before"]).items() if key != "before" and value is not None}
        dropped = {"state": "failed", "gate": "dropped", "values": {}}
        if end.get("gate") == "dropped" or not (network or end):
            return _failed(trial, network, dropped | end)
        decisions = self._place(record)
        if decisions is None:
            self.outside += 1
            end = end or dropped  # it was in training
            before = {key: end.get(key) for key in ("state", "gate", "reason", "entered")}
            new = {"state": "infeasible", "gate": OUTSIDE, "reason": self._reason, "entered": False, "before": before}
            return _failed(trial, network, end | new | {"decisions": dict(record.decisions)})
        constraints = self._constraints(record, decisions)
        if end.get("gate") == "cost" and all(excess <= 0 for excess in constraints.values()):
            return _failed(trial, network, end | {"state": "failed", "gate": "dropped"})
        self.kept += 1
        told = TOLD[end["state"]] if trial.state.is_finished() else trial.state
        params = self._parameters.encode(decisions, self._by_name)
        start = get(trial.user_attrs, START)
        attributes = {
            NETWORK: network and network | {"decisions": dict(decisions)},
            END: end and end | {"decisions": dict(decisions)},
            START: start and start | {"decisions": dict(decisions)},
        }
        return _copy(
            trial,
            told,
            attributes,
            values=self._goals.values(record.values) if told is TrialState.COMPLETE else None,
            params=params,
            distributions={name: self._parameters.distribution(self._by_name[name]) for name in params},
            constraints=constraints,
        )

    def _constraints(self, record: Record, decisions: Mapping[str, Any]) -> dict[str, float]:
        """What is known of the constraints there are now: what was recorded, else what the values say."""
        keys = {budget.key for budget in (*self._goals.budgets, *self._goals.constraints)}
        recorded = {key: excess for key, excess in record.constraints.items() if key in keys}
        return self._goals.excesses(record.values, decisions) | recorded


def _failed(trial: FrozenTrial, network: Mapping[str, Any], end: Mapping[str, Any]) -> FrozenTrial:
    """A trial that no sampler learns from and that has no parameters.

    What was measured of one that was dropped is forgotten, for its decisions may mean another network now.
    """
    decisions = end.get("decisions")
    network = network and {**network, **({"decisions": decisions} if decisions else {})}
    attributes = {NETWORK: network, END: end, START: get(trial.user_attrs, START)}
    attributes |= {LATENCY: {}} if end["gate"] == "dropped" else {}
    return _copy(trial, TrialState.FAIL, attributes)


def _copy(
    trial: FrozenTrial,
    state: TrialState,
    attributes: Mapping[str, Mapping[str, Any]],
    *,
    values: Sequence[float] | None = None,
    params: Mapping[str, Any] | None = None,
    distributions: Mapping[str, Any] | None = None,
    constraints: Mapping[str, float] | None = None,
) -> FrozenTrial:
    user = {key: value for key, value in trial.user_attrs.items() if key.partition(".")[0] not in attributes}
    for key, value in attributes.items():
        if value:
            put(user.__setitem__, key, value)
    system = trial.system_attrs
    if constraints is not None:
        system = {key: value for key, value in system.items() if not key.startswith(CONSTRAINT)}
        system |= {CONSTRAINT + key: excess for key, excess in constraints.items()}
    now = datetime.datetime.now()
    return FrozenTrial(
        number=trial.number,
        state=state,
        value=None,
        values=values,
        datetime_start=trial.datetime_start or now,
        datetime_complete=(trial.datetime_complete or now) if state.is_finished() else None,
        params=dict(params or {}),
        distributions=dict(distributions or {}),
        user_attrs=user,
        system_attrs=dict(system),
        intermediate_values=dict(trial.intermediate_values),
        trial_id=trial._trial_id,
    )
