"""Blocks measured alone on a device, remembered for every space that has them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.arch import Step
from nas.errors import DeviceError, DeviceGone, InvalidArchitecture
from nas.measure import Device
from nas.measure.alone import QUICK, Alone
from nas.measure.predictor import BlockTimes, Key, blocks_to_measure
from nas.measure.predictor.blocks import FEWEST
from nas.store.files import append_line, read_lines, writing
from nas.study.calibration_log import digest
from nas.study.calibrations import Measures
from nas.study.spaces import catalogue

IN_A_ROW = 5  # failures, after which no more are tried


def block_file(folder: Path, device: Device) -> Path:
    """The file of JSON lines in a folder of calibrations that has the times of blocks on a device."""
    name = re.sub(r"[^A-Za-z0-9._]+", "_", device.name)[:40]
    return folder / f"blocks-{name}-{hashlib.sha256(device.key.encode()).hexdigest()[:8]}.jsonl"


def time_blocks(
    steps: Sequence[Step],
    count: int,
    device: Device,
    meter: Measures,
    file: Path,
    late: Callable[[], bool],
    on_block: Callable[[int, int], None],
    *,
    anew: bool = False,
) -> BlockTimes | None:
    """The times of `count` blocks among these, and through them of all others; None where fewer than 3 can be measured.

    Each is appended to the file the moment it is measured, and taken from there in the same environment (not `anew`).
    `late` says when to stop; `on_block` is told how many are known, and of how many. `meter` measures `Alone`s. Raises
    `StoreError`, and `DeviceGone` of the meter.
    """
    chosen = {Alone.of(step): step for step in blocks_to_measure(steps, catalogue().step, count)}
    known: dict[str, float] = {}
    key, row = "", 0
    for place, alone in enumerate(chosen, 1):
        if alone.arch_id not in known:
            if late() or row == IN_A_ROW:
                break
            try:
                found = meter.measure(alone)
            except DeviceGone:
                raise
            except (DeviceError, InvalidArchitecture):  # such as an operator that the runtime lacks
                row += 1
                continue
            row = 0
            if not key:  # only now the environment is known
                key = digest(Key("", device.key, found.environment, QUICK.model_dump(mode="json")))
                known = {} if anew else _remembered(file, key)
            known[alone.arch_id] = found.p50
            _remember(file, key, alone, found.p50)
        on_block(place, len(chosen))
    measured = [(step, known[alone.arch_id]) for alone, step in chosen.items() if alone.arch_id in known]
    if len(measured) < FEWEST:
        return None
    kept, ms = zip(*measured, strict=True)
    return BlockTimes.measured(kept, ms, catalogue().step)


def time_each(
    steps: Sequence[Step],
    device: Device,
    meter: Measures,
    file: Path,
    environment: Mapping[str, Any],
    on_block: Callable[[int, int], None],
) -> dict[str, float | str]:
    """The time of every different block among these in ms, or why it cannot be measured alone, by `Alone.arch_id`.

    `environment` is that of a measurement just taken on the device: times that the file has from the same environment
    are not taken again, others are appended to it. Raises `StoreError`, and `DeviceGone` of the meter.
    """
    different = {alone.arch_id: alone for alone in map(Alone.of, steps)}
    key = digest(Key("", device.key, environment, QUICK.model_dump(mode="json")))
    remembered = _remembered(file, key)
    found: dict[str, float | str] = {}
    for place, (arch_id, alone) in enumerate(different.items(), 1):
        if arch_id in remembered:
            found[arch_id] = remembered[arch_id]
        else:
            try:
                found[arch_id] = meter.measure(alone).p50
            except DeviceGone:
                raise
            except (DeviceError, InvalidArchitecture) as error:
                found[arch_id] = str(error)
            else:
                _remember(file, key, alone, float(found[arch_id]))
        on_block(place, len(different))
    return found


def _remember(file: Path, key: str, alone: Alone, ms: float) -> None:
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    append_line(file, {"block": alone.arch_id, "key": key, "ms": ms})


def _remembered(file: Path, key: str) -> dict[str, float]:
    """The last time of each block in this environment."""
    return {line["block"]: line["ms"] for line in read_lines(file) if line.get("key") == key}
