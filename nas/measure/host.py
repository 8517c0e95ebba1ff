"""What this host says of itself: processor, usable cores, limits, load. Linux files where present, None where not."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def read_text(path: str | Path) -> str | None:
    """A small file of the kernel; None where there is none, or it may not be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def allowed_cpus() -> tuple[int, ...]:
    """The processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def cpu_quota(root: Path = CGROUP) -> float | None:
    """How many processors' worth of time the control group grants (a container's limit); None without a limit."""
    limit = read_text(root / "cpu.max")  # version 2: "200000 100000", or "max 100000"
    if limit is not None:
        parts = limit.split()
        return None if parts[0] == "max" else int(parts[0]) / int(parts[1])
    quota, period = read_text(root / "cpu/cpu.cfs_quota_us"), read_text(root / "cpu/cpu.cfs_period_us")
    if quota is None or period is None or int(quota) <= 0:
        return None
    return int(quota) / int(period)


@cache
def cpu_model() -> str:
    """The processor's name."""
    for line in (read_text("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@cache
def cpu_flags() -> frozenset[str]:
    """What the processor can do, in the kernel's words; empty where it does not tell."""
    lines = (read_text("/proc/cpuinfo") or "").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def virtualised() -> bool:
    """Whether a hypervisor runs this host: its other guests then disturb without a trace in our own counters."""
    return "hypervisor" in cpu_flags()


def governor() -> str | None:
    """Who sets the frequency: performance, powersave, schedutil, ..."""
    return read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def frequency_mhz() -> float | None:
    """The mean current frequency of the processors we may use, where the host tells."""
    files = [f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in allowed_cpus()]
    values = [int(text) for file in files if (text := read_text(file))]
    return sum(values) / len(values) / 1000 if values else None


def boot_id() -> str:
    """Changes with every start of the host, and with it perhaps the machine below a virtual one."""
    return read_text("/proc/sys/kernel/random/boot_id") or ""


def load_1min() -> float | None:
    """Runnable tasks, averaged over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
