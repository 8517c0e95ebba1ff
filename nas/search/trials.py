"""A network on its way through training, and how its end is written to the Optuna study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import TrialState

from nas.arch import Plan
from nas.search.goals import Goals
from nas.search.learning_curves import Foretold
from nas.store import Role, State
from nas.store.attributes import END, PROMOTED, RUNGS, put
from nas.store.storage import quiet, storage_errors

# A duplicate is told as failed, which every sampler leaves out of its model; what a gate turned away as pruned with a
# violated constraint, which is how TPE learns where networks are infeasible.
TOLD: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "duplicate": TrialState.FAIL,
}


@dataclass(frozen=True)
class Candidate:
    """A network that passed the gates. `values` has its costs and latency, `folder` is where its files belong.

    `key` is the folder's name; `epochs` says up to which it trains now: to the last rung, or to the next.
    """

    trial: int
    role: Role
    key: str
    folder: Path
    plan: Plan
    decisions: Mapping[str, Any]
    values: Mapping[str, float]
    constraints: Mapping[str, float]
    epochs: int
    name: str = ""

    @property
    def arch_id(self) -> str:
        return self.plan.arch_id

    def job(self) -> dict[str, Any]:
        """What a trainer on another machine needs, as JSON."""
        return {
            "trial": self.trial,
            "role": self.role,
            "name": self.name,
            "arch_id": self.arch_id,
            "folder": str(self.folder.resolve()),
            "architecture": self.plan.architecture.to_json(),
            "decisions": dict(self.decisions),
            "values": dict(self.values),
            "epochs": self.epochs,
        }


@dataclass
class InTraining:
    """What is known of a candidate while it trains or pauses; the engine guards it with its lock.

    `rungs` has the values of the objectives at each rung below the last, by its epoch; it is not `compared` where they
    are known only at the end. So many of them are `noted` in the storage, and from which it was last `promoted`.
    `curve` has the gains at each epoch, `foretold` what has ended it early.
    """

    candidate: Candidate
    trial: optuna.Trial
    values: dict[str, float]
    drawn: tuple[int, int] = (0, 0)
    epoch: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.time)
    closing: bool = False
    rungs: dict[str, list[float]] = field(default_factory=dict)
    noted: int = 0
    promoted: str | None = None
    compared: bool = True
    curve: dict[int, tuple[float, ...]] = field(default_factory=dict)
    foretold: Foretold | None = None

    def absorb(self, line: Mapping[str, Any]) -> None:
        """Take over the numbers of a report; an epoch that is reported again, after a restart, counts its time once."""
        epoch = int(line.get("epoch", self.epoch + 1))
        if epoch > self.epoch:
            self.seconds += float(line.get("seconds", 0.0))
        self.epoch = epoch
        for name, value in line.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in ("epoch", "seconds"):
                self.values[name] = value


def note_rungs(item: InTraining) -> None:
    """Write down what a trial has reached at its rungs, where that is not written yet. Raises `StoreError`."""
    if len(item.rungs) > item.noted:
        with quiet(), storage_errors():
            item.trial.set_user_attr(RUNGS, item.rungs)
        item.noted = len(item.rungs)


def note_promoted(item: InTraining) -> None:
    """Write down that a trial goes on from the last rung that it has reached. Raises `StoreError`."""
    last = next(reversed(item.rungs), None)
    if last != item.promoted:
        with quiet(), storage_errors():
            item.trial.set_user_attr(PROMOTED, last)
        item.promoted = last


def end_trial(
    study: Study,
    trial: optuna.Trial,
    state: State,
    goals: Goals,
    *,
    values: Mapping[str, float],
    constraints: Mapping[str, float],
    end: Mapping[str, Any],
    epoch: int | None = None,
) -> None:
    """Write constraints, then everything about the end, then tell Optuna: whoever is killed between can go on from it.

    Raises `StoreError`.
    """
    with storage_errors():
        written = trial.constraints if constraints else {}
        for key, excess in constraints.items():
            if key not in written:
                trial.set_constraint(key, excess)
        put(trial.set_user_attr, END, {"state": state, "values": dict(values), **end})
        if state == "pruned" and epoch is not None and len(goals.objectives) == 1:
            # What Optuna ranks pruned trials by; for several objectives it has no such value.
            trial.report(goals.values(values)[0], epoch)
        told = TOLD[state]
        study.tell(trial, goals.values(values) if told is TrialState.COMPLETE else None, state=told)
