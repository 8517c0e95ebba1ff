"""Calibrations kept between runs: a latency predictor of one space on one device, and whether it still holds."""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from nas.arch import Plan
from nas.errors import NasError
from nas.measure import Device, Latency, Measurable
from nas.measure import Protocol as Procedure
from nas.measure.predictor import BlockTimes, Counts, HeldOutError, Key, Predictor, StaleCalibration, count_plan
from nas.space import Space
from nas.store.files import read_json, write_text, writing
from nas.study.spaces import catalogue


class Measures(Protocol):
    """What measures; `nas.measure.Meter` is one."""

    def measure(self, architecture: Measurable, budget_ms: float | None = None) -> Latency: ...


# A network that was measured when calibrating may take this much longer or shorter now, beyond both intervals.
SLACK = 0.05


@dataclass(frozen=True)
class Witness:
    """A network that was measured when calibrating, to be measured again: whether times are still what they were.

    `low` and `high` are the interval of `ms` then.
    """

    decisions: Mapping[str, Any]
    arch_id: str
    ms: float
    low: float
    high: float

    def differs(self, latency: Mapping[str, Any]) -> float | None:
        """By what factor the network is slower now (below one: faster), None where it is what it was.

        A measurement that is not trusted tells nothing.
        """
        if not latency["trusted"]:
            return None
        slack = 1 + SLACK
        same = latency["low"] <= self.high * slack and latency["high"] * slack >= self.low
        return None if same else float(latency["p50"]) / self.ms

    def measure(self, plan: Plan, meter: Measures) -> dict[str, Any]:
        """A measurement of it now, as JSON; a second one where the first differs, for one may be off by chance."""
        latency = meter.measure(plan.architecture).to_json()
        return latency if self.differs(latency) is None else meter.measure(plan.architecture).to_json()


class Taken(Protocol):
    """A measured network; `nas.study.calibration_log.Measured` is one."""

    @property
    def decisions(self) -> Mapping[str, Any]: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def latency(self) -> Mapping[str, Any]: ...
    @property
    def ms(self) -> float: ...


def witness_of(measured: Sequence[Taken]) -> Witness:
    """The network of middle time among those that are trusted, where there are any: neither noise nor overhead."""
    ordered = sorted([each for each in measured if each.latency["trusted"]] or measured, key=lambda each: each.ms)
    middle = ordered[len(ordered) // 2]
    bounds = middle.latency["low"], middle.latency["high"]
    return Witness(middle.decisions, middle.plan.arch_id, middle.ms, *bounds)


@dataclass(frozen=True)
class Calibration:
    """A predictor with its error on networks it had not learnt from, and a network to try it on.

    `about` has what a person may want to know: space, device, date, minutes, networks measured and not trusted.
    `blocks` are the times of blocks alone from which predictions start, None where there are none.
    """

    predictor: Predictor
    held_out: HeldOutError | None
    witness: Witness
    about: Mapping[str, Any] = field(default_factory=dict)
    blocks: BlockTimes | None = None

    def count(self, plan: Plan) -> Counts:
        """What the predictor sees of a network."""
        return count(plan, self.blocks)

    def __str__(self) -> str:
        low, high = self.about["range_ms"]
        error = self.held_out or self.predictor.error
        return f"{error}, {low:.3g} to {high:.3g} ms, of {self.about['date'][:10]}"

    def write(self, file: Path) -> None:
        """Replace the file in one step. Raises `StoreError`."""
        with writing(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
        document = {
            **self.predictor.to_json(),
            "held_out": self.held_out.to_json() if self.held_out else None,
            "witness": self.witness.__dict__,
            "blocks": self.blocks.to_json() if self.blocks else None,
            "about": {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), **self.about},
        }
        write_text(file, json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n")


def count(plan: Plan, blocks: BlockTimes | None = None) -> Counts:
    """What a predictor sees of a network; with the times of blocks, that their sum is expected."""
    return count_plan(plan, catalogue().step, blocks.total(plan) if blocks is not None else None)


def read_calibration(file: Path) -> Calibration:
    """The calibration of a file. Raises an error that names the file for anything `Calibration.write` did not write.

    Whether it holds here and now is another question: see `Key.check` and `Witness.differs`.
    """
    data = read_json(file)
    if data is None:
        raise NasError(f"no file {file}: a calibration must be one that `nas calibrate` wrote")
    try:
        predictor = Predictor.from_json(data)
        held_out = data["held_out"] and HeldOutError.from_json(data["held_out"])
        blocks = data.get("blocks") and BlockTimes.from_json(data["blocks"], catalogue().step)
        return Calibration(predictor, held_out or None, Witness(**data["witness"]), data["about"], blocks or None)
    except NasError as error:
        raise NasError(f"{file}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NasError(
            f"{file}: a calibration must be what `nas calibrate` wrote, but reading gave {error!r}"
        ) from error


def identity(space: Space) -> str:
    """The space's name, and a hash of all in it that changes its networks: classes and resolution do, `train` not."""
    tree = {key: value for key, value in space.tree.plain().items() if key not in ("nas", "name", "about", "train")}
    tree |= {"classes": space.classes, "input": {"channels": 3, **tree.get("input", {})}}
    text = json.dumps(tree, sort_keys=True)
    return f"{space.name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def key_of(space: Space, device: Device, protocol: Procedure, environment: Mapping[str, Any]) -> Key:
    """What a calibration holds for; `environment` is that of a measurement on the device."""
    return Key(identity(space), device.key, environment, protocol.model_dump(mode="json"))


def check_here(
    calibration: Calibration,
    space: Space,
    device: Device,
    protocol: Procedure,
    latency: Mapping[str, Any] | None = None,
) -> None:
    """Raises `StaleCalibration` that says what is not as it was when calibrating.

    Without `latency`, a measurement of its witness, only what is known beforehand is compared: space, device, protocol.
    """
    then = calibration.predictor.key
    environment = latency["environment"] if latency is not None else then.environment
    then.check(key_of(space, device, protocol, environment))
    witness = calibration.witness
    if latency is not None and witness.differs(latency) is not None:
        raise StaleCalibration({f"the time of its network {witness.arch_id}, ms": (witness.ms, latency["p50"])})


def folder() -> Path:
    """Where calibrations are kept: in the user's data folder."""
    return platformdirs.user_data_path("nas") / "calibrations"


def file_for(space: Space, device: Device) -> Path:
    """The file of a space on a device of this host, within `folder()`."""
    text = "|".join((identity(space), device.key, platform.node()))
    return folder() / f"{_prefix(space, device)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


def kept_for(space: Space, device: Device) -> Iterator[Path]:
    """The files of a space and device of these names, whether they hold here or not; the likeliest first."""
    first = file_for(space, device)
    others = sorted(folder().glob(f"{_prefix(space, device)}-????????.json"))
    yield from (path for path in dict.fromkeys((first, *others)) if path.is_file())


def _prefix(space: Space, device: Device) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", name)[:40] for name in (space.name, device.name))
