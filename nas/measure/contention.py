"""What else happened on the device while something was measured, from the counters of kernel, container and GPU."""

from __future__ import annotations

import re
import resource
import time
from pathlib import Path
from typing import Any

from nas.measure import gpu
from nas.measure.devices import Device
from nas.measure.host import CGROUP, allowed_cpus, frequency_mhz, read_text

# More of the time taken by the hypervisor than this, and the numbers are not ours.
MOST_STEAL = 0.05


class Watch:
    """Reads counters when made and again by `stop`, which tells the differences.

    Every entry is there only where the host offers it: `pressure` (the share of time in which some task waited for a
    processor), `steal` (the share the hypervisor took away), `switches` (times our process was made to wait),
    `quota_throttled` (periods in which the container had used up its share), `thermal_throttled` (processors' throttle
    events), `mhz`, and for a GPU `foreign_processes` and `gpu_throttled`.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._began = time.perf_counter()
        self._before = _counters()

    def stop(self) -> dict[str, Any]:
        seconds = time.perf_counter() - self._began
        after = _counters()
        change = {key: after[key] - value for key, value in self._before.items() if key in after}
        evidence: dict[str, Any] = {"switches": int(change["switches"])}
        if "pressure_us" in change:
            evidence["pressure"] = round(change["pressure_us"] / 1e6 / seconds, 4)
        if change.get("ticks"):
            evidence["steal"] = round(change["steal"] / change["ticks"], 4)
        for key in ("quota_throttled", "thermal_throttled"):
            if key in change:
                evidence[key] = int(change[key])
        if (mhz := frequency_mhz()) is not None:
            evidence["mhz"] = round(mhz)
        if self.device.kind == "cuda":
            evidence |= gpu.state(self.device.index, self.device.lock_name)
        return evidence


def throttled(evidence: dict[str, Any]) -> bool:
    """Whether processor, GPU or container was slowed down."""
    return bool(evidence.get("quota_throttled") or evidence.get("thermal_throttled") or evidence.get("gpu_throttled"))


def contended(evidence: dict[str, Any]) -> bool:
    """Whether the counters alone say that the device was not ours.

    Pressure and switches do not: what they touched is found, and left out, pair by pair.
    """
    return evidence.get("steal", 0.0) > MOST_STEAL or bool(evidence.get("foreign_processes"))


def _counters() -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, float] = {"switches": usage.ru_nivcsw}
    if (pressure := read_text("/proc/pressure/cpu")) and (total := re.search(r"some .*total=(\d+)", pressure)):
        found["pressure_us"] = int(total[1])
    if stat := read_text("/proc/stat"):
        ticks = [int(word) for word in stat.splitlines()[0].split()[1:9]]  # the last of these eight is steal
        found |= {"steal": ticks[7], "ticks": sum(ticks)}
    for file in (CGROUP / "cpu.stat", CGROUP / "cpu/cpu.stat"):
        if (text := read_text(file)) and (count := re.search(r"^nr_throttled (\d+)", text, re.MULTILINE)):
            found["quota_throttled"] = int(count[1])
    events = [
        int(text)
        for cpu in allowed_cpus()
        if (text := read_text(Path(f"/sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count")))
    ]
    if events:
        found["thermal_throttled"] = sum(events)
    return found
