"""The energy of an image, where the host has a counter: RAPL for processors, NVML for GPUs; None where it has not.

Counters tell what the whole processor package or GPU drew, idle parts included, so a number counts for a device that
does nothing else; it is what the wall socket sees, not what the arithmetic alone costs.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nas.measure import gpu
from nas.measure.clock import Clock, Run
from nas.measure.devices import Device
from nas.measure.host import allowed_cpus, read_text

POWERCAP = Path("/sys/class/powercap")
CPUS = Path("/sys/devices/system/cpu")

WINDOWS = 5
WINDOW_S = 0.3  # counters are written every 1 ms (RAPL) to 100 ms (NVML)

Counter = Callable[[], int]


class Rapl:
    """The energy counters of processor packages, in microjoules: sysfs of Linux, Intel and AMD alike."""

    def __init__(self, folders: list[Path]) -> None:
        self._files = [folder / "energy_uj" for folder in folders]
        self._ranges = [int(read_text(folder / "max_energy_range_uj") or 0) for folder in folders]

    def read(self) -> list[int]:
        return [int(file.read_text()) for file in self._files]

    def millijoules(self, before: list[int], after: list[int]) -> float:
        """What was drawn between two readings, at most one turn of a counter apart."""
        spent = 0
        for a, b, whole in zip(before, after, self._ranges, strict=True):
            spent += b - a if b >= a else b - a + whole
        return spent / 1e3


class Nvml:
    """The energy counter of a GPU since its driver was loaded, in millijoules (Volta and later)."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle

    def read(self) -> list[int]:
        found = ctypes.c_ulonglong()
        if self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(found)) != 0:
            raise OSError("the driver does not tell the energy of this GPU")
        return [found.value]

    def millijoules(self, before: list[int], after: list[int]) -> float:
        return float(after[0] - before[0])


def counter(device: Device) -> Rapl | Nvml | None:
    """The counter of what the device draws, None where the host offers none that this process may read."""
    found = nvml(device.index) if device.kind == "cuda" else rapl(device.cpus or allowed_cpus())
    try:
        if found is None or not found.read():
            return None
    except (OSError, ValueError):  # counters of processors are for root alone on most systems
        return None
    return found


def why_not(device: Device) -> str:
    """What to do where there is no counter."""
    if device.kind == "cuda":
        return "the driver offers no energy counter of this GPU (NVML, Volta and later)"
    return f"no RAPL counter can be read under {POWERCAP} (virtual machines have none; others let only root read it)"


def rapl(cpus: tuple[int, ...], root: Path | None = None, topology: Path | None = None) -> Rapl | None:
    """The counters of the packages that the processors belong to; of all packages where that is not told."""
    root, topology = root or POWERCAP, topology or CPUS
    packages = {read_text(topology / f"cpu{cpu}" / "topology" / "physical_package_id") for cpu in cpus}
    folders = []
    for folder in sorted(root.glob("intel-rapl:*")):
        name = read_text(folder / "name") or ""  # package-0; parts of it (core, dram, uncore) and psys are left out
        kind, _, number = name.partition("-")
        if kind == "package" and folder.name.count(":") == 1 and (None in packages or number in packages):
            folders.append(folder)
    return Rapl(folders) if folders else None


@cache
def nvml(index: int) -> Nvml | None:
    """The counter of a GPU by the driver's library, without any package."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle = ctypes.c_void_p()
    if library.nvmlInit_v2() != 0:
        return None
    if library.nvmlDeviceGetHandleByUUID(gpu.uuid_of(index).encode(), ctypes.byref(handle)) != 0:
        return None
    return Nvml(library, handle)


def per_image(run: Run, clock: Clock, device: Device, run_s: float) -> dict[str, float] | None:
    """Millijoules an image while inferences run back to back: the median of five windows, and their spread.

    `energy_mj`, `energy_low_mj` and `energy_high_mj` (least and greatest window), `power_w`. None without a counter.
    """
    found = counter(device)
    if found is None:
        return None
    count = max(1, math.ceil(WINDOW_S / run_s))
    energies, powers = [], []
    for _ in range(WINDOWS):
        before, began = found.read(), time.perf_counter()
        clock.times(run, 0, count)
        spent, seconds = found.millijoules(before, found.read()), time.perf_counter() - began
        energies.append(spent / (count * device.batch))
        powers.append(spent / 1e3 / seconds)
    if min(energies) <= 0:  # a counter that stands still tells nothing
        return None
    return {
        "energy_mj": float(np.median(energies)),
        "energy_low_mj": min(energies),
        "energy_high_mj": max(energies),
        "power_w": float(np.median(powers)),
    }
