"""What a runner runs: work that opens a session for a job, and the session that yields one report an epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nas.errors import NasError

Job = Mapping[str, Any]


class Session(Protocol):
    """One network in training.

    Iterating trains one epoch a step and yields its numbers: `epoch` (from 1), `accuracy`, `loss`, `seconds`, ... as
    plain numbers. A session keeps its state in the job's folder, written so that a kill at any moment leaves the old
    state or the new one (`save` before an epoch is yielded). A session that is opened where there is such a state first
    yields the report of the epoch it has reached, again, and then goes on: so no report is lost between the file and
    the driver, and none is taken twice. A `NasError` that it raises ends the trial as failed, with that reason.
    """

    def __iter__(self) -> Iterator[Mapping[str, Any]]: ...

    def close(self) -> None:
        """Give back what the session holds; called once, also after an error or an early stop."""
        ...


class Work(Protocol):
    """How a job is trained; picklable, for it travels to the trainers.

    A job is `Candidate.job()`: trial, role, name, arch_id, folder, architecture (JSON), decisions, values, epochs.
    """

    def open(self, job: Job) -> Session:
        """Raises `NasError` when the network cannot be trained."""
        ...


@dataclass(frozen=True)
class Resources:
    """What a trial gets, and how many run at a time.

    `gpus` may be a fraction, so that several share one; `custom` names further Ray resources. `address` joins a running
    Ray cluster (`auto`, `HOST:PORT`), as `$RAY_ADDRESS` does where it is set, else one is started here. On a cluster
    the results folder must be a path that every node reaches: reports travel through Ray, checkpoints are files in the
    trial's folder.
    """

    concurrent: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    custom: Mapping[str, float] = field(default_factory=dict)
    address: str | None = None

    def __post_init__(self) -> None:
        for name, value, least in (("concurrent", self.concurrent, 1), ("cpus", self.cpus, 0), ("gpus", self.gpus, 0)):
            if value < least:
                raise NasError(f"resources: {name} must be at least {least}, but got {value}")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise NasError(f"resources: gpus must be a fraction below 1 or a whole number, but got {self.gpus}")


def join_at(address: str | None) -> str | None:
    """Where the Ray cluster to be joined is: at `address`, or else at `$RAY_ADDRESS`; None: one is started here."""
    return address or os.environ.get("RAY_ADDRESS") or None
