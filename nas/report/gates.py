"""How many candidates each gate let through, from the first question to a trained network within the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nas.store.record import GATES, Record


@dataclass(frozen=True)
class Gate:
    """One step of the way: how many came, how many went on, and the commonest reasons of the others."""

    name: str
    came: int
    went_on: int
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def lost(self) -> int:
        return self.came - self.went_on


def gates(records: Sequence[Record]) -> list[Gate]:
    """The steps in their order: the gates, failures, each rung, the budget of the trained ones. Candidates only.

    A gate unknown here stands after the known ones; that of the predictor is there where it turned anything away.
    Trials that still run count as gone on as far as training.
    """
    left = [r for r in records if r.role == "candidate"]
    steps: list[Gate] = []

    def step(name: str, lost: Sequence[Record]) -> None:
        gone = {id(r) for r in lost}
        reasons = Counter(r.reason for r in lost if r.reason)
        steps.append(Gate(name, len(left), len(left) - len(gone), tuple(reasons.most_common(3))))
        left[:] = [r for r in left if id(r) not in gone]

    seen = {r.gate for r in left if r.gate}
    names = dict.fromkeys([*(g for g in GATES if g != "predicted" or g in seen), *sorted(seen)])
    for name in names:
        step(name, [r for r in left if gate_of(r) == name])
    failed = [r for r in left if r.state == "failed"]
    if failed:
        step("failed", failed)
    running = [r for r in left if r.state == "running"]
    if running:
        step("still running", running)
    hopeless = [r for r in left if r.foretold]
    if hopeless:
        step("learning curve", hopeless)
    for epochs in sorted({r.epochs for r in left if r.state == "pruned"}):
        name = f"rung at epoch {epochs}" if epochs else "stopped early"
        step(name, [r for r in left if r.state == "pruned" and r.epochs == epochs])
    step("budget", [r for r in left if not r.feasible])
    return steps


def gate_of(record: Record) -> str | None:
    """What rejected a candidate before training; a repeat and an infeasible one without a named gate have one too."""
    if record.gate is not None:
        return record.gate
    return "duplicate" if record.state == "duplicate" else None
