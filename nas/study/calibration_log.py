"""The measurements of a calibration as JSON lines, one appended the moment it is taken, so that none is ever lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.measure.predictor import Counts, Key, tells
from nas.space import Space
from nas.store.files import append_line, read_lines, writing


@dataclass(frozen=True)
class Measured:
    """One measured network; `test`: it is held out, to tell the error of what was learnt from the others.

    `proposed`: the predictor chose it, it was not drawn at random. `seconds` is what it took in all, building and
    waiting for the device included.
    """

    decisions: Mapping[str, Any]
    plan: Plan
    counts: Counts
    test: bool
    proposed: bool
    latency: Mapping[str, Any]
    seconds: float

    @property
    def ms(self) -> float:
        return float(self.latency["p50"])

    @property
    def tells(self) -> bool:
        """Whether it is exact enough to learn from and to test on."""
        return tells(self.latency)


class CalibrationLog:
    """The lines of one space on one device; those of another environment stay in the file and are left out.

    `count` says what a predictor sees of a network.
    """

    def __init__(self, file: Path, space: Space, count: Callable[[Plan], Counts]) -> None:
        self.file = file
        self._space = space
        self._count = count

    def read(self, key: Key) -> list[Measured]:
        """What was measured under this key, each network once. Raises `StoreError` for a file that cannot be read."""
        found: dict[str, Measured] = {}
        for line in read_lines(self.file):
            if line.get("key") != digest(key):
                continue
            try:
                plan = self._space.decode(line["decisions"])
            except InvalidArchitecture:  # written by another version, in which this network could be built
                continue
            if plan.arch_id not in found:
                found[plan.arch_id] = self._measured(plan, line)
        return list(found.values())

    def last(self) -> Mapping[str, Any] | None:
        """The line of the network that was measured last, a trusted one if there is any, whatever the environment."""
        lines = [line for line in read_lines(self.file) if "decisions" in line]
        return next((line for line in reversed(lines) if line["latency"]["trusted"]), lines[-1] if lines else None)

    def add(
        self,
        plan: Plan,
        decisions: Mapping[str, Any],
        latency: Mapping[str, Any],
        key: Key,
        *,
        test: bool,
        proposed: bool,
        seconds: float,
    ) -> Measured:
        """Append one measurement. Raises `StoreError`."""
        line = {
            "arch_id": plan.arch_id,
            "decisions": decisions,
            "test": test,
            "proposed": proposed,
            "seconds": round(seconds, 3),
            "key": digest(key),
            "latency": latency,
        }
        with writing(self.file.parent):
            self.file.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.file, line)
        return self._measured(plan, line)

    def _measured(self, plan: Plan, line: Mapping[str, Any]) -> Measured:
        return Measured(
            line["decisions"],
            plan,
            self._count(plan),
            line["test"],
            line.get("proposed", not line["test"]),  # older lines do not say
            line["latency"],
            line["seconds"],
        )


def lines_beside(file: Path) -> Path:
    """Where the measurements of a calibration are."""
    return file.with_name(f"{file.stem}.measured.jsonl")


def digest(key: Key) -> str:
    """A key in sixteen hex digits; what changes from minute to minute (date, load) is left out."""
    return hashlib.sha256(json.dumps(key.lasting(), sort_keys=True).encode()).hexdigest()[:16]
